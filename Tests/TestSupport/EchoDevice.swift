// SPDX-License-Identifier: MIT
internal import CVirtqueue
public import SystemPackage
public import Virtqueue

/// The other side of `MockDriver`: answers each buffer with what it reads there, changed.
public struct EchoDevice: ~Copyable {
    public var queue: DeviceQueue

    public init(
        _ addresses: RingAddresses,
        table: GuestMemoryTable,
        features: UInt64,
        batch: Int = 32
    ) throws(Errno) {
        queue = try DeviceQueue(addresses, table: table, features: features, batch: batch)
    }

    /// What must be in the writable part of a buffer: the readable part again and again, each byte changed.
    public static func answer(_ given: [UInt8], count: Int) -> [UInt8] {
        (0..<count).map { given.isEmpty ? 0xa5 : given[$0 % given.count] ^ 0x5a }
    }

    /// Serves one batch.
    ///
    /// - Returns: how many buffers.
    public mutating func serve() throws(Errno) -> Int {
        let count = try queue.pop()
        var used: [UsedChain] = []
        for index in 0..<count {
            var given = [UInt8](repeating: 0, count: Int(queue.readableBytes(index)))
            var bytes = given.mutableSpan
            // Any bytes are an answer.
            var raw = unsafe bytes.mutableBytes
            try queue.read(index, offset: 0, into: &raw)
            let answer = Self.answer(given, count: Int(queue.writableBytes(index)))
            try queue.write(index, offset: 0, unsafe answer.span.bytes)
            used.append(UsedChain(id: queue.head(index), len: UInt32(answer.count)))
        }
        if count > 0 { queue.push(used.span) }
        return count
    }
}

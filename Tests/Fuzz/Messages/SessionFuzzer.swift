// SPDX-License-Identifier: MIT
import LinuxSystem
import SCSITarget
import SystemPackage
import VhostUser
import VhostUserSCSI

/// Plays front-ends of any kind to the whole target: its session, its rings and the threads that serve them.
///
/// An input says first what is in the guest's memory, and then, message by message, what the front-end sends. Most
/// messages have the fields of the protocol at values that can be; some are bytes as they come.
enum SessionFuzzer {
    private static let memoryBytes = 1 << 16
    /// The front-end's address of its memory.
    private static let frontEnd: UInt64 = 1 << 40

    /// How many descriptors this process has open.
    static func descriptors() -> Int {
        (0..<256).count { FileDescriptor(rawValue: CInt($0)).isOpen }
    }

    /// Whatever the bytes are, the end of the connection is the worst that may come of them.
    static func run(_ bytes: [UInt8]) {
        do {
            try serve(bytes)
        } catch is VhostUserRefusal {
            // As it should be.
        } catch Errno.resourceTemporarilyUnavailable {
            // The front-end sends more than its socket holds.
        } catch {
            fatalError("\(error)")
        }
    }

    private static func serve(_ bytes: [UInt8]) throws {
        let units = UnitMap()
        let memory = try SharedMemory(name: "guest", byteCount: memoryBytes)
        let store = try RAMStore(byteCount: 1 << 16)
        let unit = LogicalUnit(store: store, identity: UnitIdentity(serial: "fuzz"))
        units.attach(unit, store: store, target: 0, lun: 0)
        let protection = UnitProtection(.one, tuples: try MemoryTuples(blocks: 1 << 7))
        let other = LogicalUnit(store: store, identity: UnitIdentity(serial: "1"), protection: protection)
        units.attach(other, store: store, target: 0, lun: 1)
        let device = SCSIHostDevice(units, nexus: Nexus("fuzz"), spin: .zero) { _ in }
        let (near, far) = try UnixSocket.pair()
        for end in [near, far] { try SystemCalls.setNonBlocking(end.descriptor) }
        let event = try EventFD()
        let files = try [memory.descriptor.rawValue, event.number].map { number in
            PassedDescriptor(try OwnedDescriptor(duplicating: number))
        }
        let session = try BackendSession(near, device) { _ in }
        defer { session.close() }
        let front = MessageSocket(far)
        var input = FuzzInput(bytes)
        let content = input.bytes(Int(input.byte()) * 16)
        memory.write(content.span, at: 0)
        while !input.isEmpty {
            try send(&input, front, files)
            guard try session.handleMessages() else { return }
            device.serveControl()
            // Answers are of any kind; nobody waits for them.
            while case .message = try front.receive() {}
        }
    }

    private static func send(
        _ input: inout FuzzInput,
        _ socket: MessageSocket,
        _ files: [PassedDescriptor]
    ) throws {
        let kind = input.byte()
        let rights = [[], [files[0]], [files[1]], files][Int(kind & 3)]
        if kind & 0xfc == 0xfc {
            return try socket.socket.send([input.byte()] + input.bytes(15), rights: rights.map(\.number))
        }
        let payload = payload(&input, kind >> 2 & 7)
        guard let request = VhostUserRequest(rawValue: UInt32(input.byte() % 41)) else { return }
        try socket.send(VhostUserMessage(request, payload, rights: rights, needsReply: kind & 0x20 != 0))
    }

    private static func payload(_ input: inout FuzzInput, _ shape: UInt8) -> [UInt8] {
        switch shape {
        case 0: return []
        // A ring and a number; a power of two is a size.
        case 1: return UInt32(input.byte() & 3).littleEndianBytes + UInt32(input.byte()).littleEndianBytes
        case 2: return (UInt64(1) << (input.byte() & 63) | 1 << 32).littleEndianBytes
        case 3:
            let places = (0..<4).map { _ in frontEnd + UInt64(input.byte()) * 256 }
            return UInt32(input.byte() & 3).littleEndianBytes + UInt32(input.byte() & 1).littleEndianBytes
                + places.flatMap(\.littleEndianBytes)
        case 4:
            let start = UInt64(input.byte() & 15) * 4096
            let region = [0x10000 + start, UInt64(memoryBytes) - start, frontEnd + start, start]
            return UInt64(input.byte() & 1).littleEndianBytes + region.flatMap(\.littleEndianBytes)
        case 5:
            let (queues, size) = (UInt16(input.byte() & 3), UInt16(input.byte()))
            return UInt64(0).littleEndianBytes + UInt64(input.byte() & 8).littleEndianBytes
                + queues.littleEndianBytes + size.littleEndianBytes
        case 6:
            return UInt64(input.byte()).littleEndianBytes + UInt64(input.byte() & 8).littleEndianBytes
        default: return input.bytes(Int(input.byte()))
        }
    }
}

/// A fuzzer's input as a stream of bytes; zeroes when it is used up.
private struct FuzzInput {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    var isEmpty: Bool { rest.isEmpty }

    mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }

    /// As many as there are, at most `count`.
    mutating func bytes(_ count: Int) -> [UInt8] {
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }
}

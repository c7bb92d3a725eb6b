// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

/// Memory in which a back-end notes what it has taken and not answered, so that the next one can go on.
///
/// The front-end keeps the file across connections. One part for each ring, 64-byte aligned, in the layout of the
/// protocol's split rings.
public final class InflightArea: Sendable {
    /// How many rings there are parts for.
    public let queueCount: Int
    /// The most entries that a ring may have.
    public let queueSize: Int
    let file: PassedDescriptor
    private let mapping: PeerMapping
    private let offset: Int

    /// The bytes that one ring takes: a header of 16 and 16 for each descriptor.
    static func partBytes(_ queueSize: Int) -> Int { (16 + queueSize * 16 + 63) / 64 * 64 }

    /// The bytes of all parts.
    var byteCount: Int { queueCount * Self.partBytes(queueSize) }

    /// What both requests about an area say of it.
    var encoded: [UInt8] {
        UInt64(byteCount).littleEndianBytes + UInt64(offset).littleEndianBytes
            + UInt16(queueCount).littleEndianBytes + UInt16(queueSize).littleEndianBytes
    }

    /// Whether its file was truncated under us.
    var isLost: Bool { mapping.isLost }

    /// Makes an area of zeroes, in which nothing is in flight.
    init(queueCount: Int, queueSize: Int) throws(Errno) {
        let bytes = queueCount * Self.partBytes(queueSize)
        file = PassedDescriptor(try SharedMemory.makeFile(name: "inflight", byteCount: bytes))
        mapping = try PeerMapping(file, byteCount: UInt64(bytes))
        offset = 0
        self.queueCount = queueCount
        self.queueSize = queueSize
    }

    /// Takes over an area.
    ///
    /// - Parameter lost: the eventfd that is signalled when its file was truncated under us.
    init(
        _ file: PassedDescriptor,
        offset: UInt64,
        queueCount: Int,
        queueSize: Int,
        lost: PassedDescriptor? = nil
    ) throws(Errno) {
        let bytes = UInt64(queueCount * Self.partBytes(queueSize))
        guard offset <= UInt64(Int32.max), offset % 8 == 0 else { throw .invalidArgument }
        mapping = try PeerMapping(file, byteCount: offset + bytes, lost: lost)
        self.file = file
        self.offset = Int(offset)
        self.queueCount = queueCount
        self.queueSize = queueSize
    }

    /// The address in this process of a ring's part; nil where there is none, or the ring has more entries than it.
    public func part(of ring: Int, size: Int) -> UInt64? {
        guard ring < queueCount, size <= queueSize else { return nil }
        return mapping.mapping.address + UInt64(offset + ring * Self.partBytes(queueSize))
    }
}

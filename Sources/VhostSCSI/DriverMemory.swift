// SPDX-License-Identifier: MIT
internal import CVirtqueue
internal import LinuxSystem
internal import SystemPackage

/// The guest memory of a driver that has no guest: rings, request slots and data buffers in one mapping.
///
/// A slot has 256 bytes (the request header at 0, the response at 64, the indirect table at 176) and a data buffer of
/// its own, so that requests in flight never share memory.
@safe final class DriverMemory {
    /// Where the memory starts as the device sees it: not 0 and not our own address, so that a mix-up shows.
    static let guestBase: UInt64 = 0x10_0000
    /// Control, event and one request ring.
    static let ringCount = 3
    /// The index of the request ring.
    static let requestRing = 2

    static let responseOffset = 64
    static let tableOffset = 176
    private static let slotBytes = 256

    /// How many requests may be in flight.
    let depth: Int
    /// The size of each data buffer in bytes, a multiple of 4096.
    let transferBytes: Int
    /// The number of descriptors of each ring.
    let ringSize: UInt16

    private let mapping: MemoryMapping
    private let slotsOffset: Int
    private let dataOffset: Int

    /// - Parameters:
    ///   - depth: 1 to 1024.
    ///   - transferBytes: the most that one request transfers; more than 0.
    ///   - indirect: whether a request takes one descriptor of the ring, or up to three.
    init(depth: Int, transferBytes: Int, indirect: Bool) throws(OperationError) {
        self.depth = depth
        self.transferBytes = (transferBytes + 4095) / 4096 * 4096
        let descriptors = UInt16(indirect ? depth : depth * 3)
        ringSize = max(Self.smallestRing, descriptors.powerOfTwoAbove)
        slotsOffset = Self.ringCount * Self.ringBytes(ringSize)
        dataOffset = (slotsOffset + depth * Self.slotBytes + 4095) / 4096 * 4096
        let total = dataOffset + depth * self.transferBytes
        do {
            mapping = try MemoryMapping(byteCount: total)
        } catch {
            throw OperationError("map", "\(total) bytes of guest memory", errno: error)
        }
    }

    /// The kernel keeps some 200 KB for each descriptor of a request ring.
    private static let smallestRing: UInt16 = 16

    private static func ringBytes(_ size: UInt16) -> Int {
        (Int(vq_rings_size(UInt32(size))) + 4095) / 4096 * 4096
    }

    /// The one region that the memory table holds.
    var regions: [VhostMemoryRegion] {
        [
            VhostMemoryRegion(
                guestAddress: Self.guestBase,
                byteCount: UInt64(mapping.byteCount),
                userAddress: mapping.address
            )
        ]
    }

    /// The rings' addresses, as the device is told them.
    var rings: [VhostRing] {
        (0..<Self.ringCount).map { index in
            let areas = unsafe areas(of: index)
            return unsafe VhostRing(
                size: ringSize,
                descriptors: UInt64(UInt(bitPattern: areas.desc)),
                available: UInt64(UInt(bitPattern: areas.avail)),
                used: UInt64(UInt(bitPattern: areas.used))
            )
        }
    }

    /// The areas of ring `index`, for the C core.
    func areas(of index: Int) -> vq_rings {
        var areas = unsafe vq_rings()
        // The block is page-aligned and of the size that vq_rings_size gave for a power of two: it cannot be refused.
        let block = unsafe mapping.base + index * Self.ringBytes(ringSize)
        let result = unsafe vq_rings_place(block, UInt32(ringSize), &areas)
        precondition(result == 0, "a ring of \(ringSize) descriptors was refused")
        return unsafe areas
    }

    /// The first byte of a slot; the device may write its response at any time while a request is in flight.
    func slot(_ index: Int) -> UnsafeMutableRawPointer {
        precondition(index < depth)
        return unsafe mapping.base + slotsOffset + index * Self.slotBytes
    }

    /// The address of a slot as the device sees it.
    func guestSlot(_ index: Int) -> UInt64 { Self.guestBase + UInt64(slotsOffset + index * Self.slotBytes) }

    /// The address of a slot's data as the device sees it.
    func guestData(_ index: Int) -> UInt64 { Self.guestBase + UInt64(dataOffset + index * transferBytes) }

    /// Calls `body` with the words of a slot's data.
    func withWords<Result>(
        _ index: Int,
        byteCount: Int,
        _ body: (inout MutableSpan<UInt64>) throws(OperationError) -> Result
    ) throws(OperationError) -> Result {
        precondition(index < depth && byteCount <= transferBytes)
        let start = unsafe mapping.base + dataOffset + index * transferBytes
        // Page-aligned, inside the mapping, and the span does not leave the closure.
        let words = unsafe UnsafeMutableBufferPointer(
            start: start.assumingMemoryBound(to: UInt64.self),
            count: byteCount / 8
        )
        var span = unsafe words.mutableSpan
        return try body(&span)
    }

    /// A copy of the first `byteCount` bytes of a slot's data.
    func data(_ index: Int, byteCount: Int) -> [UInt8] {
        precondition(index < depth && byteCount <= transferBytes)
        let start = unsafe mapping.base + dataOffset + index * transferBytes
        return unsafe Array(UnsafeRawBufferPointer(start: start, count: byteCount))
    }
}

extension UInt16 {
    /// The smallest power of two that is not below this number.
    fileprivate var powerOfTwoAbove: UInt16 {
        self <= 1 ? 1 : 1 << UInt16(UInt16.bitWidth - (self - 1).leadingZeroBitCount)
    }
}

// SPDX-License-Identifier: MIT
internal import CVirtqueue
internal import LinuxSystem
public import SystemPackage

/// A memory and where the device finds it, as one line of a memory table.
public struct GuestRegion: Sendable {
    let guestAddress: UInt64
    let access: UInt32
    let arena: Arena

    /// All of a memory.
    ///
    /// - Parameters:
    ///   - memory: kept mapped by the region.
    ///   - writable: whether the device may write to it.
    public init(_ memory: borrowing GuestMemory, writable: Bool = true) {
        guestAddress = memory.guestAddress
        arena = memory.arena
        access = UInt32(writable ? VQ_ACCESS_READ | VQ_ACCESS_WRITE : VQ_ACCESS_READ)
    }
}

/// The memory table of a device: which guest addresses it may touch, and where they are.
///
/// The C counterpart is `struct vq_memory`. Sendable although it holds pointers: nothing changes after `init`.
@safe public final class GuestMemoryTable: @unchecked Sendable {
    let table: UnsafeMutablePointer<vq_memory>
    private let storage: UnsafeMutablePointer<vq_region>
    private let arenas: [Arena]

    /// Makes a table of regions, in any order.
    ///
    /// - Throws: `EINVAL` for no region, or regions that overlap; `EFAULT` for one that wraps around.
    public init(_ regions: [GuestRegion]) throws(Errno) {
        arenas = regions.map(\.arena)
        unsafe table = UnsafeMutablePointer.allocate(capacity: 1)
        unsafe storage = UnsafeMutablePointer.allocate(capacity: max(regions.count, 1))
        for (index, region) in regions.enumerated() {
            // The arena keeps the pages mapped as long as the table lives.
            let entry = unsafe vq_region(
                guest: region.guestAddress,
                size: UInt64(region.arena.mapping.byteCount),
                host: region.arena.mapping.base,
                access: region.access
            )
            unsafe (storage + index).initialize(to: entry)
        }
        try Errno.check(unsafe vq_memory_init(storage, UInt32(regions.count), table))
    }

    deinit {
        // Every queue that uses the table retains it.
        unsafe table.deallocate()
        unsafe storage.deallocate()
    }
}

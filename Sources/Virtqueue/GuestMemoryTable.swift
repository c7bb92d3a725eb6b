// SPDX-License-Identifier: MIT
package import CVirtqueue
package import LinuxSystem
public import SystemPackage

/// A memory and where the device finds it, as one line of a memory table.
public struct GuestRegion: Sendable {
    let guestAddress: UInt64
    /// The address in this process of the first byte.
    package let userAddress: UInt64
    let byteCount: Int
    let access: UInt32
    /// Keeps the memory mapped.
    let owner: any AnyObject & Sendable

    /// All of a memory.
    ///
    /// - Parameters:
    ///   - memory: kept mapped by the region.
    ///   - writable: whether the device may write to it.
    public init(_ memory: borrowing GuestMemory, writable: Bool = true) {
        guestAddress = memory.guestAddress
        userAddress = memory.userAddress
        byteCount = memory.byteCount
        access = UInt32(writable ? VQ_ACCESS_READ | VQ_ACCESS_WRITE : VQ_ACCESS_READ)
        owner = memory.arena
    }

    /// Some bytes of another process's memory, readable and writable.
    ///
    /// - Parameters:
    ///   - mapping: kept mapped by the region.
    ///   - offset, byteCount: the bytes; they lie inside.
    ///   - guestAddress: where the guest has them.
    package init(_ mapping: PeerMapping, offset: Int, byteCount: Int, guestAddress: UInt64) {
        precondition(offset >= 0 && byteCount > 0 && offset <= mapping.mapping.byteCount - byteCount)
        self.guestAddress = guestAddress
        userAddress = mapping.mapping.address + UInt64(offset)
        self.byteCount = byteCount
        access = UInt32(VQ_ACCESS_READ | VQ_ACCESS_WRITE)
        owner = mapping
    }
}

/// The memory table of a device: which guest addresses it may touch, and where they are.
///
/// The C counterpart is `struct vq_memory`. Sendable although it holds pointers: nothing changes after `init`.
@safe public final class GuestMemoryTable: @unchecked Sendable {
    /// The table for the C core, valid while this object lives.
    @unsafe package let table: UnsafeMutablePointer<vq_memory>
    private let storage: UnsafeMutablePointer<vq_region>
    private let owners: [any AnyObject & Sendable]

    /// Makes a table of regions, in any order.
    ///
    /// - Throws: `EINVAL` for no region, or regions that overlap; `EFAULT` for one that wraps around.
    public init(_ regions: [GuestRegion]) throws(Errno) {
        owners = regions.map(\.owner)
        unsafe table = UnsafeMutablePointer.allocate(capacity: 1)
        unsafe storage = UnsafeMutablePointer.allocate(capacity: max(regions.count, 1))
        for (index, region) in regions.enumerated() {
            // The owner keeps the pages mapped as long as the table lives.
            let entry = unsafe vq_region(
                guest: region.guestAddress,
                size: UInt64(region.byteCount),
                host: UnsafeMutableRawPointer(bitPattern: UInt(region.userAddress)),
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

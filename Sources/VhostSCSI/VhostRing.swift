// SPDX-License-Identifier: MIT
public import LinuxSystem
public import Virtqueue

/// A range of guest memory and where it lies in this process, as `struct vhost_memory_region` has it.
public struct VhostMemoryRegion: Equatable, Sendable {
    /// The guest-physical address that descriptors use.
    public let guestAddress: UInt64
    /// The size in bytes, more than 0.
    public let byteCount: UInt64
    /// The address of the same memory in this process.
    public let userAddress: UInt64
    /// The memory as a file, where another process is to map it.
    public let file: PassedDescriptor?

    public init(guestAddress: UInt64, byteCount: UInt64, userAddress: UInt64, file: PassedDescriptor? = nil) {
        self.guestAddress = guestAddress
        self.byteCount = byteCount
        self.userAddress = userAddress
        self.file = file
    }

    /// All of a driver's memory.
    public init(_ memory: borrowing GuestMemory) {
        self.init(
            guestAddress: memory.guestAddress,
            byteCount: UInt64(memory.byteCount),
            userAddress: memory.userAddress,
            file: memory.file
        )
    }

    public static func == (left: Self, right: Self) -> Bool {
        (left.guestAddress, left.byteCount, left.userAddress, left.file?.number)
            == (right.guestAddress, right.byteCount, right.userAddress, right.file?.number)
    }
}

/// One split ring: its size and the addresses of its three parts in this process.
public struct VhostRing: Equatable, Sendable {
    /// The number of descriptors: a power of two, 1 to 32768; 0 for a ring that the driver does not set up.
    public let size: UInt16
    /// The descriptor table, 16 bytes for each descriptor.
    public let descriptors: UInt64
    /// The avail ring, at an even address.
    public let available: UInt64
    /// The used ring, at a multiple of 4.
    public let used: UInt64
    /// The used ring's guest-physical address, by which the dirty log names it.
    public let usedGuestAddress: UInt64

    public init(
        size: UInt16,
        descriptors: UInt64,
        available: UInt64,
        used: UInt64,
        usedGuestAddress: UInt64 = 0
    ) {
        self.size = size
        self.descriptors = descriptors
        self.available = available
        self.used = used
        self.usedGuestAddress = usedGuestAddress
    }

    /// A ring that the driver does not set up, as firmware leaves out those for control and events.
    public static let absent = VhostRing(size: 0, descriptors: 0, available: 0, used: 0)
}

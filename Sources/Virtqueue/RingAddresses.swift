// SPDX-License-Identifier: MIT
package import CVirtqueue
internal import LinuxSystem
internal import SystemPackage

/// The feature bit of packed rings, `VIRTIO_F_RING_PACKED`.
let packedFeature: UInt64 = 1 << 34

/// A virtqueue's three areas, by their addresses in this process.
///
/// What `VHOST_SET_VRING_NUM` and `VHOST_SET_VRING_ADDR` take; the C counterpart is `struct vq_rings`.
public struct RingAddresses: Equatable, Sendable {
    /// The number of descriptors: a power of two up to 32768, or any number up to that in a packed ring.
    public let size: UInt16
    /// The descriptor table.
    public let descriptors: UInt64
    /// The available ring, which the driver writes; packed: the driver's event structure.
    public let available: UInt64
    /// The used ring, which the device writes; packed: the device's event structure.
    public let used: UInt64
    /// Where the areas lie in guest memory, all in one piece; the descriptors alone where the driver placed them apart.
    public let buffer: GuestBuffer

    /// Areas that the driver has laid out.
    package init(size: UInt16, descriptors: UInt64, available: UInt64, used: UInt64, guestAddress: UInt64) {
        self.size = size
        self.descriptors = descriptors
        self.available = available
        self.used = used
        buffer = GuestBuffer(guestAddress: guestAddress, byteCount: Int(size) * 16)
    }

    /// Lays out the areas of a queue in fresh guest memory.
    ///
    /// - Throws: `EINVAL` for a size above 32768, or of a split ring no power of two; `ENOMEM`.
    init(size: Int, packed: Bool, in memory: inout GuestMemory) throws(Errno) {
        guard let count = UInt32(exactly: size), size <= VQ_RING_SIZE_MAX else { throw .invalidArgument }
        buffer = try memory.allocate(Int(packed ? vq_packed_size(count) : vq_rings_size(count)))
        // The areas lie in the buffer, whose size was asked for.
        var rings = unsafe vq_rings()
        let start = unsafe memory.bytes(of: buffer).baseAddress
        try Errno.check(
            packed
                ? unsafe vq_packed_place(start, count, &rings) : unsafe vq_rings_place(start, count, &rings)
        )
        self.size = UInt16(count)
        descriptors = unsafe UInt64(UInt(bitPattern: rings.desc))
        available = unsafe UInt64(UInt(bitPattern: rings.avail))
        used = unsafe UInt64(UInt(bitPattern: rings.used))
    }

    /// The same for the C core; valid while the memory is mapped.
    @unsafe package var rings: vq_rings {
        unsafe vq_rings(
            desc: UnsafeMutableRawPointer(bitPattern: UInt(descriptors)),
            avail: UnsafeMutableRawPointer(bitPattern: UInt(available)),
            used: UnsafeMutableRawPointer(bitPattern: UInt(used)),
            num: UInt32(size)
        )
    }
}

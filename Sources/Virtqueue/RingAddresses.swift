// SPDX-License-Identifier: MIT
internal import CVirtqueue
internal import LinuxSystem
internal import SystemPackage

/// A virtqueue's three areas, by their addresses in this process.
///
/// What `VHOST_SET_VRING_NUM` and `VHOST_SET_VRING_ADDR` take; the C counterpart is `struct vq_rings`.
public struct RingAddresses: Equatable, Sendable {
    /// The number of descriptors, a power of two up to 32768.
    public let size: UInt16
    /// The descriptor table.
    public let descriptors: UInt64
    /// The available ring, which the driver writes.
    public let available: UInt64
    /// The used ring, which the device writes.
    public let used: UInt64
    /// Where the areas lie in guest memory, all in one piece.
    public let buffer: GuestBuffer

    /// Lays out the areas of a queue in fresh guest memory.
    ///
    /// - Throws: `EINVAL` for a size that is no power of two or above 32768; `ENOMEM`.
    init(size: Int, in memory: inout GuestMemory) throws(Errno) {
        guard let count = UInt32(exactly: size), size <= VQ_RING_SIZE_MAX else { throw .invalidArgument }
        buffer = try memory.allocate(Int(vq_rings_size(count)))
        // The areas lie in the buffer, which vq_rings_size() measured.
        var rings = unsafe vq_rings()
        try Errno.check(unsafe vq_rings_place(memory.bytes(of: buffer).baseAddress, count, &rings))
        self.size = UInt16(count)
        descriptors = unsafe UInt64(UInt(bitPattern: rings.desc))
        available = unsafe UInt64(UInt(bitPattern: rings.avail))
        used = unsafe UInt64(UInt(bitPattern: rings.used))
    }

    /// The same for the C core; valid while the memory is mapped.
    @unsafe var rings: vq_rings {
        unsafe vq_rings(
            desc: UnsafeMutableRawPointer(bitPattern: UInt(descriptors)),
            avail: UnsafeMutableRawPointer(bitPattern: UInt(available)),
            used: UnsafeMutableRawPointer(bitPattern: UInt(used)),
            num: UInt32(size)
        )
    }
}

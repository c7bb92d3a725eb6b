// SPDX-License-Identifier: MIT
public import CVirtqueue
internal import LinuxSystem
public import SystemPackage

/// A piece of a buffer as the device is told of it: guest address and length. The C counterpart is `struct vq_buffer`.
public typealias BufferPiece = vq_buffer

/// A buffer that came back: its cookie, and how many bytes the device says it wrote. The C counterpart is
/// `struct vq_completion`.
public typealias Completion = vq_completion

extension vq_buffer {
    /// All of a guest buffer. Its size must be below 4 GiB.
    public init(_ buffer: GuestBuffer) {
        self.init(addr: buffer.guestAddress, len: UInt32(buffer.byteCount))
    }
}

/// The driver side of a virtqueue, split or packed: what a guest does.
///
/// One thread at a time. No call allocates. A round trip:
///
///     var memory = try GuestMemory(byteCount: 16 << 20, guestAddress: 0x1000_0000)
///     var queue = try DriverQueue(size: 128, in: &memory, features: 0)
///     // give queue.addresses to the device: VHOST_SET_VRING_NUM, _ADDR
///     try queue.add(pieces.span, readable: 1, cookie: 7)
///     if queue.kickNeeded() { try kick.signal() }
///     var done = [Completion](repeating: Completion(), count: 32)
///     var room = done.mutableSpan
///     while try queue.reap(into: &room) == 0 {
///         if !queue.enableCallback() { try call.wait(…); try call.drain() }
///     }
///
/// Sendable although it holds pointers: it is their only user, and has one owner itself.
@safe public struct DriverQueue: ~Copyable, @unchecked Sendable {
    /// Where the rings are, for the device.
    public let addresses: RingAddresses
    private var driver: vq_driver
    private let slots: UnsafeMutablePointer<vq_slot>
    private let arena: Arena

    /// Makes a queue with its rings in `memory`.
    ///
    /// - Parameters:
    ///   - size: the number of descriptors up to 32768; of a split ring, a power of two.
    ///   - memory: where the rings go; kept mapped by the queue.
    ///   - features: the virtio features in use; bit 29 turns on the event index, bit 34 makes a packed ring, bit 35
    ///     says that the device returns buffers in order.
    /// - Throws: `EINVAL` for the size, `ENOMEM` where the memory is too small.
    public init(size: Int, in memory: inout GuestMemory, features: UInt64) throws(Errno) {
        addresses = try RingAddresses(size: size, packed: features & packedFeature != 0, in: &memory)
        arena = memory.arena
        unsafe slots = UnsafeMutablePointer.allocate(capacity: size)
        unsafe driver = vq_driver()
        // The rings are checked already; the slots live as long as the queue.
        var rings = unsafe addresses.rings
        let result = unsafe vq_driver_init(&driver, &rings, slots, features)
        precondition(result == 0, "rings that were just placed are valid")
    }

    deinit {
        // Nothing else points to the slots.
        unsafe slots.deallocate()
    }

    /// The descriptors that are free.
    public var freeCount: Int { unsafe Int(driver.free_count) }

    /// Makes a buffer available; the device sees it after `publish()` or `kickNeeded()`.
    ///
    /// - Parameters:
    ///   - pieces: its pieces, those that the device reads first.
    ///   - readable: how many the device reads; it writes the others.
    ///   - cookie: comes back with the buffer.
    /// - Throws: `ENOSPC` where too few descriptors are free now; `EINVAL` for no piece, or more than the queue's size.
    ///
    /// The C counterpart is `vq_driver_add`.
    public mutating func add(_ pieces: Span<BufferPiece>, readable: Int, cookie: UInt64) throws(Errno) {
        let writable = UInt32(pieces.count - readable)
        let result = unsafe pieces.withUnsafeBufferPointer { pieces in
            unsafe vq_driver_add(&driver, pieces.baseAddress, UInt32(readable), writable, cookie)
        }
        try Errno.check(result)
    }

    /// Makes a buffer available with one descriptor; the device must have `VIRTIO_RING_F_INDIRECT_DESC`.
    ///
    /// - Parameters:
    ///   - table: room for the descriptors, 16 bytes each and 16-byte aligned; the device's until the buffer is back.
    ///   - memory: the memory that `table` is of.
    ///   - pieces, readable, cookie: as in `add`.
    /// - Throws: `ENOSPC` where no descriptor is free now; `EINVAL` for no piece, or more than `table` or the queue's
    ///   size allow.
    ///
    /// The C counterpart is `vq_driver_add_indirect`.
    public mutating func addIndirect(
        _ table: GuestBuffer,
        in memory: GuestAccess,
        _ pieces: Span<BufferPiece>,
        readable: Int,
        cookie: UInt64
    ) throws(Errno) {
        // bytes(of:) checks the range of the table.
        let entries = unsafe memory.bytes(of: table).baseAddress?.assumingMemoryBound(to: vring_desc.self)
        var indirect = unsafe vq_indirect(
            table: entries,
            addr: table.guestAddress,
            capacity: UInt32(table.byteCount / 16)
        )
        let writable = UInt32(pieces.count - readable)
        let result = unsafe pieces.withUnsafeBufferPointer { pieces in
            unsafe vq_driver_add_indirect(
                &driver,
                &indirect,
                pieces.baseAddress,
                UInt32(readable),
                writable,
                cookie
            )
        }
        try Errno.check(result)
    }

    /// Shows the device what was added, without a kick. The C counterpart is `vq_driver_publish`.
    public mutating func publish() { unsafe vq_driver_publish(&driver) }

    /// Shows the device what was added, and tells whether it wants to be kicked.
    ///
    /// The C counterpart is `vq_driver_kick_prepare`.
    public mutating func kickNeeded() -> Bool { unsafe vq_driver_kick_prepare(&driver) }

    /// Takes back what the device is done with.
    ///
    /// - Parameter done: filled from its beginning.
    /// - Returns: how many were taken; 0 where there is none.
    /// - Throws: `EINVAL` or `EMSGSIZE` where the device broke the protocol; the queue is stuck then.
    ///
    /// The C counterpart is `vq_driver_reap`.
    public mutating func reap(into done: inout MutableSpan<Completion>) throws(Errno) -> Int {
        var count: UInt32 = 0
        let result = unsafe done.withUnsafeMutableBufferPointer { done in
            unsafe vq_driver_reap(&driver, done.baseAddress, UInt32(done.count), &count)
        }
        try Errno.check(result)
        return Int(count)
    }

    /// Asks for a signal at the next used buffer; call it each time before sleeping.
    ///
    /// - Returns: true where there is something to reap already, so that the caller must not sleep.
    ///
    /// The C counterpart is `vq_driver_enable_callback`.
    public mutating func enableCallback() -> Bool { unsafe vq_driver_enable_callback(&driver) }

    /// Asks for a signal once so many more buffers are used; call it each time before sleeping.
    ///
    /// - Parameter buffers: 1 up to those outstanding.
    /// - Returns: true where there are as many already, so that the caller must not sleep.
    ///
    /// The C counterpart is `vq_driver_delay_callback`.
    public mutating func delayCallback(_ buffers: Int) -> Bool {
        unsafe vq_driver_delay_callback(&driver, UInt16(buffers))
    }

    /// Lends the driver side to C, for a loop over it; valid during the call.
    @unsafe package mutating func withDriver<Result>(
        _ body: (UnsafeMutablePointer<vq_driver>) -> Result
    ) -> Result {
        unsafe body(&driver)
    }

    /// Asks for no signals; some may still come. The C counterpart is `vq_driver_disable_callback`.
    public mutating func disableCallback() { unsafe vq_driver_disable_callback(&driver) }
}

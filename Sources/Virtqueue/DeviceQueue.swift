// SPDX-License-Identifier: MIT
public import CVirtqueue
internal import LinuxSystem
public import SystemPackage

/// A chain that the device gives back: its head, and the bytes written to it. The C counterpart is `struct vq_used`.
public typealias UsedChain = vq_used

/// The device side of a virtqueue, split or packed, with the semantics of the kernel's vhost.
///
/// One thread at a time. No call allocates: chains and their segments lie in storage that the queue made at `init`,
/// and a batch is valid until the next one is taken.
///
/// Sendable although it holds pointers: it is their only user, and has one owner itself.
@safe public struct DeviceQueue: ~Copyable, @unchecked Sendable {
    private var device: vq_device
    private let table: GuestMemoryTable
    private let log: DirtyLog?
    private let segments: UnsafeMutablePointer<vq_segment>
    private let chains: UnsafeMutablePointer<vq_chain>
    private let batch: UInt32
    private var taken: UInt32 = 0

    /// Starts the device side of a queue.
    ///
    /// - Parameters:
    ///   - addresses: the rings, in memory that `table` keeps mapped.
    ///   - table: what the device may touch.
    ///   - features: the virtio features in use; bit 29 turns on the event index, bit 24 notify-on-empty, bit 34
    ///     makes a packed ring.
    ///   - base: where to go on, as `VHOST_SET_VRING_BASE`: the available index, or in a packed ring the places and
    ///     laps of both sides as `vq_device_init` takes them; `nil` for a fresh queue.
    ///   - batch: the most chains taken at once.
    ///   - log: where writes to the rings are logged; `logWrites` logs those to buffers.
    /// - Throws: `EINVAL` for rings that are not aligned, a base that cannot be, or a log that is too small.
    public init(
        _ addresses: RingAddresses,
        table: GuestMemoryTable,
        features: UInt64,
        base: UInt32? = nil,
        batch: Int = 32,
        log: DirtyLog? = nil
    ) throws(Errno) {
        self.table = table
        self.log = log
        self.batch = UInt32(batch)
        unsafe segments = .allocate(capacity: Int(VQ_CHAIN_SEGMENTS_MAX))
        unsafe chains = .allocate(capacity: batch)
        unsafe device = vq_device()
        // Rings and table live as long as the queue.
        var rings = unsafe addresses.rings
        let start = base ?? (features & packedFeature == 0 ? 0 : VQ_PACKED_BASE)
        try Errno.check(unsafe vq_device_init(&device, &rings, table.table, features, start))
        // The log lives as long as the queue.
        if let log { try Errno.check(unsafe vq_device_log(&device, log.entry)) }
    }

    deinit {
        // Nothing else points to the storage.
        unsafe segments.deallocate()
        unsafe chains.deallocate()
    }

    /// The index or place of the next available entry, as `VHOST_GET_VRING_BASE` gives it, without a lap.
    public var base: UInt16 { unsafe device.last_avail }

    /// Takes up to a batch of chains, which replace those of the last call.
    ///
    /// - Returns: how many; 0 where there is none.
    /// - Throws: where the driver is at fault: `EINVAL`, `EFAULT`, `EPERM`, `E2BIG`, `ENOBUFS` as `vq_device_pop` lists
    ///   them. The chain stays, and the next call fails again.
    ///
    /// The C counterpart is `vq_device_pop_batch`.
    public mutating func pop() throws(Errno) -> Int {
        let result = unsafe vq_device_pop_batch(
            &device,
            segments,
            UInt32(VQ_CHAIN_SEGMENTS_MAX),
            chains,
            batch,
            &taken
        )
        try Errno.check(result)
        return Int(taken)
    }

    /// A chain of the last batch, for the C core; valid until the next is taken.
    @unsafe public func chain(_ index: Int) -> vq_chain {
        precondition(index >= 0 && index < Int(taken), "no such chain in the batch")
        return unsafe chains[index]
    }

    /// The head of a chain of the last batch, by which it is pushed.
    public func head(_ index: Int) -> UInt32 { unsafe chain(index).head }

    /// The bytes of a chain of the last batch that the device may read.
    public func readableBytes(_ index: Int) -> UInt64 { unsafe chain(index).readable_bytes }

    /// The bytes of a chain of the last batch that the device may write.
    public func writableBytes(_ index: Int) -> UInt64 { unsafe chain(index).writable_bytes }

    /// Copies bytes of the readable part of a chain, as many as `data` has, from `offset`.
    ///
    /// - Throws: `EMSGSIZE` where the part ends before that. The C counterpart is `vq_chain_read`.
    public func read(_ index: Int, offset: UInt64, into data: inout MutableRawSpan) throws(Errno) {
        var chain = unsafe chain(index)
        let result = unsafe data.withUnsafeMutableBytes { data in
            unsafe vq_chain_read(&chain, offset, data.baseAddress, UInt64(data.count))
        }
        try Errno.check(result)
    }

    /// Copies bytes to the writable part of a chain, from `offset`.
    ///
    /// - Throws: `EMSGSIZE` where the part ends before that. The C counterpart is `vq_chain_write`.
    public func write(_ index: Int, offset: UInt64, _ data: RawSpan) throws(Errno) {
        var chain = unsafe chain(index)
        let result = unsafe data.withUnsafeBytes { data in
            unsafe vq_chain_write(&chain, offset, data.baseAddress, UInt64(data.count))
        }
        try Errno.check(result)
    }

    /// Logs that the first bytes of a chain's writable part were written; nothing happens without a log.
    ///
    /// - Throws: `EMSGSIZE` where the part ends before that. The C counterpart is `vq_device_log_chain`.
    public mutating func logWrites(_ index: Int, byteCount: Int) throws(Errno) {
        var chain = unsafe chain(index)
        try Errno.check(unsafe vq_device_log_chain(&device, &chain, UInt64(byteCount)))
    }

    /// Returns chains, and publishes them at once. The C counterpart is `vq_device_push_batch`.
    public mutating func push(_ used: Span<UsedChain>) {
        unsafe used.withUnsafeBufferPointer { used in
            unsafe vq_device_push_batch(&device, used.baseAddress, UInt32(used.count))
        }
    }

    /// Tells whether the driver wants a signal for what was pushed. The C counterpart is `vq_device_signal_needed`.
    public mutating func signalNeeded() -> Bool { unsafe vq_device_signal_needed(&device) }

    /// Asks for kicks.
    ///
    /// - Returns: true where there is a chain already, so that the caller must not sleep.
    ///
    /// The C counterpart is `vq_device_enable_notify`.
    public mutating func enableNotify() -> Bool { unsafe vq_device_enable_notify(&device) }

    /// Asks for no kicks; some may still come. The C counterpart is `vq_device_disable_notify`.
    public mutating func disableNotify() { unsafe vq_device_disable_notify(&device) }
}

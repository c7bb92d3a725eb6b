// SPDX-License-Identifier: MIT
internal import CVirtioLoad
internal import CVirtqueue
internal import LinuxSystem
internal import SystemPackage
internal import Virtqueue

/// Reads and writes in flight on one request ring: the owner of a loop in C.
///
/// Sendable although it holds pointers and changes: `run` is the one user of all but what `stop` and `completed`
/// touch, which is atomic.
@safe final class RequestLoad: @unchecked Sendable {
    /// What the requests are, as `struct vload_job` has it.
    typealias Job = vload_job

    private let queue: RequestQueue
    private let kind: RequestSlot.Kind
    private let place: String
    /// How long a request may take, in nanoseconds.
    private let timeout: UInt64
    private let load: UnsafeMutablePointer<vload>
    private let slots: UnsafeMutablePointer<vload_slot>
    private let free: UnsafeMutablePointer<UInt32>
    private let counts: UnsafeMutablePointer<UInt32>
    private static let latencies = Int(VLOAD_LATENCIES)

    /// Prepares the slots of `queue` for a unit, or for a block device; nothing is handed over yet.
    ///
    /// - Parameters:
    ///   - unit: target and LUN; nil for a block device.
    ///   - place: what the unit is called in messages.
    ///   - timeout: how long a request may take, in seconds.
    ///   - batch: how many requests to wait for at once; nil for three quarters of those in flight.
    init(
        _ queue: RequestQueue,
        _ job: Job,
        unit: (target: UInt8, lun: UInt16)?,
        place: String,
        timeout: Double,
        batch: Int?,
        usesTables: Bool
    ) {
        self.queue = queue
        kind = unit == nil ? .block : .scsi
        self.place = place
        self.timeout = UInt64(timeout * 1e9)
        unsafe load = .allocate(capacity: 1)
        unsafe slots = .allocate(capacity: queue.depth)
        unsafe free = .allocate(capacity: queue.depth)
        unsafe counts = .allocate(capacity: 2 * Self.latencies)
        unsafe counts.initialize(repeating: 0, count: 2 * Self.latencies)
        for slot in 0..<queue.depth {
            if let unit { queue.address(slot, target: unit.target, lun: unit.lun) }
            unsafe (slots + slot).initialize(to: queue.loadSlot(slot, kind))
        }
        var settings = unsafe vload()
        unsafe settings.slots = slots
        unsafe settings.free = free
        unsafe settings.reads = counts
        unsafe settings.writes = counts + Self.latencies
        unsafe settings.job = job
        unsafe settings.depth = UInt32(queue.depth)
        unsafe settings.batch = UInt32(batch ?? 0)
        unsafe settings.uses_tables = usesTables
        unsafe settings.is_block = kind == .block
        unsafe load.initialize(to: settings)
    }

    deinit {
        // `run` is over, and nobody else has the pointers.
        unsafe load.deallocate()
        unsafe slots.deallocate()
        unsafe free.deallocate()
        unsafe counts.deallocate()
    }

    /// How many requests have succeeded; from any thread.
    var completed: UInt64 { unsafe vload_completed(load) }

    /// Makes no more requests; from any thread.
    func stop() { unsafe vload_stop(load) }

    /// Makes the requests, and waits for all of them.
    ///
    /// - Throws: the first that failed, or what is wrong with the ring; those not finished count as still with the device.
    func run() throws(OperationError) {
        var error: CInt = 0
        try setWaits(true)
        unsafe queue.ring.lend { driver, events in
            guard let events else { preconditionFailure("no device is connected") }
            unsafe load.pointee.driver = driver
            unsafe load.pointee.kick = events.kick.number
            unsafe load.pointee.call = events.call.number
            error = unsafe vload_run(load)
            return DriverRing.LoopTraffic(
                abandoned: unsafe Int(load.pointee.depth - load.pointee.free_count),
                kicks: unsafe load.pointee.kicks,
                interrupts: unsafe load.pointee.interrupts
            )
        }
        try setWaits(false)
        if error != 0 { throw try failure(Errno(rawValue: -error)) }
    }

    /// Whether a read of the eventfd by which the device signals waits for that, as the loop wants it.
    private func setWaits(_ waits: Bool) throws(OperationError) {
        guard let events = queue.ring.events else { return }
        do {
            try SystemCalls.setNonBlocking(FileDescriptor(rawValue: events.call.number), !waits)
        } catch {
            throw OperationError("wait for", queue.ring.name, errno: error)
        }
    }

    /// Ends a run whose device reports an error, has gone away, or has answered nothing for too long; to be called now
    /// and then, from one thread.
    func watch(_ watch: inout Watch) throws(Errno) {
        guard let events = queue.ring.events else { return }
        let now = MonotonicClock.nanoseconds
        let completed = completed
        if completed != watch.completed { watch = Watch(completed: completed, since: now) }
        let isWedged = try events.error.drain() > 0
        let isGone = queue.ring.isGone
        guard isWedged || isGone || now - watch.since > timeout else { return }
        unsafe vload_fail(load, isWedged ? VLOAD_WEDGED : isGone ? VLOAD_GONE : VLOAD_SILENT)
        try events.call.signal()
    }

    /// When a load last went on.
    struct Watch {
        var completed: UInt64 = 0
        var since = MonotonicClock.nanoseconds
    }

    /// The requests that succeeded, by what they did and how long they took: called with nanoseconds, and how many
    /// there were.
    func forEachLatency(ofWrites: Bool, _ body: (UInt64, UInt64) -> Void) {
        for entry in 0..<Self.latencies {
            // Both tables lie one behind the other.
            let count = unsafe counts[entry + (ofWrites ? Self.latencies : 0)]
            if count > 0 { body(vload_latency(UInt32(entry)), UInt64(count)) }
        }
    }

    /// The first byte of the unit that a read found to differ from the pattern.
    var mismatch: UInt64? {
        let byte = unsafe load.pointee.mismatch
        return byte == .max ? nil : byte
    }

    /// Kicks and interrupts of the run.
    var traffic: SCSIInitiator.Traffic {
        unsafe SCSIInitiator.Traffic(kicks: load.pointee.kicks, interrupts: load.pointee.interrupts)
    }

    private func failure(_ errno: Errno) throws(OperationError) -> OperationError {
        switch unsafe load.pointee.fault {
        case VLOAD_REFUSED: return try refusal()
        case VLOAD_WEDGED: return DriverRing.wedged(queue.ring.name)
        case VLOAD_GONE: return DriverRing.gone(queue.ring.name)
        case VLOAD_SILENT: return DriverRing.silent(queue.ring.name)
        case VLOAD_BROKEN: return DriverRing.broken(queue.ring.name, errno)
        default: return OperationError("wait for", queue.ring.name, errno: errno)
        }
    }

    private func refusal() throws(OperationError) -> OperationError {
        let index = unsafe Int(load.pointee.failed)
        let slot = unsafe slots[index]
        let blockSize = unsafe Int(load.pointee.job.block_size)
        let command: SCSICommand =
            unsafe slot.is_write
            ? .write(address: slot.address, blocks: slot.blocks, blockSize: blockSize)
            : .read(address: slot.address, blocks: slot.blocks, blockSize: blockSize)
        let cause = try kind == .block ? blockFailure(index) : unitFailure(index)
        return OperationError(command.name, place, cause: unsafe "block \(slot.address): \(cause)")
    }
}

extension RequestLoad {
    private func unitFailure(_ slot: Int) throws(OperationError) -> String {
        let response = try queue.response(slot)
        return response.failure ?? "\(response.residual) bytes of the data were not transferred"
    }

    private func blockFailure(_ slot: Int) -> String {
        switch Int32(queue.blockStatus(slot)) {
        case VIRTIO_BLK_S_IOERR: "the device reports an I/O error"
        case VIRTIO_BLK_S_UNSUPP: "the device does not support it"
        case let status: "status \(status)"
        }
    }
}

extension RequestQueue {
    /// Where the parts of a slot are, for the loop; valid while the queue lives.
    @unsafe fileprivate func loadSlot(_ slot: Int, _ kind: RequestSlot.Kind) -> vload_slot {
        let place = slots[slot]
        var entry = unsafe vload_slot()
        let response = unsafe memory.bytes(of: place.response).baseAddress
        switch kind {
        case .scsi:
            unsafe entry.cdb = memory.bytes(of: place.block).baseAddress?.assumingMemoryBound(to: UInt8.self)
            unsafe entry.response = response?.assumingMemoryBound(to: virtio_scsi_cmd_resp.self)
        case .block:
            unsafe entry.block = memory.bytes(of: place.header).baseAddress?.assumingMemoryBound(
                to: virtio_blk_outhdr.self
            )
            unsafe entry.status = response?.assumingMemoryBound(to: UInt8.self)
        }
        unsafe entry.data = memory.bytes(of: place.data).baseAddress
        unsafe entry.table = memory.bytes(of: place.table).baseAddress?.assumingMemoryBound(
            to: vring_desc.self
        )
        unsafe entry.header_addr = place.header.guestAddress
        unsafe entry.header_len = UInt32(place.header.byteCount)
        unsafe entry.response_addr = place.response.guestAddress
        unsafe entry.data_addr = place.data.guestAddress
        unsafe entry.table_addr = place.table.guestAddress
        return unsafe entry
    }
}

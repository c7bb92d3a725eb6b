// SPDX-License-Identifier: MIT
import CTargetQueue
import CVirtioSCSI
import CVirtqueue
import LinuxSystem
import SCSITarget
import Synchronization
import SystemPackage
import VhostUser
import Virtqueue

/// A request ring that is being served, by a thread of its own.
///
/// Sendable although it holds a pointer: the C queue is used by the thread alone, but for what may be called from any.
@safe final class RequestRing: @unchecked Sendable {
    private let queue: OpaquePointer
    private let setup: RingSetup
    private let units: UnitMap
    private let nexus: Nexus
    private let fault: @Sendable (Errno) -> Void
    private let isDone = Atomic(false)
    /// Nil before it has begun, and while it is waited for at its end.
    private let thread = Mutex<WorkerThread?>(nil)

    /// Begins to serve.
    ///
    /// - Parameters:
    ///   - spin: the longest that the thread looks for requests before it sleeps.
    ///   - fault: told, on the thread, that the driver broke the ring.
    init(
        _ number: Int,
        _ setup: RingSetup,
        units: UnitMap,
        nexus: Nexus,
        spin: Duration,
        fault: @escaping @Sendable (Errno) -> Void
    ) throws(Errno) {
        self.setup = setup
        self.units = units
        self.nexus = nexus
        self.fault = fault
        unsafe queue = try Self.make(setup, units, spin)
        units.rings.withLock { $0.append(self) }
        do throws(Errno) {
            let thread = try WorkerThread(name: "request-\(number - 2)") { [self] in serve() }
            self.thread.withLock { $0 = thread }
        } catch {
            isDone.store(true, ordering: .releasing)
            units.rings.withLock { $0.removeAll { $0 === self } }
            throw error
        }
    }

    deinit {
        // The thread has ended: it holds a reference.
        unsafe tq_queue_destroy(queue)
    }

    private static func make(_ setup: RingSetup, _ units: UnitMap, _ spin: Duration) throws(Errno)
        -> OpaquePointer
    {
        var queue: OpaquePointer?
        // Memory table, units and in-flight area are kept by `setup` and `units`.
        var parameters = unsafe tq_setup()
        unsafe parameters.rings = setup.addresses.rings
        unsafe parameters.memory = UnsafePointer(setup.memory.table)
        unsafe parameters.map = UnsafePointer(units.table)
        unsafe parameters.inflight = setup.inflight.flatMap { inflight in
            unsafe UnsafeMutablePointer(bitPattern: UInt(inflight.part))
        }
        unsafe parameters.inflight_num = UInt16(setup.inflight?.area.queueSize ?? 0)
        unsafe parameters.log = setup.log.map { unsafe UnsafePointer($0.entry) }
        unsafe parameters.features = setup.features
        unsafe parameters.base = UInt32(setup.base)
        unsafe parameters.kick = setup.kick?.number ?? -1
        unsafe parameters.call = setup.call?.number ?? -1
        unsafe parameters.spin_ns = UInt64(spin / .nanoseconds(1))
        try Errno.check(unsafe tq_queue_create(&parameters, &queue))
        guard let made = unsafe queue else { throw .noMemory }
        return unsafe made
    }

    /// Ends serving, with everything that was taken answered: see ``isHeldUp()``.
    ///
    /// - Returns: the index of the next available entry.
    func stop() -> UInt16 {
        unsafe tq_queue_stop(queue)
        let thread = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        thread?.join(interruptingWhile: isHeldUp)
        units.rings.withLock { $0.removeAll { $0 === self } }
        return unsafe tq_queue_base(queue)
    }

    /// Waits until every command that was taken before this is answered: see ``isHeldUp()``. Any thread may do this.
    ///
    /// - Parameter patience: how long at most; nil for without end.
    /// - Returns: whether they are.
    func flush(for patience: Duration? = nil) -> Bool {
        let wanted = unsafe tq_queue_flush(queue)
        let limit = patience.map { Int($0 / .microseconds(100)) } ?? .max
        var rounds = 0
        while unsafe tq_queue_flushed(queue) < wanted && !isDone.load(ordering: .acquiring) {
            if rounds == limit { return false }
            SystemCalls.sleep(microseconds: 100)
            rounds += 1
            if rounds % 100 == 0 && isHeldUp() { thread.withLock { $0?.interrupt() } }
        }
        return true
    }

    /// Whether the driver does not let itself be signalled, so that the thread needs to be interrupted; servers that
    /// are silent no longer hold it up. To be called every now and then by whoever waits for the thread.
    private func isHeldUp() -> Bool {
        units.abandonSilent()
        return unsafe tq_queue_calls(queue)
    }

    var counters: RingCounters {
        var numbers = tq_counters()
        unsafe tq_queue_counters(queue, &numbers)
        return RingCounters(numbers)
    }

    private func serve() {
        var result = unsafe tq_queue_run(queue)
        while result == TQ_COMMAND {
            answer()
            result = unsafe tq_queue_run(queue)
        }
        isDone.store(true, ordering: .releasing)
        if result < 0 { fault(Errno(rawValue: -result)) }
    }

    /// Carries out the command that the C core leaves to us.
    private func answer() {
        var chain: UnsafePointer<vq_chain>?
        // Both are valid until the command is answered.
        guard let request = unsafe tq_queue_command(queue, &chain)?.pointee, let chain = unsafe chain else {
            return
        }
        guard let target = units[request.command.address.target] else {
            return respond(response: UInt8(VIRTIO_SCSI_S_BAD_TARGET))
        }
        var loses = false
        let failure = unsafe tq_queue_failure(queue, &loses)
        if failure != 0, let unit = target[request.command.address.lun] {
            let isReading = request.direction == VSCSI_FROM_DEVICE
            let outcome = unit.failed(Errno(rawValue: failure), isReading: isReading, loses: loses)
            return respond(outcome, provided: Int(clamping: request.data_bytes), [])
        }
        // More than any command has is no information.
        guard request.pi_bytes <= LogicalUnit.maximumInformation else {
            return respond(response: UInt8(VIRTIO_SCSI_S_BAD_TARGET))
        }
        let aside = Int(request.pi_bytes)
        let sends = request.direction == VSCSI_TO_DEVICE
        let most = LogicalUnit.maximumTransfer + LogicalUnit.maximumInformation
        let room = min(Int(clamping: request.data_bytes), most)
        var dataOut = [UInt8](repeating: 0, count: sends ? room : 0)
        var information = SeparateInformation(room: sends ? 0 : aside)
        if sends {
            // The chain has so much of both: the parser has counted.
            _ = unsafe vq_chain_read(chain, request.data_offset, &dataOut, UInt64(room))
            information.sent = [UInt8](repeating: 0, count: aside)
            let start = request.data_offset - UInt64(aside)
            _ = unsafe vq_chain_read(chain, start, &information.sent, UInt64(aside))
        }
        let comes = request.direction == VSCSI_FROM_DEVICE
        var dataIn = [UInt8](repeating: 0, count: comes ? aside + room : 0)
        var block = request.command.cdb
        let outcome = unsafe withUnsafeBytes(of: &block) { bytes in
            let cdb = unsafe Span<UInt8>(_unsafeBytes: bytes)
            var space = dataIn.mutableSpan
            var place = space._mutatingExtracting(last: comes ? room : 0)
            return target.execute(
                cdb,
                lun: request.command.address.lun,
                from: nexus,
                information: information,
                dataOut: dataOut.span,
                dataIn: &place
            )
        }
        for index in outcome.information.indices { dataIn[index] = outcome.information[index] }
        respond(outcome, provided: Int(clamping: request.data_bytes), dataIn, aside: comes ? aside : 0)
    }

    /// - Parameter aside: how much of `dataIn`, ahead of the data, is for protection information.
    private func respond(_ outcome: CommandOutcome, provided: Int, _ dataIn: [UInt8], aside: Int = 0) {
        let isShort = outcome.status == .good && outcome.wanted > provided
        respond(
            response: UInt8(isShort ? VIRTIO_SCSI_S_OVERRUN : VIRTIO_SCSI_S_OK),
            status: outcome.status,
            residual: provided - outcome.dataInCount - outcome.dataOutCount,
            sense: outcome.sense,
            data: dataIn,
            count: outcome.dataInCount > 0 ? aside + outcome.dataInCount : 0
        )
    }

    private func respond(
        response: UInt8,
        status: SCSIStatus = .good,
        residual: Int = 0,
        sense: [UInt8] = [],
        data: [UInt8] = [],
        count: Int = 0
    ) {
        var answer = vscsi_response()
        answer.response = response
        answer.status = status.rawValue
        answer.resid = UInt32(clamping: residual)
        answer.sense_bytes = UInt32(sense.count)
        // Sense data has 28 bytes at most, of 96.
        unsafe withUnsafeMutableBytes(of: &answer.sense) { room in unsafe room.copyBytes(from: sense) }
        unsafe tq_queue_answer(queue, &answer, data, UInt64(count))
    }
}

/// What a request ring did since it was started.
struct RingCounters: Equatable, Sendable, CustomStringConvertible {
    private let commands: UInt64
    private let handed: UInt64
    private let sleeps: UInt64
    private let kicks: UInt64
    private let calls: UInt64

    init(_ counters: tq_counters) {
        commands = counters.commands
        handed = counters.handed
        sleeps = counters.sleeps
        kicks = counters.kicks
        calls = counters.calls
    }

    var description: String {
        "\(commands) commands (\(handed) of them by the unit), \(kicks) kicks, \(calls) calls, \(sleeps) sleeps"
    }
}

// SPDX-License-Identifier: MIT
public import LinuxSystem
internal import CVirtqueue
internal import SystemPackage
internal import Virtqueue

/// Plays the guest: sends SCSI commands over a ring to the target behind a vhost-scsi device.
///
/// One thread uses it. Every wait ends: with an answer, with the device's error signal, or with a timeout.
public final class SCSIInitiator {
    /// How requests went over the ring.
    public struct Traffic: Equatable, Sendable {
        /// How often we kicked the device.
        public let kicks: UInt64
        /// How often the device signalled us.
        public let interrupts: UInt64
    }

    /// The SCSI target that is addressed, a TPG's tag.
    public let target: UInt8
    /// How long a request may take, in seconds.
    public var timeout = 30.0
    /// The most bytes that one command transfers.
    public var transferBytes: Int { queue.transferBytes }
    /// How many requests may be in flight.
    public var depth: Int { queue.depth }
    /// Kicks and interrupts since the start.
    public var traffic: Traffic { Traffic(kicks: queue.kicks, interrupts: queue.interrupts) }

    let queue: RequestQueue
    private let targetName: String
    private let device: (any SCSITransport)?
    /// Room for what comes back at once.
    var done: [Completion]

    /// Lays out memory and rings, and starts the kernel's `device` on them.
    ///
    /// - Parameters:
    ///   - device: an open device, not started. Stop it with `detach`.
    ///   - depth: how many requests may be in flight, 1 to 1024.
    ///   - transferBytes: the most bytes that one command transfers, up to 4 MiB.
    public convenience init(_ device: VhostSCSIDevice, depth: Int = 1, transferBytes: Int = 256 << 10)
        throws(OperationError)
    {
        guard let target = UInt8(exactly: device.options.tpgt) else {
            throw OperationError(
                "address",
                "tpgt \(device.options.tpgt) of \(device.options.wwpn)",
                cause: "virtio-scsi has targets 0 to 255 only"
            )
        }
        try self.init(device, target: target, depth: depth, transferBytes: transferBytes)
    }

    /// Lays out memory and rings, and starts any `device` on them.
    public init(_ device: any SCSITransport, target: UInt8, depth: Int = 1, transferBytes: Int = 256 << 10)
        throws(OperationError)
    {
        self.target = target
        self.device = device
        targetName = device.name
        queue = try RequestQueue(
            depth: depth,
            transferBytes: transferBytes,
            features: device.features,
            isShared: device.needsSharedMemory
        )
        done = [Completion](repeating: Completion(), count: depth)
        try device.start(memory: [queue.region], rings: queue.rings)
        queue.connect(device.events[RequestQueue.ring])
    }

    /// Sends over a ring that something else than the kernel serves.
    init(_ queue: RequestQueue, events: RingEvents, target: UInt8) {
        self.queue = queue
        self.target = target
        device = nil
        targetName = "target"
        done = [Completion](repeating: Completion(), count: queue.depth)
        queue.connect(events)
    }

    deinit {
        // The kernel must let go of the memory before it is unmapped; a failure leaves nobody to tell.
        do { try detach() } catch { _ = error }
    }

    /// Stops the device; the initiator is of no use afterwards.
    public func detach() throws(OperationError) {
        try device?.stop()
    }

    /// Runs one command, again for each UNIT ATTENTION that it meets.
    ///
    /// - Returns: the data from the device, without what the residual says was not transferred.
    /// - Throws: the transport's or the logical unit's refusal in words; a timeout.
    @discardableResult
    public func execute(_ command: SCSICommand, lun: UInt16) throws(OperationError) -> [UInt8] {
        for _ in 0..<Self.unitAttentions {
            let response = try send(command, lun: lun)
            if response.decodedSense?.isUnitAttention == true { continue }
            if let failure = response.failure { throw refusal(command, lun, failure) }
            if command.isWrite { return [] }
            return queue.data(0, byteCount: max(0, command.byteCount - Int(response.residual)))
        }
        throw refusal(command, lun, "UNIT ATTENTION \(Self.unitAttentions) times in a row")
    }

    /// A logical unit has one unit attention for each thing that happened to it.
    private static let unitAttentions = 8

    /// Runs one command once.
    public func send(_ command: SCSICommand, lun: UInt16) throws(OperationError) -> SCSIResponse {
        if command.byteCount > transferBytes {
            throw refusal(
                command,
                lun,
                "\(command.byteCount) bytes do not fit the buffer of \(transferBytes)"
            )
        }
        try checkIdle()
        queue.address(0, target: target, lun: lun)
        try queue.submit(0, command)
        try queue.kick()
        _ = try queue.wait(until: deadline, into: &done)
        return try queue.response(0)
    }

    /// Refuses to go on after a failure that left requests with the device: their slots are not ours.
    func checkIdle() throws(OperationError) {
        if queue.outstanding == 0 { return }
        throw OperationError(
            "use",
            "the request ring",
            cause: "\(queue.outstanding) request(s) of an earlier failure are still with the device",
            hint: "detach, and start anew"
        )
    }

    private var deadline: UInt64 { MonotonicClock.nanoseconds + UInt64(timeout * 1e9) }

    func refusal(_ command: SCSICommand, _ lun: UInt16, _ cause: String) -> OperationError {
        OperationError(command.name, "LUN \(lun) of \(targetName) target \(target)", cause: cause)
    }
}

extension SCSIInitiator {
    /// INQUIRY: what the logical unit is.
    public func inquiry(lun: UInt16) throws(OperationError) -> SCSIInquiry {
        guard let inquiry = SCSIInquiry(try execute(.inquiry, lun: lun)) else { throw short(.inquiry, lun) }
        return inquiry
    }

    /// REPORT LUNS: the target's logical units, by number. LUN 0 answers even where it is not among them.
    public func reportLUNs() throws(OperationError) -> [UInt16] {
        let room = min(SCSILUNList.byteCount, transferBytes)
        let command = SCSICommand.reportLUNs(byteCount: room)
        guard let list = SCSILUNList.decode(try execute(command, lun: 0)) else { throw short(command, 0) }
        return list.sorted()
    }

    /// READ CAPACITY(10), and (16) where the size takes more than 32 bits.
    public func readCapacity(lun: UInt16) throws(OperationError) -> SCSICapacity {
        if let capacity = SCSICapacity(ten: try execute(.readCapacity10, lun: lun)) { return capacity }
        guard let capacity = SCSICapacity(sixteen: try execute(.readCapacity16, lun: lun)) else {
            throw short(.readCapacity16, lun)
        }
        return capacity
    }

    /// TEST UNIT READY, past any UNIT ATTENTION.
    public func testUnitReady(lun: UInt16) throws(OperationError) {
        try execute(.testUnitReady, lun: lun)
    }

    private func short(_ command: SCSICommand, _ lun: UInt16) -> OperationError {
        refusal(command, lun, "the answer is too short, or makes no sense")
    }
}

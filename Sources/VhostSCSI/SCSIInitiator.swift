// SPDX-License-Identifier: MIT
public import LinuxSystem
internal import CVirtqueue
internal import SystemPackage
internal import Virtqueue

/// Plays the guest: sends SCSI commands over rings to the target behind a vhost-scsi device.
///
/// One thread uses it. Every wait ends: with an answer, with the device's error signal, or with a timeout.
public final class SCSIInitiator {
    /// How requests went over the request rings.
    public struct Traffic: Equatable, Sendable {
        static let none = Traffic(kicks: 0, interrupts: 0)

        /// How often we kicked the device.
        public let kicks: UInt64
        /// How often the device signalled us.
        public let interrupts: UInt64

        static func + (left: Traffic, right: Traffic) -> Traffic {
            Traffic(kicks: left.kicks + right.kicks, interrupts: left.interrupts + right.interrupts)
        }
    }

    /// The SCSI target that is addressed, a TPG's tag.
    public let target: UInt8
    /// How long a request may take, in seconds.
    public var timeout = 30.0
    /// The most bytes that one command transfers.
    public var transferBytes: Int { queue.transferBytes }
    /// How many requests each queue may have in flight.
    public var depth: Int { queue.depth }
    /// The number of request queues.
    public var queueCount: Int { rings.requests.count }
    /// Kicks and interrupts since the start, of the request queues.
    public var traffic: Traffic {
        rings.requests.reduce(.none) {
            $0 + Traffic(kicks: $1.ring.kicks, interrupts: $1.ring.interrupts)
        }
    }

    /// The queue of single commands.
    var queue: RequestQueue { rings.requests[0] }
    let rings: InitiatorRings
    fileprivate let features: VhostFeatures
    private let targetName: String
    private let device: (any SCSITransport)?
    /// Room for what comes back at once.
    private var done = [Completion](repeating: Completion(), count: 1)

    /// Lays out memory and rings as the device's options have it, and starts the kernel's `device` on them.
    ///
    /// - Parameters:
    ///   - device: an open device, not started. Stop it with `detach`.
    ///   - depth: how many requests each queue may have in flight, 1 to 1024.
    ///   - transferBytes: the most bytes that one command transfers, up to 4 MiB.
    ///   - queues: how many request queues there are; nil for what the options say.
    public convenience init(
        _ device: VhostSCSIDevice,
        depth: Int = 1,
        transferBytes: Int? = nil,
        queues: Int? = nil
    ) throws(OperationError) {
        let options = device.options
        let queues = queues ?? options.queueCount
        guard let target = UInt8(exactly: options.tpgt) else {
            throw OperationError(
                "address",
                "tpgt \(options.tpgt) of \(options.wwpn)",
                cause: "virtio-scsi has targets 0 to 255 only"
            )
        }
        try options.check(depth: depth * queues, transferBytes: transferBytes)
        try self.init(
            device,
            target: target,
            depth: depth,
            transferBytes: transferBytes ?? min(Self.defaultTransfer, options.maximumTransferBytes),
            queues: queues,
            ringSize: options.ringSize
        )
    }

    /// The most bytes that one command transfers where nobody says.
    public static let defaultTransfer = 256 << 10

    /// Lays out memory and rings, and starts any `device` on them.
    ///
    /// - Parameters:
    ///   - queues: how many request queues there are.
    ///   - ringSize: the descriptors of each ring, a power of two; nil for as few as the depth takes.
    public init(
        _ device: any SCSITransport,
        target: UInt8,
        depth: Int = 1,
        transferBytes: Int = defaultTransfer,
        queues: Int = 1,
        ringSize: Int? = nil
    ) throws(OperationError) {
        self.target = target
        self.device = device
        features = device.features
        targetName = device.name
        let shape = try RingShape(
            depth: depth,
            transferBytes: transferBytes,
            queues: queues,
            ringSize: ringSize,
            features: features
        )
        rings = try InitiatorRings(shape, features: features, isShared: device.needsSharedMemory)
        try device.start(memory: [rings.region], rings: rings.addresses)
        rings.connect(device.events, device)
        if features.contains(.hotplug) { try rings.event.offer() }
    }

    /// Sends over rings that something else than the kernel serves.
    init(_ rings: InitiatorRings, events: [RingEvents], features: VhostFeatures, target: UInt8) {
        self.rings = rings
        self.target = target
        self.features = features
        device = nil
        targetName = "target"
        rings.connect(events, nil)
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
        let response = try settle(command, lun: lun)
        if response.decodedSense?.isUnitAttention == true {
            throw refusal(command, lun, "UNIT ATTENTION \(Self.unitAttentions) times in a row")
        }
        if let failure = response.failure { throw refusal(command, lun, failure) }
        return command.isWrite ? [] : received(command, response)
    }

    /// A logical unit has one unit attention for each thing that happened to it.
    private static let unitAttentions = 8

    /// Runs one command once.
    public func send(_ command: SCSICommand, lun: UInt16) throws(OperationError) -> SCSIResponse {
        try exchange(command, lun: lun, .none)
    }

    /// Runs one command, again for each UNIT ATTENTION that it meets.
    ///
    /// - Parameter data: for the device, as many bytes as the command has; none where it brings data, or its data is in
    ///   the first slot's buffer.
    /// - Returns: the last answer; a UNIT ATTENTION where there were more than a logical unit can have.
    public func settle(_ command: SCSICommand, _ data: [UInt8] = [], lun: UInt16) throws(OperationError)
        -> SCSIResponse
    {
        if !data.isEmpty && data.count <= transferBytes {
            precondition(data.count == command.byteCount)
            queue.memory.write(queue.slots[0].data) { bytes in
                for (index, byte) in data.enumerated() {
                    bytes.storeBytes(of: byte, toByteOffset: index, as: UInt8.self)
                }
            }
        }
        var response = try send(command, lun: lun)
        for _ in 1..<Self.unitAttentions where response.decodedSense?.isUnitAttention == true {
            response = try send(command, lun: lun)
        }
        return response
    }

    /// The data that the last command brought, without what its residual says was not transferred.
    public func received(_ command: SCSICommand, _ response: SCSIResponse) -> [UInt8] {
        let count = max(0, command.byteCount - Int(response.residual))
        return queue.memory.copy(queue.slots[0].data.slice(0, count))
    }

    /// Runs one command once, with data and protection information that are in the first slot's buffers.
    func exchange(_ command: SCSICommand, lun: UInt16, _ protection: RequestQueue.Protection)
        throws(OperationError) -> SCSIResponse
    {
        if command.byteCount > transferBytes {
            throw refusal(
                command,
                lun,
                "\(command.byteCount) bytes do not fit the buffer of \(transferBytes)"
            )
        }
        try rings.checkIdle()
        queue.address(0, target: target, lun: lun, protection: protection)
        try queue.submit(0, command, protection: protection)
        try queue.ring.kick()
        _ = try queue.ring.wait(until: deadline, into: &done)
        return try queue.response(0)
    }

    /// Whether a thread of the kernel serves the rings.
    var isKernelDevice: Bool { device is VhostSCSIDevice }

    var deadline: UInt64 { MonotonicClock.nanoseconds + UInt64(timeout * 1e9) }

    func refusal(_ command: SCSICommand, _ lun: UInt16, _ cause: String) -> OperationError {
        OperationError(command.name, place(lun), cause: cause)
    }

    fileprivate func place(_ lun: UInt16) -> String { "LUN \(lun) of \(targetName) target \(target)" }
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

/// A logical unit behind an initiator, for a load to run on.
struct LoadedUnit: LoadTarget {
    let initiator: SCSIInitiator
    let lun: UInt16

    init(_ initiator: SCSIInitiator, _ lun: UInt16) { (self.initiator, self.lun) = (initiator, lun) }

    var name: String { "LUN \(lun)" }
    var rings: InitiatorRings { initiator.rings }
    var isKernelDevice: Bool { initiator.isKernelDevice }
    var unit: (target: UInt8, lun: UInt16)? { (initiator.target, lun) }
    var place: String { initiator.place(lun) }
    var timeout: Double { initiator.timeout }
    var features: VhostFeatures { initiator.features }
}

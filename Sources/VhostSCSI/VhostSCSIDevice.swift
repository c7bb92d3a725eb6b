// SPDX-License-Identifier: MIT
public import LinuxSystem
public import SystemPackage

/// The vhost-scsi host device: the kernel's SCSI target behind rings in this process's memory.
///
/// `init` opens the device and becomes its owner, `start` hands over memory and rings and sets the endpoint, `stop`
/// takes everything back. The memory must stay mapped while the device is started. Closing (`deinit`) stops it.
public final class VhostSCSIDevice {
    /// Where the kernel puts the device's node.
    public static let defaultPath: FilePath = "/dev/vhost-scsi"

    /// The highest `VHOST_SCSI_GET_ABI_VERSION` that this module knows.
    public static let supportedABIVersion = 1

    /// The options that it was made from.
    public let options: VhostSCSIOptions
    /// What the kernel offers, from `VHOST_GET_FEATURES`.
    public let offered: VhostFeatures
    /// What is in use while started: the offered features that `VhostFeatures.wanted` or the options have too.
    public var features: VhostFeatures {
        offered.intersection(VhostFeatures.wanted.union(options.requestedFeatures))
    }
    /// The kernel's ABI version; nil before the first start.
    public private(set) var abiVersion: Int?
    /// The eventfds of each ring while started, in the order of the rings.
    public private(set) var events: [RingEvents] = []
    /// The rings while started: control, event, requests.
    public private(set) var rings: [VhostRing] = []
    /// The kernel threads that serve the device while started: one, unless the options ask for more and the kernel has
    /// more.
    public private(set) var workerCount = 1
    /// True between `start` and `stop`.
    public var isStarted: Bool { !undo.isEmpty }

    private let descriptor: OwnedDescriptor
    private let path: FilePath
    private let system: any VhostSystem
    /// What takes back the steps that were made, last step last.
    private var undo: [VhostRequest] = []
    /// How many of them are older than the log; nil where there is none.
    private var logMark: Int?

    /// Opens the device, or takes a copy of the descriptor that `options` names, and becomes its owner.
    ///
    /// The corresponding ioctls are `VHOST_SET_OWNER` and `VHOST_GET_FEATURES`.
    public convenience init(_ options: VhostSCSIOptions, path: FilePath = defaultPath) throws(OperationError)
    {
        try self.init(options, path: path, system: LinuxVhostSystem())
    }

    package init(
        _ options: VhostSCSIOptions,
        path: FilePath = defaultPath,
        system: any VhostSystem
    ) throws(OperationError) {
        self.options = options
        self.path = path
        self.system = system
        descriptor = try Self.open(options, path, system)
        var request = VhostRequest.setOwner
        do {
            try system.control(descriptor.descriptor, &request)
        } catch .resourceBusy where options.vhostfd != nil {
            // Whoever opened it may have made this very process its owner; if not, the next step is refused with EPERM.
        } catch {
            throw VhostFailure.request(request, path, options, error)
        }
        request = .getFeatures
        do {
            try system.control(descriptor.descriptor, &request)
        } catch {
            throw VhostFailure.request(request, path, options, error)
        }
        offered = VhostFeatures(rawValue: request.value(as: UInt64.self))
        let missing = options.requestedFeatures.subtracting(offered)
        if !missing.isEmpty { throw VhostFailure.features(missing, path, options) }
    }

    fileprivate static func open(_ options: VhostSCSIOptions, _ path: FilePath, _ system: any VhostSystem)
        throws(OperationError) -> OwnedDescriptor
    {
        do {
            if let number = options.vhostfd { return try system.duplicate(number) }
            return try system.open(path)
        } catch {
            throw VhostFailure.opening(path, options, error)
        }
    }

    deinit {
        // An own descriptor takes everything with it; a passed one goes on living with its other owner.
        if isStarted { _ = unwind() }
    }

    /// Hands `memory` and `rings` to the kernel and sets the endpoint. On failure every step made is taken back.
    ///
    /// The corresponding ioctls, in order: where each ring is to have a worker, `VHOST_NEW_WORKER` and
    /// `VHOST_ATTACH_VRING_WORKER`; `VHOST_SET_FEATURES`, `VHOST_SET_MEM_TABLE`; for each ring
    /// `VHOST_SET_VRING_NUM`, `_BASE`, `_ADDR`, `_KICK`, `_CALL`, `_ERR`; `VHOST_SCSI_GET_ABI_VERSION`,
    /// `VHOST_SCSI_SET_ENDPOINT`. The kernel ignores kicks before that and does not look for requests it missed.
    ///
    /// - Parameters:
    ///   - memory: the guest memory, 1 to 64 regions, in which the rings and all buffers lie.
    ///   - rings: control, event and request rings in the order of virtio-scsi; all empty. The kernel is told nothing of
    ///     one that is absent, whose eventfds nobody signals.
    public func start(memory: [VhostMemoryRegion], rings: [VhostRing]) throws(OperationError) {
        precondition(!isStarted, "the device is started already")
        do throws(OperationError) {
            if options.hasWorkerPerQueue { try attachWorkers(Array(rings.indices.dropFirst(3))) }
            try control(.setFeatures(features), undo: .setFeatures([]))
            try control(.setMemoryTable(memory), undo: .setMemoryTable([]))
            for (index, ring) in rings.enumerated() { try bind(ring, index) }
            undo += rings.indices.reversed().filter { rings[$0].size > 0 }.map(VhostRequest.getRingBase)
            try checkABIVersion()
            try control(endpoint(.setEndpoint), undo: endpoint(.clearEndpoint))
        } catch {
            throw error.adding(unwind())
        }
        self.rings = rings
    }

    /// Has the kernel log what it writes from now on.
    ///
    /// Linux 6.1 logs used rings alone; newer kernels also log the buffers. The corresponding ioctls:
    /// `VHOST_SET_LOG_BASE`, `VHOST_SET_FEATURES` with `VHOST_F_LOG_ALL`, `VHOST_SET_VRING_ADDR` for each ring with
    /// `VHOST_VRING_F_LOG`.
    ///
    /// - Parameter log: covers the guest memory; to be kept until `stopLog` or `stop`.
    public func startLog(_ log: DirtyPages) throws(OperationError) {
        precondition(isStarted, "the device is not started")
        let mark = undo.count
        do throws(OperationError) {
            try control(.setLogBase(log.address))
            try control(.setFeatures(features.union(.logAll)), undo: .setFeatures(features))
            for (index, ring) in rings.enumerated() where ring.size > 0 {
                try control(
                    .setRingAddresses(index, ring, isLogged: true),
                    undo: .setRingAddresses(index, ring)
                )
            }
        } catch {
            throw error.adding(unwind(to: mark))
        }
        logMark = mark
    }

    /// Has the kernel log no more. When this returns it no longer touches the log.
    public func stopLog() throws(OperationError) {
        guard let mark = logMark else { return }
        logMark = nil
        var failures = unwind(to: mark)
        guard !failures.isEmpty else { return }
        throw failures.removeFirst().adding(failures)
    }

    /// Takes the endpoint, the rings, their eventfds and the memory back. Every step is made whatever the others do.
    ///
    /// The corresponding ioctls, in order: `VHOST_SCSI_CLEAR_ENDPOINT`, which waits for requests in flight;
    /// `VHOST_GET_VRING_BASE` for each ring; descriptor -1 for each eventfd; an empty memory table; no features.
    ///
    /// - Throws: the first failure; the device is stopped nevertheless.
    public func stop() throws(OperationError) {
        logMark = nil
        var failures = unwind()
        guard !failures.isEmpty else { return }
        throw failures.removeFirst().adding(failures)
    }

    /// Gives each of these rings a worker of its own, where the kernel has such; the others share the device's first.
    private func attachWorkers(_ rings: [Int]) throws(OperationError) {
        guard !rings.isEmpty else { return }
        let first: UInt32
        do {
            first = UInt32(truncatingIfNeeded: try control(.getWorker(0)).value(as: UInt64.self) >> 32)
        } catch  where error.errno == .inappropriateIOCTLForDevice {
            // Before Linux 6.5 a device has one worker.
            return
        }
        for ring in rings {
            let worker = try control(.newWorker).value(as: UInt32.self)
            undo.append(.freeWorker(worker))
            try control(.attachWorker(ring, worker), undo: .attachWorker(ring, first))
            workerCount += 1
        }
    }

    private func bind(_ ring: VhostRing, _ index: Int) throws(OperationError) {
        let events: RingEvents
        do {
            events = RingEvents(
                kick: try system.eventFD(),
                call: try system.eventFD(),
                error: try system.eventFD()
            )
        } catch {
            throw OperationError("make an eventfd for", "ring \(index) of \(options.id)", errno: error)
        }
        self.events.append(events)
        if ring.size == 0 { return }
        try control(.setRingSize(index, ring.size))
        try control(.setRingBase(index, 0))
        try control(.setRingAddresses(index, ring))
        try bind(.setRingKick, index, events.kick.number)
        try bind(.setRingCall, index, events.call.number)
        try bind(.setRingError, index, events.error.number)
    }

    private func bind(_ name: VhostRequest.Name, _ index: Int, _ number: CInt) throws(OperationError) {
        try control(.setRingEvent(name, index, number), undo: .setRingEvent(name, index, -1))
    }

    private func checkABIVersion() throws(OperationError) {
        let version = Int(try control(.getABIVersion).value(as: Int32.self))
        abiVersion = version
        if version > Self.supportedABIVersion { throw VhostFailure.version(version, path) }
    }

    private func endpoint(_ name: VhostRequest.Name) -> VhostRequest {
        .endpoint(name, wwpn: options.wwpn, tpgt: options.tpgt)
    }

    @discardableResult
    private func control(_ request: VhostRequest, undo: VhostRequest? = nil) throws(OperationError)
        -> VhostRequest
    {
        var request = request
        do {
            try system.control(descriptor.descriptor, &request)
        } catch {
            throw VhostFailure.request(request, path, options, error)
        }
        if let undo { self.undo.append(undo) }
        return request
    }

    /// Takes everything back, and lets go of the eventfds.
    private func unwind() -> [OperationError] {
        let failures = unwind(to: 0)
        events = []
        rings = []
        workerCount = 1
        return failures
    }

    /// Makes the steps of `undo` from the last to the one numbered `mark`.
    private func unwind(to mark: Int) -> [OperationError] {
        var failures: [OperationError] = []
        while undo.count > mark {
            do {
                try control(undo.removeLast())
            } catch {
                failures.append(error)
            }
        }
        return failures
    }
}

/// The three eventfds of one started ring.
public final class RingEvents: Sendable {
    /// The driver side signals it when requests are available.
    public let kick: EventFD
    /// The kernel signals it when requests are used.
    public let call: EventFD
    /// The kernel signals it when it cannot go on with the ring.
    public let error: EventFD

    public init(kick: consuming EventFD, call: consuming EventFD, error: consuming EventFD) {
        self.kick = kick
        self.call = call
        self.error = error
    }
}

/// An open device that nobody owns yet, to be handed over to another process: who makes the first ioctl owns it.
public final class VhostDescriptor: Sendable {
    private let descriptor: OwnedDescriptor

    /// The descriptor's number, valid while the owner lives.
    public var number: CInt { descriptor.number }

    /// Opens the device, or takes a copy of the descriptor that `options` names.
    public init(_ options: VhostSCSIOptions, path: FilePath = VhostSCSIDevice.defaultPath)
        throws(OperationError)
    {
        descriptor = try VhostSCSIDevice.open(options, path, LinuxVhostSystem())
    }
}

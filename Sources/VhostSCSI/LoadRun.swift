// SPDX-License-Identifier: MIT
internal import CVirtioLoad
internal import LinuxSystem
internal import Synchronization
internal import SystemPackage

/// What a load runs on: a logical unit, or a block device.
protocol LoadTarget {
    /// What it is called in messages.
    var name: String { get }
    var rings: InitiatorRings { get }
    /// Whether a thread of the kernel serves the rings.
    var isKernelDevice: Bool { get }
    /// Target and LUN; nil for a block device.
    var unit: (target: UInt8, lun: UInt16)? { get }
    /// What it is called where its requests fail.
    var place: String { get }
    /// How long a request may take, in seconds.
    var timeout: Double { get }
    var features: VhostFeatures { get }
}

extension LoadTarget {
    /// One load for each queue.
    func loads(_ jobs: [RequestLoad.Job], batch: Int?) -> [RequestLoad] {
        zip(rings.requests, jobs).map { queue, job in
            RequestLoad(
                queue,
                job,
                unit: unit,
                place: place,
                timeout: timeout,
                batch: batch,
                usesTables: features.contains(.indirectDescriptors)
            )
        }
    }
}

/// One load on each queue of a device, each on a thread of its own, from their start to their end.
struct LoadRun {
    let loads: [RequestLoad]
    /// How long all of it took, in nanoseconds.
    let nanoseconds: UInt64
    /// What it cost.
    let costs: ProcessorCosts
    /// Where its threads and the device's workers ran; nil for anywhere.
    let processors: ProcessorSet?
    private let name: String

    /// Runs one job on each queue, and waits for them all.
    ///
    /// - Parameters:
    ///   - batch: how many requests to wait for at once; nil for three quarters of those in flight.
    ///   - processors: where its threads and the device's workers may run. With nil, they share the processor of the only
    ///     worker, because they wait for each other; where there are several, or data is looked at, they run anywhere.
    ///   - progress: called four times a second with the seconds since the start and the requests so far.
    /// - Throws: the first failure; the other queues are stopped.
    init(
        _ jobs: [RequestLoad.Job],
        on target: any LoadTarget,
        batch: Int? = nil,
        processors: ProcessorSet? = nil,
        progress: ((Double, UInt64) -> Void)? = nil
    ) throws(OperationError) {
        name = target.name
        try target.rings.checkIdle()
        let threads = target.isKernelDevice ? KernelThreads() : nil
        var place = processors
        defer {
            // The next run may be another. What cannot be undone here ends with the device.
            if place != nil { do { try threads?.bindWorkers(to: .all) } catch { _ = error } }
        }
        if let processors { try threads?.bindWorkers(to: processors) }
        if place == nil, !jobs.contains(where: \.has_pattern) { place = threads?.gathered() }
        self.processors = place
        let group: LoadGroup
        do {
            group = try LoadGroup(target.loads(jobs, batch: batch), place, mustBind: processors != nil)
        } catch {
            throw OperationError("make an eventfd for", "the end of a run", errno: error)
        }
        loads = group.loads
        let meter = ProcessorMeter(hasWorker: target.isKernelDevice)
        let start = MonotonicClock.nanoseconds
        try group.run { completed in
            progress?(Double(MonotonicClock.nanoseconds - start) / 1e9, completed)
        }
        nanoseconds = MonotonicClock.nanoseconds - start
        costs = meter.costs()
    }

    /// Throws where a read found something else than the pattern.
    func compare(_ capacity: SCSICapacity) throws(OperationError) {
        guard let byte = loads.compactMap(\.mismatch).min() else { return }
        let (block, offset) = byte.quotientAndRemainder(dividingBy: UInt64(capacity.blockSize))
        throw OperationError(
            "compare",
            name,
            cause: "block \(block) differs from what was written, at byte \(offset) of the block"
        )
    }
}

/// Loads that run at the same time.
private final class LoadGroup: Sendable {
    let loads: [RequestLoad]
    /// Signalled at the end of each.
    private let ends: EventFD
    private let failures = Mutex<[OperationError]>([])
    private let processors: ProcessorSet?
    private let mustBind: Bool

    init(_ loads: [RequestLoad], _ processors: ProcessorSet?, mustBind: Bool) throws(Errno) {
        self.loads = loads
        self.processors = processors
        self.mustBind = mustBind
        ends = try EventFD()
    }

    /// Runs them all, and calls `tick` four times a second with what they have done.
    func run(_ tick: (UInt64) -> Void) throws(OperationError) {
        var threads: [WorkerThread] = []
        do {
            for (index, load) in loads.enumerated() {
                threads.append(try WorkerThread(name: "load-\(index)") { self.run(load) })
            }
            var watches = loads.map { _ in RequestLoad.Watch() }
            var running = UInt64(loads.count)
            while running > 0 {
                if try ends.wait(milliseconds: 250) { running -= try ends.drain() }
                for (index, load) in loads.enumerated() { try load.watch(&watches[index]) }
                tick(loads.reduce(0) { $0 + $1.completed })
            }
        } catch {
            for load in loads { load.stop() }
            failures.withLock { $0.append(OperationError("run", "a thread for each queue", errno: error)) }
        }
        for thread in threads { thread.join() }
        if let first = failures.withLock({ $0.first }) { throw first }
    }

    /// Binds the calling thread, where it may be if nobody asked for it.
    private func bind() throws(OperationError) {
        guard let processors else { return }
        do {
            try processors.bind()
        } catch {
            if mustBind {
                throw OperationError("bind to processors \(processors)", "a thread", errno: error)
            }
        }
    }

    private func run(_ load: RequestLoad) {
        do throws(OperationError) {
            try bind()
            try load.run()
        } catch {
            failures.withLock { $0.append(error) }
            for other in loads { other.stop() }
        }
        EventFD.signal(ends.number)
    }
}

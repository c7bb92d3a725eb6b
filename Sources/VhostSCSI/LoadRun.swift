// SPDX-License-Identifier: MIT
internal import LinuxSystem
internal import Synchronization
internal import SystemPackage

/// One load on each queue of an initiator, each on a thread of its own, from their start to their end.
struct LoadRun {
    let loads: [RequestLoad]
    /// How long all of it took, in nanoseconds.
    let nanoseconds: UInt64
    /// What it cost.
    let costs: ProcessorCosts

    /// Runs one job on each queue, and waits for them all.
    ///
    /// - Parameters:
    ///   - batch: how many requests to wait for at once; nil for three quarters of those in flight.
    ///   - progress: called four times a second with the seconds since the start and the requests so far.
    /// - Throws: the first failure; the other queues are stopped.
    init(
        _ jobs: [RequestLoad.Job],
        on initiator: SCSIInitiator,
        lun: UInt16,
        batch: Int? = nil,
        progress: ((Double, UInt64) -> Void)? = nil
    ) throws(OperationError) {
        try initiator.checkIdle()
        let group: LoadGroup
        do {
            group = try LoadGroup(initiator.loads(jobs, lun: lun, batch: batch))
        } catch {
            throw OperationError("make an eventfd for", "the end of a run", errno: error)
        }
        loads = group.loads
        let meter = ProcessorMeter(hasWorker: initiator.isKernelDevice)
        let start = MonotonicClock.nanoseconds
        try group.run { completed in
            progress?(Double(MonotonicClock.nanoseconds - start) / 1e9, completed)
        }
        nanoseconds = MonotonicClock.nanoseconds - start
        costs = meter.costs()
    }

    /// Throws where a read found something else than the pattern.
    func compare(_ capacity: SCSICapacity, _ lun: UInt16) throws(OperationError) {
        guard let byte = loads.compactMap(\.mismatch).min() else { return }
        let (block, offset) = byte.quotientAndRemainder(dividingBy: UInt64(capacity.blockSize))
        throw OperationError(
            "compare",
            "LUN \(lun)",
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

    init(_ loads: [RequestLoad]) throws(Errno) {
        self.loads = loads
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

    private func run(_ load: RequestLoad) {
        do throws(OperationError) {
            try load.run()
        } catch {
            failures.withLock { $0.append(error) }
            for other in loads { other.stop() }
        }
        EventFD.signal(ends.number)
    }
}

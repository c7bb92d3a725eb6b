// SPDX-License-Identifier: MIT
internal import CVirtioLoad
public import LinuxSystem

/// A throughput run: what is read or written, how, and for how long.
public struct ThroughputJob: Equatable, Sendable {
    /// What the requests do, under the names that fio gives it.
    public enum Pattern: String, CaseIterable, Sendable {
        case read, write
        case readWrite = "rw"
        case randomRead = "randread"
        case randomWrite = "randwrite"
        case randomReadWrite = "randrw"

        public var writes: Bool { self != .read && self != .randomRead }
        public var reads: Bool { self != .write && self != .randomWrite }
        var isRandom: Bool { [.randomRead, .randomWrite, .randomReadWrite].contains(self) }
    }

    /// When the run ends.
    public enum Limit: Equatable, Sendable {
        /// After so many seconds.
        case seconds(Double)
        /// After so many requests on all queues together.
        case requests(UInt64)
    }

    public let pattern: Pattern
    /// The size of a request in bytes, a multiple of the logical unit's block size.
    public let blockSize: Int
    public let limit: Limit
    /// How many of 100 requests read, where they do both.
    public var readPercent = 50
    /// What the written data is made from, and what reads are compared with; nil where nobody looks at it.
    public var verifySeed: UInt64?
    /// How many requests to wait for at once; nil for three quarters of those in flight.
    public var batch: Int?
    /// Where the threads that drive the queues, and the kernel's that serve them, may run. With nil, they share the
    /// processor of the device's only worker; where there are several, or with a `verifySeed`, they run anywhere.
    public var processors: ProcessorSet?
    /// What the random places are made from: the same ones for the same number.
    public var randomSeed: UInt64 = 1

    public init(_ pattern: Pattern, blockSize: Int, limit: Limit) {
        self.pattern = pattern
        self.blockSize = blockSize
        self.limit = limit
    }

    /// Runs on `lun`, with as many requests in flight on each queue as the initiator has slots.
    ///
    /// With a `verifySeed`, a run that only writes is read back afterwards; one that reads wants the pattern on the
    /// unit, as `SurfaceCheck` leaves it.
    ///
    /// - Parameter progress: called four times a second with the seconds since the start and the requests so far.
    public func run(
        on initiator: SCSIInitiator,
        lun: UInt16,
        progress: ((Double, UInt64) -> Void)? = nil
    ) throws(OperationError) -> ThroughputResult {
        try initiator.testUnitReady(lun: lun)
        return try run(on: LoadedUnit(initiator, lun), try initiator.readCapacity(lun: lun), progress)
    }

    /// Runs on a block device, in the same way.
    public func run(
        on device: BlockDriver,
        progress: ((Double, UInt64) -> Void)? = nil
    ) throws(OperationError) -> ThroughputResult {
        if pattern.writes && device.isReadOnly {
            throw OperationError("write to", device.name, cause: "the device is read-only")
        }
        return try run(on: device, device.capacity, progress)
    }

    private func run(
        on target: any LoadTarget,
        _ capacity: SCSICapacity,
        _ progress: ((Double, UInt64) -> Void)?
    ) throws(OperationError) -> ThroughputResult {
        try check(capacity, target)
        let writing = pattern.writes ? (pattern.reads ? 100 - readPercent : 100) : 0
        let run = try LoadRun(
            jobs(target, capacity, writing),
            on: target,
            batch: batch,
            processors: processors,
            progress: progress
        )
        try run.compare(capacity)
        if verifySeed != nil, !pattern.reads {
            var again = jobs(target, capacity, 0)
            for index in again.indices {
                again[index].count = run.loads[index].completed
                again[index].duration = .max
            }
            try LoadRun(again, on: target, batch: batch, processors: processors).compare(capacity)
        }
        return ThroughputResult(self, depth: target.rings.shape.depth, run)
    }

    /// The part of each queue: a slice of the unit where places follow each other, all of it where they are random.
    private func jobs(_ target: any LoadTarget, _ capacity: SCSICapacity, _ writing: Int) -> [RequestLoad.Job]
    {
        let step = UInt64(blockSize / capacity.blockSize)
        let queues = UInt64(target.rings.requests.count)
        let places = capacity.blocks / step
        let slice = pattern.isRandom || places < queues ? places : places / queues
        return (0..<queues).map { queue in
            var job = RequestLoad.Job()
            job.first = slice == places ? 0 : queue * slice * step
            job.blocks = slice * step
            job.places = slice
            job.seed = randomSeed &+ queue << 32
            job.step = UInt32(step)
            job.block_size = UInt32(capacity.blockSize)
            job.write_percent = UInt32(writing)
            job.is_random = pattern.isRandom
            job.has_pattern = verifySeed != nil
            job.pattern = verifySeed ?? 0
            switch limit {
            case .seconds(let seconds): (job.duration, job.count) = (UInt64(seconds * 1e9), .max)
            case .requests(let count):
                (job.duration, job.count) = (.max, count / queues + (queue < count % queues ? 1 : 0))
            }
            return job
        }
    }

    private func check(_ capacity: SCSICapacity, _ target: any LoadTarget) throws(OperationError) {
        func refuse(_ cause: String) -> OperationError {
            OperationError("run with \(blockSize) bytes a request on", target.name, cause: cause)
        }
        if blockSize <= 0 || blockSize % capacity.blockSize != 0 {
            throw refuse("it is no multiple of its \(capacity.blockSize)-byte blocks")
        }
        let most = target.rings.shape.transferBytes
        if blockSize > most {
            throw refuse("a request has at most \(most) bytes")
        }
        if UInt64(blockSize) > capacity.byteCount {
            throw refuse("it has only \(capacity.byteCount) bytes")
        }
    }
}

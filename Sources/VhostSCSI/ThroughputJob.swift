// SPDX-License-Identifier: MIT
internal import Histogram
public import LinuxSystem

/// A throughput run: what is read or written, how, and for how long.
public struct ThroughputJob: Equatable, Sendable {
    /// What the requests do, under the names that fio gives it.
    public enum Pattern: String, CaseIterable, Sendable {
        case read, write
        case randomRead = "randread"
        case randomWrite = "randwrite"

        var isWrite: Bool { self == .write || self == .randomWrite }
        var isRandom: Bool { self == .randomRead || self == .randomWrite }
    }

    /// When the run ends.
    public enum Limit: Equatable, Sendable {
        /// After so many seconds.
        case seconds(Double)
        /// After so many requests.
        case requests(UInt64)
    }

    public let pattern: Pattern
    /// The size of a request in bytes, a multiple of the logical unit's block size.
    public let blockSize: Int
    public let limit: Limit

    public init(_ pattern: Pattern, blockSize: Int, limit: Limit) {
        self.pattern = pattern
        self.blockSize = blockSize
        self.limit = limit
    }

    /// Runs on `lun`, with as many requests in flight as the initiator has slots.
    public func run(on initiator: SCSIInitiator, lun: UInt16) throws(OperationError) -> ThroughputResult {
        try initiator.testUnitReady(lun: lun)
        let capacity = try initiator.readCapacity(lun: lun)
        try check(capacity, initiator, lun)
        let before = initiator.traffic
        let start = MonotonicClock.nanoseconds
        var load = ThroughputLoad(self, capacity, start: start)
        try initiator.run(&load, lun: lun, blockSize: capacity.blockSize)
        let elapsed = MonotonicClock.nanoseconds - start
        let after = initiator.traffic
        return ThroughputResult(
            depth: initiator.depth,
            blockSize: blockSize,
            seconds: Double(elapsed) / 1e9,
            latencies: load.latencies,
            traffic: .init(
                kicks: after.kicks - before.kicks,
                interrupts: after.interrupts - before.interrupts
            )
        )
    }

    private func check(_ capacity: SCSICapacity, _ initiator: SCSIInitiator, _ lun: UInt16)
        throws(OperationError)
    {
        func refuse(_ cause: String) -> OperationError {
            OperationError("run with \(blockSize) bytes a request on", "LUN \(lun)", cause: cause)
        }
        if blockSize <= 0 || blockSize % capacity.blockSize != 0 {
            throw refuse("it is no multiple of the logical unit's \(capacity.blockSize)-byte blocks")
        }
        if blockSize > initiator.transferBytes {
            throw refuse("a request has at most \(initiator.transferBytes) bytes")
        }
        if UInt64(blockSize) > capacity.byteCount {
            throw refuse("the logical unit has only \(capacity.byteCount) bytes")
        }
    }
}

/// What a throughput run measured.
public struct ThroughputResult: Sendable {
    /// The requests in flight.
    public let depth: Int
    /// The size of a request in bytes.
    public let blockSize: Int
    /// How long the run took.
    public let seconds: Double
    /// Kicks and interrupts during the run.
    public let traffic: SCSIInitiator.Traffic
    private let latencies: Histogram<UInt32>

    init(
        depth: Int,
        blockSize: Int,
        seconds: Double,
        latencies: Histogram<UInt32>,
        traffic: SCSIInitiator.Traffic
    ) {
        self.depth = depth
        self.blockSize = blockSize
        self.seconds = seconds
        self.latencies = latencies
        self.traffic = traffic
    }

    /// The requests that succeeded; one that fails ends the run with an error.
    public var requests: UInt64 { latencies.totalCount }
    /// Requests a second.
    public var iops: Double { Double(requests) / seconds }
    /// Megabytes (10^6 bytes) a second.
    public var megabytesPerSecond: Double { iops * Double(blockSize) / 1e6 }
    /// The mean latency in microseconds.
    public var meanMicroseconds: Double { latencies.mean / 1e3 }

    /// The latency in microseconds that `percent` of all requests do not exceed; 0 gives the least, 100 the most.
    /// A request of more than a minute counts as one of a minute.
    public func microseconds(percentile percent: Double) -> Double {
        let value = percent == 0 ? latencies.min : latencies.valueAtPercentile(percent)
        return Double(value) / 1e3
    }
}

/// The requests of a job.
struct ThroughputLoad: BlockWorkload {
    var latencies: Histogram<UInt32>
    /// A minute, in nanoseconds; the timeout may be longer, and what takes longer counts as a minute.
    static let longest: UInt64 = 60_000_000_000
    private let isWrite: Bool
    private let isRandom: Bool
    private let blocks: UInt32
    /// How many places there are for a request.
    private let places: UInt64
    private let end: UInt64
    private var left: UInt64
    private var cursor: UInt64 = 0
    private var random = SplitMix(state: 1)

    init(_ job: ThroughputJob, _ capacity: SCSICapacity, start: UInt64) {
        isWrite = job.pattern.isWrite
        isRandom = job.pattern.isRandom
        blocks = UInt32(job.blockSize / capacity.blockSize)
        places = capacity.blocks / UInt64(blocks)
        switch job.limit {
        case .seconds(let seconds): (end, left) = (start + UInt64(seconds * 1e9), .max)
        case .requests(let count): (end, left) = (.max, count)
        }
        // With 3 digits; of fixed size, so that recording never allocates.
        latencies = Histogram(highestTrackableValue: Self.longest, numberOfSignificantValueDigits: .three)
    }

    mutating func next(now: UInt64) -> BlockRequest? {
        guard left > 0, now < end else { return nil }
        left -= 1
        let place = isRandom ? random.next() % places : cursor
        cursor = cursor + 1 == places ? 0 : cursor + 1
        return BlockRequest(address: place * UInt64(blocks), blocks: blocks, isWrite: isWrite)
    }

    mutating func prepare(_ request: BlockRequest, _ words: inout MutableSpan<UInt64>) {
        // The content is not looked at; one word tells writes apart.
        if isWrite { words[0] = request.address }
    }

    mutating func complete(_ request: BlockRequest, _ words: Span<UInt64>, nanoseconds: UInt64) {
        latencies.record(min(nanoseconds, Self.longest))
    }
}

/// A small random number generator, the same numbers in each run, so that runs compare.
private struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}

// SPDX-License-Identifier: MIT
internal import Histogram
public import LinuxSystem

/// What a throughput run measured.
public struct ThroughputResult: Sendable {
    /// The requests in flight on each queue.
    public let depth: Int
    /// The request queues.
    public let queues: Int
    /// The size of a request in bytes.
    public let blockSize: Int
    /// How long the run took.
    public let seconds: Double
    /// Kicks and interrupts during the run.
    public let traffic: SCSIInitiator.Traffic
    /// Processor time of both sides.
    public let costs: ProcessorCosts
    /// Where the threads on both sides ran; nil for anywhere.
    public let processors: ProcessorSet?
    /// All requests that succeeded; one that fails ends the run with an error.
    public let all: LatencyTable
    /// Those that read.
    public let reads: LatencyTable
    /// Those that wrote.
    public let writes: LatencyTable

    init(_ job: ThroughputJob, depth: Int, _ run: LoadRun) {
        self.depth = depth
        queues = run.loads.count
        blockSize = job.blockSize
        seconds = Double(run.nanoseconds) / 1e9
        costs = run.costs
        processors = run.processors
        traffic = run.loads.map(\.traffic).reduce(.none, +)
        reads = LatencyTable(run.loads) { load, body in load.forEachLatency(ofWrites: false, body) }
        writes = LatencyTable(run.loads) { load, body in load.forEachLatency(ofWrites: true, body) }
        all = LatencyTable(run.loads) { load, body in
            load.forEachLatency(ofWrites: false, body)
            load.forEachLatency(ofWrites: true, body)
        }
    }

    /// The requests that succeeded.
    public var requests: UInt64 { all.count }
    /// Requests a second.
    public var iops: Double { Double(requests) / seconds }
    /// Megabytes (10^6 bytes) a second.
    public var megabytesPerSecond: Double { iops * Double(blockSize) / 1e6 }

    /// So many nanoseconds for each request, of `seconds` in all.
    public func nanosecondsPerRequest(_ seconds: Double) -> Double {
        seconds * 1e9 / Double(max(requests, 1))
    }

    /// So many for each 1,000 requests, of `count` in all.
    public func perThousand(_ count: UInt64) -> Double { Double(count) * 1000 / Double(max(requests, 1)) }
}

/// How long requests took, to three digits.
public struct LatencyTable: Sendable {
    private var latencies: Histogram<UInt64>
    /// What the loop counts at most: a request of more than a minute counts as one of a minute.
    private static let longest: UInt64 = 1 << 36 - 1

    init(_ loads: [RequestLoad], _ each: (RequestLoad, (UInt64, UInt64) -> Void) -> Void) {
        latencies = Histogram(highestTrackableValue: Self.longest, numberOfSignificantValueDigits: .three)
        var recorded = latencies
        for load in loads { each(load) { recorded.record($0, count: $1) } }
        latencies = recorded
    }

    /// How many there were.
    public var count: UInt64 { latencies.totalCount }
    /// The mean in microseconds.
    public var meanMicroseconds: Double { count == 0 ? 0 : latencies.mean / 1e3 }

    /// The whole distribution as HdrHistogram prints it, in microseconds, for what draws such files.
    public var percentileDistribution: String {
        var text = ""
        latencies.outputPercentileDistribution(to: &text, outputValueUnitScalingRatio: 1000)
        return text
    }

    /// What `percent` of all requests do not exceed, in microseconds; 0 gives the least, 100 the most.
    public func microseconds(percentile percent: Double) -> Double {
        if count == 0 { return 0 }
        return Double(percent == 0 ? latencies.min : latencies.valueAtPercentile(percent)) / 1e3
    }
}

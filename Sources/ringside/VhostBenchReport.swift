// SPDX-License-Identifier: MIT
import LinuxSystem
import RingBench
import SystemPackage
import VhostSCSI

/// What the runs of `vhost bench` measured.
struct VhostBenchReport: Encodable {
    let name: String
    /// Nil for a block device.
    let lun: Int?
    let rw: String
    let bs: Int
    let runs: [VhostBenchRun]

    private var title: String {
        (lun.map { "LUN \($0): " } ?? "") + "\(rw), \(ByteSize(bytes: Int64(bs))) a request"
    }

    var description: String {
        let columns = [
            "queues", "depth", "", "requests", "IOPS", "MB/s", "min", "p50", "p90", "p99", "p99.9", "max",
            "kicks/1k", "interrupts/1k",
        ]
        let costs = [
            "queues", "depth", "cpus", "worker runs", "has work", "LIO runs", "device runs", "worker us",
            "LIO us", "ours us",
        ]
        let shares = runs.compactMap(\.costs)
        let rows = runs.flatMap(\.rows)
        let intro = "\(title), latencies in microseconds"
        if shares.isEmpty { return "\(intro)\n\(Table(columns: columns + ["ours us"], rows: rows))" }
        return """
            \(intro)
            \(Table(columns: columns, rows: rows))
            processor time: shares of the run, and microseconds for each request
            \(Table(columns: costs, rows: shares))
            """
    }

    /// Each run's distribution of latencies, below what it is of.
    var histogram: String {
        runs.map { run in "#[\(run.name): \(title), latency in microseconds]\n\(run.distribution)" }
            .joined(separator: "\n")
    }

    /// The latencies: the median, and from the least to what 99.9 of 100 requests do not exceed.
    var plot: String {
        let colors = ["#1f77b4", "#d62728", "#2ca02c", "#9467bd"]
        let queues = Array(Set(runs.map(\.queues))).sorted()
        return SpreadPlot(
            title: "\(title): latency, least to p99.9, median",
            subtitle: name,
            unit: "us",
            rows: runs.compactMap { run in
                let latency = run.latencyMicroseconds
                guard var spread = Spread([latency.min, latency.p999]) else { return nil }
                spread.median = latency.p50
                let place = queues.firstIndex(of: run.queues) ?? 0
                return SpreadPlot.Row(
                    "\(run.name): \(run.iops.fixed(0)) IOPS",
                    spread,
                    color: colors[place % colors.count]
                )
            }
        ).svg
    }
}

/// One run.
struct VhostBenchRun: Encodable {
    /// Latencies in microseconds.
    struct Latency: Encodable {
        let min: Double
        let mean: Double
        let p50: Double
        let p90: Double
        let p99: Double
        let p999: Double
        let max: Double

        init(_ table: LatencyTable) {
            min = table.microseconds(percentile: 0)
            mean = table.meanMicroseconds
            p50 = table.microseconds(percentile: 50)
            p90 = table.microseconds(percentile: 90)
            p99 = table.microseconds(percentile: 99)
            p999 = table.microseconds(percentile: 99.9)
            max = table.microseconds(percentile: 100)
        }

        fileprivate var cells: [String] { [min, p50, p90, p99, p999, max].map { $0.fixed(0) } }
    }

    /// The reads or the writes of a run that does both.
    struct Part: Encodable {
        let requests: UInt64
        let iops: Double
        let latencyMicroseconds: Latency
    }

    /// The kernel thread that serves the rings, and the work queues that carry out the commands.
    struct Worker: Encodable {
        /// Which part of the run it was on a processor; several threads add up.
        let busy: Double
        /// Which part of the run it was on a processor or waited for one.
        let runnable: Double
        let microsecondsPerRequest: Double
        /// Which part of the run the work queues were on a processor; several add up.
        let workQueuesBusy: Double
        let workQueueMicrosecondsPerRequest: Double
    }

    let queues: Int
    let iodepth: Int
    let requests: UInt64
    let seconds: Double
    let iops: Double
    let megabytesPerSecond: Double
    let latencyMicroseconds: Latency
    let reads: Part?
    let writes: Part?
    let kicks: UInt64
    let interrupts: UInt64
    let kicksPerThousand: Double
    let interruptsPerThousand: Double
    /// The numbers of the processors that the threads on both sides were bound to.
    let processors: String?
    let worker: Worker?
    let ourMicrosecondsPerRequest: Double
    /// The latencies, as HdrHistogram prints them.
    fileprivate let distribution: String

    private enum CodingKeys: CodingKey {
        case queues, iodepth, requests, seconds, iops, megabytesPerSecond, latencyMicroseconds, reads, writes
        case kicks, interrupts, kicksPerThousand, interruptsPerThousand, processors, worker
        case ourMicrosecondsPerRequest
    }

    fileprivate var name: String { "\(queues == 1 ? "1 queue" : "\(queues) queues"), depth \(iodepth)" }

    init(_ result: ThroughputResult) {
        distribution = result.all.percentileDistribution
        queues = result.queues
        iodepth = result.depth
        requests = result.requests
        seconds = result.seconds
        iops = result.iops
        megabytesPerSecond = result.megabytesPerSecond
        latencyMicroseconds = Latency(result.all)
        let isMixed = result.reads.count > 0 && result.writes.count > 0
        func part(_ table: LatencyTable) -> Part? {
            guard isMixed else { return nil }
            let rate = Double(table.count) / result.seconds
            return Part(requests: table.count, iops: rate, latencyMicroseconds: Latency(table))
        }
        reads = part(result.reads)
        writes = part(result.writes)
        kicks = result.traffic.kicks
        interrupts = result.traffic.interrupts
        kicksPerThousand = result.perThousand(kicks)
        interruptsPerThousand = result.perThousand(interrupts)
        processors = result.processors.map { "\($0)" }
        worker = result.costs.worker.map { share in
            Worker(
                busy: share.ran / result.seconds,
                runnable: (share.ran + share.waited) / result.seconds,
                microsecondsPerRequest: result.nanosecondsPerRequest(share.ran) / 1e3,
                workQueuesBusy: result.costs.workQueues / result.seconds,
                workQueueMicrosecondsPerRequest: result.nanosecondsPerRequest(result.costs.workQueues) / 1e3
            )
        }
        ourMicrosecondsPerRequest = result.nanosecondsPerRequest(result.costs.ours) / 1e3
    }

    /// The run, and below it its reads and writes where it has both.
    fileprivate var rows: [[String]] {
        let rate = { (iops: Double) in [iops.fixed(0), (iops * megabytesPerSecond / self.iops).fixed(1)] }
        // What the driver takes stands beside what the kernel's threads take, where there are any.
        let ours = worker == nil ? [ourMicrosecondsPerRequest.fixed(2)] : []
        let ends = [kicksPerThousand.fixed(1), interruptsPerThousand.fixed(1)] + ours
        let first =
            ["\(queues)", "\(iodepth)", "", "\(requests)"] + rate(iops) + latencyMicroseconds.cells + ends
        let parts = [("read", reads), ("write", writes)].compactMap { name, part in
            part.map { part in
                ["", "", name, "\(part.requests)"] + rate(part.iops) + part.latencyMicroseconds.cells
                    + Array(repeating: "", count: ends.count)
            }
        }
        return [first] + parts
    }

    /// What the run took of the processors, where the kernel serves the device.
    fileprivate var costs: [String]? {
        func share(_ part: Double) -> String { "\((part * 100).fixed(0))%" }
        return worker.map { worker in
            [
                "\(queues)", "\(iodepth)", processors ?? "any", share(worker.busy), share(worker.runnable),
                share(worker.workQueuesBusy), share(worker.busy + worker.workQueuesBusy),
                worker.microsecondsPerRequest.fixed(2), worker.workQueueMicrosecondsPerRequest.fixed(2),
                ourMicrosecondsPerRequest.fixed(2),
            ]
        }
    }
}

extension FilePath {
    /// Writes what a run found out to a file.
    func write(result: String) throws {
        do {
            try write(result.utf8)
        } catch let error as Errno {
            throw OperationError("write", "\(self)", errno: error)
        }
    }
}

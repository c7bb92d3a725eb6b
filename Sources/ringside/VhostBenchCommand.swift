// SPDX-License-Identifier: MIT
public import ArgumentParser
import LinuxSystem
public import VhostSCSI

extension ThroughputJob.Pattern: ExpressibleByArgument {}

struct VhostBenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure a LUN: IOPS, MB/s, latency percentiles, kicks and interrupts.",
        discussion: """
            One run for each queue depth. Latencies are from handing a request over to seeing it back, in microseconds.
            A run that writes destroys what is on the LUN, and wants --write to be said;
            with --dry-run it says which LUN it would run on, and neither reads nor writes there.

            EXAMPLES
              ringside vhost bench id=vhost-scsi0,wwpn=naa.500140500000001,tpgt=1
              ringside vhost bench --rw randread --bs 4k --iodepth 1,32 --runtime 2 id=a,wwpn=naa.5001405000001,tpgt=1
              ringside vhost bench --rw write --write --bs 128k --count 1000 --json id=a,wwpn=naa.5001405000001,tpgt=1
              ringside vhost bench --socket /run/ringside/disk.sock --iodepth 32
              ringside vhost bench --rw write --dry-run id=a,wwpn=naa.5001405000001,tpgt=1
            """
    )

    @OptionGroup var device: VhostDeviceOptions

    @Option(help: "The logical unit, 0 to 16383.")
    var lun: UInt16 = 0

    @Option(help: "What to do.")
    var rw = ThroughputJob.Pattern.randomRead

    @Option(help: "The size of a request.", transform: { try ByteSize($0) })
    var bs = ByteSize(bytes: 4096)

    @Option(help: "Requests in flight: one number, or several with commas between.", transform: Self.depths)
    var iodepth = [1, 32]

    @Option(help: "How long each run takes, in seconds; 1 where --count is not given either.")
    var runtime: Double?

    @Option(help: "How many requests each run has.")
    var count: UInt64?

    @Flag(help: "Let a run that writes overwrite the LUN.")
    var write = false

    @Flag(help: "Say what the runs would overwrite, and run nothing.")
    var dryRun = false

    @OptionGroup var output: OutputOptions

    private static func depths(_ text: String) throws -> [Int] {
        try text.split(separator: ",", omittingEmptySubsequences: false).map { field in
            guard let depth = Int(field), (1...1024).contains(depth) else {
                throw ValidationError("a depth is a number from 1 to 1024")
            }
            return depth
        }
    }

    func validate() throws {
        guard lun < 16384 else { throw ValidationError("--lun is 0 to 16383.") }
        guard bs.bytes <= 4 << 20 else { throw ValidationError("--bs is 4M at most.") }
        guard runtime == nil || count == nil else {
            throw ValidationError("Give --runtime or --count, not both.")
        }
        guard count != 0 else { throw ValidationError("--count is 1 or more.") }
        if let runtime, !(runtime > 0 && runtime <= 86400) {
            throw ValidationError("--runtime is above 0, and a day at most.")
        }
        guard write || dryRun || [.read, .randomRead].contains(rw) else {
            throw ValidationError("--rw \(rw.rawValue) overwrites the LUN: say --write to do it.")
        }
    }

    func run() throws {
        if dryRun { return try printPlan() }
        let limit = count.map(ThroughputJob.Limit.requests) ?? .seconds(runtime ?? 1)
        let job = ThroughputJob(rw, blockSize: Int(bs.bytes), limit: limit)
        let opened = try device.open()
        var runs: [BenchRun] = []
        for depth in iodepth {
            let initiator = try device.start(opened, depth: depth, transferBytes: Int(bs.bytes))
            let result = try initiator.finishing { () throws(OperationError) in
                try job.run(on: initiator, lun: lun)
            }
            runs.append(BenchRun(result))
        }
        let report = BenchReport(lun: Int(lun), rw: rw.rawValue, bs: Int(bs.bytes), runs: runs)
        try output.print(report) { $0.description }
    }
}

extension VhostBenchCommand {
    private func printPlan() throws {
        let initiator = try device.start(depth: 1, transferBytes: Int(bs.bytes))
        let size = try initiator.finishing { () throws(OperationError) in try initiator.readCapacity(lun: lun)
        }
        let isWrite = ![.read, .randomRead].contains(rw)
        let plan = BenchPlan(
            wwpn: device.name,
            lun: Int(lun),
            rw: rw.rawValue,
            lunBytes: size.byteCount,
            wouldOverwrite: isWrite
        )
        try output.print(plan) { plan in
            let place = "the \(plan.lunBytes) bytes of LUN \(plan.lun) of \(plan.wwpn)"
            return plan.wouldOverwrite ? "would overwrite any of \(place)" : "would read any of \(place)"
        }
    }
}

private struct BenchPlan: Encodable {
    let wwpn: String
    let lun: Int
    let rw: String
    let lunBytes: UInt64
    let wouldOverwrite: Bool
}

private struct BenchReport: Encodable {
    let lun: Int
    let rw: String
    let bs: Int
    let runs: [BenchRun]

    var description: String {
        let table = Table(
            columns: [
                "depth", "requests", "seconds", "IOPS", "MB/s", "min", "p50", "p90", "p99", "p99.9", "max",
                "kicks",
                "interrupts",
            ],
            rows: runs.map(\.cells)
        )
        return
            "LUN \(lun): \(rw), \(ByteSize(bytes: Int64(bs))) a request, latencies in microseconds\n\(table)"
    }
}

private struct BenchRun: Encodable {
    struct Latency: Encodable {
        let min: Double
        let mean: Double
        let p50: Double
        let p90: Double
        let p99: Double
        let p999: Double
        let max: Double
    }

    let iodepth: Int
    let requests: UInt64
    let seconds: Double
    let iops: Double
    let megabytesPerSecond: Double
    let latencyMicroseconds: Latency
    let kicks: UInt64
    let interrupts: UInt64

    init(_ result: ThroughputResult) {
        iodepth = result.depth
        requests = result.requests
        seconds = result.seconds
        iops = result.iops
        megabytesPerSecond = result.megabytesPerSecond
        kicks = result.traffic.kicks
        interrupts = result.traffic.interrupts
        latencyMicroseconds = Latency(
            min: result.microseconds(percentile: 0),
            mean: result.meanMicroseconds,
            p50: result.microseconds(percentile: 50),
            p90: result.microseconds(percentile: 90),
            p99: result.microseconds(percentile: 99),
            p999: result.microseconds(percentile: 99.9),
            max: result.microseconds(percentile: 100)
        )
    }

    var cells: [String] {
        let latency = latencyMicroseconds
        let numbers = [latency.min, latency.p50, latency.p90, latency.p99, latency.p999, latency.max]
        return ["\(iodepth)", "\(requests)", seconds.fixed(2), iops.fixed(0), megabytesPerSecond.fixed(1)]
            + numbers.map { $0.fixed(0) } + ["\(kicks)", "\(interrupts)"]
    }
}

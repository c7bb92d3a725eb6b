// SPDX-License-Identifier: MIT
public import ArgumentParser
import LinuxSystem
import SystemPackage
public import VhostSCSI

extension ThroughputJob.Pattern: ExpressibleByArgument {}

struct VhostBenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure a LUN: IOPS, MB/s, latency percentiles, processor time, kicks and interrupts.",
        discussion: """
            One run for each number of queues and each depth. Latencies are from handing a batch of requests over to \
            seeing it back, in microseconds.

            The second table is of processor time. 'worker' is the kernel thread that serves the rings: it 'runs' \
            on a processor, and 'has work' while it runs or waits for one. 'LIO' are the kernel's work queues, which \
            carry the commands out on the processor that the worker gave them out on; so the two take turns, and \
            'device runs' is their sum. 'ours' is what this program takes for a request. Driver and worker wait for \
            each other, so where --cpus is not given they share the processor of the worker: to wake another one \
            costs both more. With several workers, or --verify, they run anywhere.

            A run that writes destroys what is on the LUN, and wants --write to be said;
            with --dry-run it says which LUN it would run on, and neither reads nor writes there.

            With --verify, writes put a pattern that differs in every 8 bytes, and reads are compared with it. A run
            that only writes is read back afterwards; one that reads wants the pattern on the LUN, as
            'ringside vhost verify' with the same --seed leaves it.

            With --blk, the back-end at --socket is one of vhost-user-blk, as qemu-storage-daemon and SPDK have it: a block
            device without LUNs. It tells its size and its queues itself.

            EXAMPLES
              ringside vhost bench id=vhost-scsi0,wwpn=naa.500140500000001,tpgt=1
              ringside vhost bench --rw randread --bs 4k --iodepth 1,32 --runtime 2 id=a,wwpn=naa.5001405000001,tpgt=1
              ringside vhost bench --queues 1,2 --iodepth 32 --plot bench.svg id=a,wwpn=naa.5001405000001,tpgt=1
              ringside vhost bench --cpus 0,1 --iodepth 32 --histogram bench.hgrm id=a,wwpn=naa.5001405000001,tpgt=1
              ringside vhost bench --rw randrw --rwmixread 70 --write --json id=a,wwpn=naa.5001405000001,tpgt=1
              ringside vhost bench --rw write --write --bs 128k --count 1000 --verify id=a,wwpn=naa.5001405000001,tpgt=1
              ringside vhost bench --socket /run/ringside/disk.sock --iodepth 32
              ringside vhost bench --socket /run/blk.sock --blk --queues 2 --rw randwrite --write --verify
              ringside vhost bench --rw write --dry-run id=a,wwpn=naa.5001405000001,tpgt=1
            """
    )

    @OptionGroup var device: VhostDeviceOptions

    @Option(help: "The logical unit, 0 to 16383.")
    var lun: UInt16 = 0

    @Flag(help: "The back-end at --socket is a vhost-user-blk device, which has no LUNs.")
    var blk = false

    @Option(help: "What to do.")
    var rw = ThroughputJob.Pattern.randomRead

    @Option(help: "How many of 100 requests read, with --rw rw and randrw.")
    var rwmixread = 50

    @Option(help: "The size of a request.", transform: { try ByteSize($0) })
    var bs = ByteSize(bytes: 4096)

    @Option(
        help: "Requests in flight on each queue: one number, or several with commas between.",
        transform: { try Self.numbers($0, 1...1024) }
    )
    var iodepth = [1, 32]

    @Option(
        help: ArgumentHelp(
            "Request queues, each with a thread: one number, or several.",
            valueName: "queues"
        ),
        transform: { try Self.numbers($0, 1...128) }
    )
    var queues: [Int] = []

    @Option(help: "How long each run takes, in seconds; 1 where --count is not given either.")
    var runtime: Double?

    @Option(help: "How many requests each run has, on all queues together.")
    var count: UInt64?

    @Option(help: "How many requests to wait for at once; three quarters of those in flight by default.")
    var batch: Int?

    @Option(
        help: ArgumentHelp(
            "The processors for the threads that drive the queues, and for the kernel's that serve them.",
            valueName: "processors"
        ),
        transform: { try Self.numbers($0, 0...ProcessorSet.highest) }
    )
    var cpus: [Int] = []

    @Flag(help: "Write a pattern, and compare what is read with it.")
    var verify = false

    @Option(help: "What the pattern is made from.")
    var seed: UInt64 = 1

    @Option(help: "What the random places are made from.")
    var randseed: UInt64 = 1

    @Option(
        help: ArgumentHelp("Draw the latencies into an SVG file.", valueName: "file"),
        completion: .file(extensions: ["svg"])
    )
    var plot: String?

    @Option(
        help: ArgumentHelp(
            "Write the distribution of each run's latencies as HdrHistogram prints it.",
            valueName: "file"
        ),
        completion: .file(extensions: ["hgrm"])
    )
    var histogram: String?

    @Flag(help: "Let a run that writes overwrite the LUN.")
    var write = false

    @Flag(help: "Say what the runs would overwrite, and run nothing.")
    var dryRun = false

    @OptionGroup var output: OutputOptions

    private static func numbers(_ text: String, _ range: ClosedRange<Int>) throws -> [Int] {
        try text.split(separator: ",", omittingEmptySubsequences: false).map { field in
            guard let number = Int(field), range.contains(number) else {
                throw ValidationError("it is a number from \(range.lowerBound) to \(range.upperBound)")
            }
            return number
        }
    }

    func validate() throws {
        guard !blk || device.socket != nil && device.target == 0 && lun == 0 else {
            throw ValidationError("--blk takes --socket, and no --target or --lun.")
        }
        guard lun < 16384 else { throw ValidationError("--lun is 0 to 16383.") }
        guard bs.bytes <= 4 << 20 else { throw ValidationError("--bs is 4M at most.") }
        guard runtime == nil || count == nil else {
            throw ValidationError("Give --runtime or --count, not both.")
        }
        guard count != 0 else { throw ValidationError("--count is 1 or more.") }
        if let runtime, !(runtime > 0 && runtime <= 86400) {
            throw ValidationError("--runtime is above 0, and a day at most.")
        }
        guard (0...100).contains(rwmixread) else { throw ValidationError("--rwmixread is 0 to 100.") }
        guard batch.map({ (1...1024).contains($0) }) ?? true else {
            throw ValidationError("--batch is 1 to 1024.")
        }
        guard write || dryRun || !rw.writes else {
            throw ValidationError("--rw \(rw.rawValue) overwrites the LUN: say --write to do it.")
        }
    }

    func run() throws {
        if dryRun { return try printPlan() }
        let opened = blk ? nil : try device.open()
        var runs: [VhostBenchRun] = []
        for queues in queues.isEmpty ? [nil] : queues.map(Optional.some) {
            for depth in iodepth { runs.append(try measure(opened, depth, queues)) }
        }
        let report = VhostBenchReport(
            name: device.name,
            lun: blk ? nil : Int(lun),
            rw: rw.rawValue,
            bs: Int(bs.bytes),
            runs: runs
        )
        try output.print(report) { $0.description }
        if let plot { try FilePath(plot).write(result: report.plot) }
        if let histogram { try FilePath(histogram).write(result: report.histogram) }
    }

    private var job: ThroughputJob {
        let limit = count.map(ThroughputJob.Limit.requests) ?? .seconds(runtime ?? 1)
        var job = ThroughputJob(rw, blockSize: Int(bs.bytes), limit: limit)
        job.readPercent = rwmixread
        job.verifySeed = verify ? seed : nil
        job.batch = batch
        job.processors = ProcessorSet(cpus)
        job.randomSeed = randseed
        return job
    }

    /// - Parameter opened: nil for a block device: qemu-storage-daemon's starts once for each connection.
    private func measure(_ opened: (any SCSITransport)?, _ depth: Int, _ queues: Int?) throws -> VhostBenchRun
    {
        let bytes = Int(bs.bytes)
        let result: ThroughputResult
        if let opened {
            let initiator = try device.start(opened, depth: depth, transferBytes: bytes, queues: queues)
            result = try initiator.finishing { () throws(OperationError) in
                try job.run(on: initiator, lun: lun, progress: progress(initiator.queueCount, depth))
            }
        } else {
            let driver = try device.startBlock(depth: depth, transferBytes: bytes, queues: queues)
            result = try job.run(on: driver, progress: progress(driver.queueCount, depth))
            try driver.detach()
        }
        Terminal.endProgress()
        return VhostBenchRun(result)
    }

    private func progress(_ queues: Int, _ depth: Int) -> (Double, UInt64) -> Void {
        { seconds, requests in
            let rate = (Double(requests) / max(seconds, 0.001)).fixed(0)
            let name = queues == 1 ? "" : "\(queues) queues, "
            Terminal.showProgress(
                "\(name)depth \(depth): \(seconds.fixed(1)) s, \(requests) requests, \(rate) IOPS"
            )
        }
    }

    private func printPlan() throws {
        let size: SCSICapacity
        if blk {
            let driver = try device.startBlock(depth: 1, transferBytes: 512)
            size = driver.capacity
            try driver.detach()
        } else {
            let initiator = try device.start(depth: 1)
            size = try initiator.finishing { () throws(OperationError) in
                try initiator.readCapacity(lun: lun)
            }
        }
        let plan = VhostBenchPlan(
            wwpn: device.name,
            lun: blk ? nil : Int(lun),
            rw: rw.rawValue,
            lunBytes: size.byteCount,
            wouldOverwrite: rw.writes
        )
        try output.print(plan) { plan in
            let unit = plan.lun.map { "LUN \($0) of " } ?? ""
            let place = "the \(plan.lunBytes) bytes of \(unit)\(plan.wwpn)"
            return plan.wouldOverwrite ? "would overwrite any of \(place)" : "would read any of \(place)"
        }
    }
}

private struct VhostBenchPlan: Encodable {
    let wwpn: String
    let lun: Int?
    let rw: String
    let lunBytes: UInt64
    let wouldOverwrite: Bool
}

// SPDX-License-Identifier: MIT
import ArgumentParser
import LinuxSystem
import RingBench
import SystemPackage

struct RingBenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure what a chain costs: the device side, driver and device, one thread and two.",
        discussion: """
            Each combination of the values is a case. Cases are measured in turn, round after round, behind a round \
            that warms up; of each round the median of its slices counts, and of the rounds the median, the least and \
            the most are shown, in nanoseconds for each chain. The id and the length of every chain that comes back \
            are checked.

            Workloads
              device  the device side alone, over a ring that was filled before
              pair    driver and device in turn, in one thread
              poll    driver and device in threads of their own, which poll
              notify  the same, which sleep and wake each other by eventfds

            Before and after each round the two threads pass a cache line to and fro. Rounds are sorted by its round \
            trip: near, of 200 ns at most; far, of 300 at least; mid, anything else, or both. With one chain in \
            flight, "trips" is its latency in round trips of the line.

            --kernel prints what the module ring_selftest measured in the running kernel.

            EXAMPLES
              ringside ring bench
              ringside ring bench --workload device --chain 1,3,8,indirect --batch 1,8,32,64 --size 64,256,1024,4096
              ringside ring bench --workload poll --batch 1 --depth 1 --cpus 0,1
              ringside ring bench --json >before.json
              ringside ring bench --baseline before.json --fail-above 5 --plot bench.svg
              ringside ring bench --workload notify --batch 1,8 --list
              ringside vm run --module kmod/ring_selftest/ring_selftest.ko -- \\
                sh -c 'insmod /lib/modules/*/updates/ring_selftest.ko; ringside ring bench --kernel'
            """
    )

    @OptionGroup var choice: RingCaseOptions

    @Option(help: "How often each case is measured; 1 to 1000.")
    var rounds = 9

    @Option(
        help: ArgumentHelp("Processors of driver and device, two numbers.", valueName: "N,N"),
        transform: numbers(0...1023)
    )
    var cpus: [Int] = []

    @Option(help: ArgumentHelp("Draw the figures into an SVG file.", valueName: "file"), completion: .file())
    var plot: String?

    @Option(
        help: ArgumentHelp("Compare with what an earlier --json printed.", valueName: "file"),
        completion: .file()
    )
    var baseline: String?

    @Option(
        help: ArgumentHelp(
            """
            Exit with 1 where a case is slower than the baseline by more than this, and their spreads are apart, or \
            where it could not be compared.
            """,
            valueName: "percent"
        )
    )
    var failAbove: Double?

    @Flag(help: "Say which cases there are, and measure nothing.")
    var list = false

    @Flag(help: "Print the figures that the module ring_selftest has from the running kernel.")
    var kernel = false

    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...1000).contains(rounds) else { throw ValidationError("--rounds is 1 to 1000.") }
        guard cpus.isEmpty || cpus.count == 2 else { throw ValidationError("--cpus is two numbers.") }
        guard failAbove == nil || baseline != nil else {
            throw ValidationError("--fail-above goes with --baseline.")
        }
        guard failAbove.map({ $0 >= 0 }) ?? true else { throw ValidationError("--fail-above is 0 or more.") }
        guard kernel || !choice.matrix.cases.isEmpty else {
            throw ValidationError("No ring of these sizes has room for these batches and depths.")
        }
    }

    func run() throws {
        if kernel { return try printKernelFigures() }
        let cases = choice.matrix.cases
        if list {
            return try output.print(cases) { $0.map(\.name).joined(separator: "\n") }
        }
        let earlier = try baseline.map { try RingReport(json: FilePath($0)) }
        let report = try measure(cases)
        let comparisons = earlier.map { RingComparison.comparing(report, with: $0) }
        try output.print(RingResult(report: report, earlier: earlier, comparisons: comparisons)) {
            $0.description
        }
        if let plot {
            let plotted = RingPlot(report, baseline: comparisons ?? []).picture
            try FilePath(plot).write(result: plotted.svg)
        }
        guard let failAbove, let comparisons else { return }
        if let missing = cases.first(where: { one in !comparisons.contains { $0.of == one } }) {
            throw OperationError(
                "compare",
                missing.name,
                cause: "the baseline has no figures of it, or of threads as far apart"
            )
        }
        if comparisons.contains(where: { $0.isAbove(percent: failAbove) }) { throw ExitCode(1) }
    }

    private func measure(_ cases: [RingCase]) throws -> RingReport {
        let allowed = try ProcessorPair.allowed()
        let pair =
            try cpus.isEmpty
            ? ProcessorPair(choosingFrom: allowed) : ProcessorPair(driver: cpus[0], device: cpus[1])
        var survey = RingSurvey(cases, on: pair)
        survey.rounds = rounds
        let report = try survey.report(of: BenchMachine(allowed: allowed)) { round, ringCase in
            Terminal.showProgress("round \(round) of \(rounds): \(ringCase.name)")
        }
        Terminal.endProgress()
        return report
    }

    private func printKernelFigures() throws {
        let figures = try KernelFigures()
        try output.print(figures) { figures in
            let failures = figures.failures.map { "failed: \($0)\n" }.joined()
            let rows = figures.figures.map { [$0.name, $0.nanoseconds.fixed(1)] }
            let verdict = "\(figures.passed) vectors passed, \(figures.failed) failed in the kernel\n"
            let table = rows.isEmpty ? "" : Table(columns: ["device side", "ns"], rows: rows).description
            return failures + verdict + table
        }
        if let errno = figures.timingError {
            throw OperationError("measure", "the device side in the kernel", errno: Errno(rawValue: errno))
        }
        if figures.failed > 0 { throw ExitCode(1) }
    }
}

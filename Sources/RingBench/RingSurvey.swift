// SPDX-License-Identifier: MIT
public import LinuxSystem

/// Measures cases in turn: round after round each of them once, so that what the machine does meanwhile meets all.
public struct RingSurvey: Sendable {
    public var cases: [RingCase]
    /// Rounds that count, behind one that warms up.
    public var rounds = 9
    /// Slices of a round; their median counts.
    public var slices = 21
    /// Chains of a slice, about; an eighth where eventfds are written, or one chain is in flight.
    public var chains = 4096
    public var processors: ProcessorPair

    public init(_ cases: [RingCase], on processors: ProcessorPair) {
        self.cases = cases
        self.processors = processors
    }

    /// Measures.
    ///
    /// - Parameter progress: told the number of the round to come, 0 for the warm-up, and the case.
    /// - Throws: `OperationError` where a chain did not come back as it should, or a thread cannot be had.
    public func report(
        of machine: BenchMachine,
        progress: (Int, RingCase) -> Void = { _, _ in }
    ) throws(OperationError) -> RingReport {
        let benches = try cases.map { ringCase throws(OperationError) in
            try RingWorkbench(ringCase, on: processors)
        }
        var runs = [[RingRun]](repeating: [], count: cases.count)
        for round in 0...rounds {
            for (index, bench) in benches.enumerated() {
                progress(round, bench.ringCase)
                let run = try bench.run(slices: slices, chains: chains(of: bench.ringCase))
                if round > 0 { runs[index].append(run) }
            }
        }
        let obstacle = runs.joined().compactMap(\.obstacle).first
        return RingReport(
            machine: machine,
            processors: processors,
            uncounted: obstacle.map { "perf_event_open: \($0.symbol): \($0)" },
            rounds: rounds,
            figures: zip(cases, runs).flatMap { RingFigures.sorting($1, of: $0) }
        )
    }

    private func chains(of ringCase: RingCase) -> Int {
        ringCase.workload == .notify || ringCase.depth == 1 ? max(1, chains / 8) : chains
    }
}

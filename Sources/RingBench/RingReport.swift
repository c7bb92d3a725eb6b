// SPDX-License-Identifier: MIT

/// What one case came to.
public struct RingFigures: Codable, Equatable, Sendable {
    public var of: RingCase
    /// Nanoseconds for each chain: of each round the median of its slices, and of those the spread.
    public var nanoseconds: Spread
    /// Instructions of user space for each chain, polls and refills included; `nil` where nobody counts them.
    public var instructions: Double?
    /// Cache misses for each chain, likewise.
    public var cacheMisses: Double?
    /// Eventfd writes of the driver for 1,000 chains; with eventfds only.
    public var kicks: Double?
    /// Eventfd writes of the device for 1,000 chains; with eventfds only.
    public var signals: Double?

    /// Figures without any counts.
    package init(of ringCase: RingCase, nanoseconds: Spread) {
        of = ringCase
        self.nanoseconds = nanoseconds
    }

    /// - Parameter runs: one for each round, at least one.
    init?(_ ringCase: RingCase, _ runs: [RingRun]) {
        let chains = Double(runs.reduce(0) { $0 + $1.chains })
        guard let nanoseconds = Spread(runs.compactMap { Spread($0.slices)?.median }), chains > 0 else {
            return nil
        }
        self.init(of: ringCase, nanoseconds: nanoseconds)
        let counts = runs.compactMap(\.counts)
        if counts.count == runs.count {
            instructions = Double(counts.reduce(0) { $0 + $1.instructions }) / chains
            cacheMisses = Double(counts.reduce(0) { $0 + $1.cacheMisses }) / chains
        }
        if ringCase.workload == .notify {
            kicks = Double(runs.reduce(0) { $0 + $1.kicks }) * 1000 / chains
            signals = Double(runs.reduce(0) { $0 + $1.signals }) * 1000 / chains
        }
    }
}

/// The figures of all cases, and where they come from.
public struct RingReport: Codable, Equatable, Sendable {
    public var machine: BenchMachine
    public var processors: ProcessorPair
    /// Nanoseconds of a cache line's round trip between the two processors; `nil` where there is one only, or no case
    /// has two threads.
    public var lineRoundTrip: Double?
    /// Why there are no counts of instructions and cache misses; `nil` where there are.
    public var uncounted: String?
    /// How often each case was measured, in turn with the others.
    public var rounds: Int
    public var figures: [RingFigures]
}

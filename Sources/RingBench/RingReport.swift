// SPDX-License-Identifier: MIT

/// What one case came to; of two threads, in the rounds where they were so far apart.
public struct RingFigures: Codable, Equatable, Sendable {
    public var of: RingCase
    /// How far apart the threads were; `nil` for one thread, or one processor.
    public var distance: LineDistance?
    /// How many rounds these figures are of.
    public var rounds: Int
    /// Nanoseconds for each chain: of each round the median of its slices, and of those the spread.
    public var nanoseconds: Spread
    /// Nanoseconds of a cache line's round trip in these rounds.
    public var lineRoundTrip: Spread?
    /// With one chain outstanding, its latency in round trips of the line of the same round.
    public var latencyInRoundTrips: Spread?
    /// Instructions of user space for each chain, polls and refills included; `nil` where nobody counts them.
    public var instructions: Double?
    /// Cache misses for each chain, likewise.
    public var cacheMisses: Double?
    /// Eventfd writes of the driver for 1,000 chains; with eventfds only.
    public var kicks: Double?
    /// Eventfd writes of the device for 1,000 chains; with eventfds only.
    public var signals: Double?

    /// The case's name, and the distance.
    public var name: String { distance.map { "\(of.name) \($0)" } ?? of.name }

    /// Figures without any counts.
    package init(of ringCase: RingCase, distance: LineDistance? = nil, rounds: Int = 1, nanoseconds: Spread) {
        of = ringCase
        self.distance = distance
        self.rounds = rounds
        self.nanoseconds = nanoseconds
    }

    /// - Parameter runs: one for each round, at least one, all of the same distance.
    private init?(_ ringCase: RingCase, _ distance: LineDistance?, _ runs: [RingRun]) {
        let chains = Double(runs.reduce(0) { $0 + $1.chains })
        let times = runs.compactMap { Spread($0.slices)?.median }
        guard let nanoseconds = Spread(times), chains > 0 else { return nil }
        self.init(of: ringCase, distance: distance, rounds: runs.count, nanoseconds: nanoseconds)
        let trips = runs.compactMap(\.line?.mean)
        lineRoundTrip = Spread(trips)
        if ringCase.depth == 1 {
            latencyInRoundTrips = Spread(zip(times, trips).map { $0 / $1 })
        }
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

    /// The figures of a case, one for each distance that any of its rounds had, near ones first.
    static func sorting(_ runs: [RingRun], of ringCase: RingCase) -> [RingFigures] {
        let distances: [LineDistance?] = [nil] + LineDistance.allCases
        return distances.compactMap { distance in
            RingFigures(ringCase, distance, runs.filter { $0.line.map(LineDistance.init) == distance })
        }
    }
}

/// The figures of all cases, and where they come from.
public struct RingReport: Codable, Equatable, Sendable {
    public var machine: BenchMachine
    public var processors: ProcessorPair
    /// Why there are no counts of instructions and cache misses; `nil` where there are.
    public var uncounted: String?
    /// How often each case was measured, in turn with the others.
    public var rounds: Int
    /// In the order of the cases.
    public var figures: [RingFigures]
}

// SPDX-License-Identifier: MIT

/// The nanoseconds of a cache line's round trip between the two threads of a round, before its slices and behind them; the
/// corresponding C field is `line` of `struct ring_bench_run`.
struct LineTrips: Equatable {
    var before: Double
    var after: Double

    var mean: Double { (before + after) / 2 }
}

/// How far apart two threads were. A hypervisor may move processors at any time, and figures of near ones and of far ones
/// have nothing to do with each other.
public enum LineDistance: String, CaseIterable, Codable, Sendable {
    /// Both round trips are of 200 ns at most: processors that share a cache.
    case near
    /// Neither, or the processors were moved meanwhile.
    case mid
    /// Both are of 300 ns at least.
    case far

    init(_ trips: LineTrips) {
        if max(trips.before, trips.after) <= 200 {
            self = .near
        } else if min(trips.before, trips.after) >= 300 {
            self = .far
        } else {
            self = .mid
        }
    }
}

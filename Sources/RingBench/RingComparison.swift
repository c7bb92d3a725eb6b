// SPDX-License-Identifier: MIT

/// The figures of a case beside those of an earlier report, of threads as far apart.
public struct RingComparison: Codable, Equatable, Sendable {
    public enum Verdict: String, Codable, Sendable {
        case faster
        case slower
        /// The spreads of both overlap.
        case alike
    }

    public var of: RingCase
    public var distance: LineDistance?
    /// Nanoseconds for each chain, now and then.
    public var now: Spread
    public var then: Spread
    /// Of the medians, now to then: above 1 is slower.
    public var ratio: Double
    public var verdict: Verdict

    /// The cases that both reports have, in the order of the later one.
    public static func comparing(_ report: RingReport, with baseline: RingReport) -> [RingComparison] {
        report.figures.compactMap { figures in
            let earlier = baseline.figures.first { $0.of == figures.of && $0.distance == figures.distance }
            guard let then = earlier?.nanoseconds, then.median > 0 else { return nil }
            return RingComparison(figures, then: then)
        }
    }

    private init(_ figures: RingFigures, then: Spread) {
        of = figures.of
        distance = figures.distance
        now = figures.nanoseconds
        self.then = then
        ratio = now.median / then.median
        verdict = now.overlaps(then) ? .alike : ratio > 1 ? .slower : .faster
    }

    /// Whether it is about these figures.
    public func concerns(_ figures: RingFigures) -> Bool {
        of == figures.of && distance == figures.distance
    }

    /// Whether it is slower by more than so many percent, and not by chance.
    public func isAbove(percent: Double) -> Bool { verdict == .slower && ratio > 1 + percent / 100 }
}

// SPDX-License-Identifier: MIT

/// The figures of a case beside those of an earlier report.
public struct RingComparison: Codable, Equatable, Sendable {
    public enum Verdict: String, Codable, Sendable {
        case faster
        case slower
        /// The spreads of both overlap.
        case alike
    }

    public var of: RingCase
    /// Nanoseconds for each chain, now and then.
    public var now: Spread
    public var then: Spread
    /// Of the medians, now to then: above 1 is slower.
    public var ratio: Double
    public var verdict: Verdict

    /// The cases that both reports have, in the order of the later one.
    public static func comparing(_ report: RingReport, with baseline: RingReport) -> [RingComparison] {
        report.figures.compactMap { figures in
            guard let then = baseline.figures.first(where: { $0.of == figures.of })?.nanoseconds,
                then.median > 0
            else { return nil }
            return RingComparison(figures.of, now: figures.nanoseconds, then: then)
        }
    }

    private init(_ ringCase: RingCase, now: Spread, then: Spread) {
        of = ringCase
        self.now = now
        self.then = then
        ratio = now.median / then.median
        verdict = now.overlaps(then) ? .alike : ratio > 1 ? .slower : .faster
    }

    /// Whether it is slower by more than so many percent, and not by chance.
    public func isAbove(percent: Double) -> Bool { verdict == .slower && ratio > 1 + percent / 100 }
}

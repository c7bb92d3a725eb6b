// SPDX-License-Identifier: MIT

/// A report as a picture: a line for each case, in nanoseconds for each chain.
public struct RingPlot: Sendable {
    private let report: RingReport
    private let baseline: [RingComparison]

    public init(_ report: RingReport, baseline: [RingComparison] = []) {
        self.report = report
        self.baseline = baseline
    }

    /// The whole file.
    public var svg: String { picture.svg }

    /// The picture.
    public var picture: SpreadPlot {
        SpreadPlot(
            title: "Nanoseconds for each chain: median, least to most of \(report.rounds) rounds",
            subtitle: report.machine.summary,
            unit: "ns",
            rows: report.figures.map(row),
            legend: RingDesign.allCases.map { (color($0), $0.rawValue) }
        )
    }

    private func row(_ figures: RingFigures) -> SpreadPlot.Row {
        SpreadPlot.Row(
            figures.name,
            figures.nanoseconds,
            color: color(figures.of.ring),
            earlier: baseline.first { $0.concerns(figures) }?.then.median
        )
    }

    private func color(_ ring: RingDesign) -> String { ring == .split ? "#1f77b4" : "#d62728" }
}

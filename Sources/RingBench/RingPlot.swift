// SPDX-License-Identifier: MIT
internal import Glibc

/// A report as a picture: for each case a dot at the median and a line from the least to the most, on an axis where
/// each step is ten times as much; a ring where a baseline was.
public struct RingPlot: Sendable {
    private let report: RingReport
    private let baseline: [RingComparison]
    private let left = 330.0
    private let width = 560.0
    private let top = 64.0
    private let step = 22.0

    public init(_ report: RingReport, baseline: [RingComparison] = []) {
        self.report = report
        self.baseline = baseline
    }

    /// The whole file.
    public var svg: String {
        let bottom = top + step * Double(report.figures.count)
        let size = (width: left + width + 90, height: bottom + 56)
        let rows = report.figures.enumerated().map { row($1, at: top + step * (Double($0) + 0.5)) }
        return """
            <svg xmlns="http://www.w3.org/2000/svg" width="\(size.width)" height="\(size.height)" \
            font-family="sans-serif" font-size="12">
            <rect width="100%" height="100%" fill="white"/>
            <text x="12" y="24" font-size="15">Nanoseconds for each chain: median, least to most of \
            \(report.rounds) rounds</text>
            <text x="12" y="44" fill="#555">\(escaped(report.machine.summary))</text>
            \((decades.map { grid($0, to: bottom) } + rows).joined(separator: "\n"))
            \(legend(at: bottom + 44))
            </svg>

            """
    }

    /// Exponents of the powers of ten around all that is shown.
    private var decades: ClosedRange<Int> {
        let spreads = report.figures.map(\.nanoseconds) + baseline.map(\.then)
        let low = Int(log10(max(spreads.map(\.least).min() ?? 1, 0.001)).rounded(.down))
        let high = Int(log10(max(spreads.map(\.most).max() ?? 1, 0.001)).rounded(.up))
        return low...max(high, low + 1)
    }

    /// Where a number is on the axis.
    private func x(_ nanoseconds: Double) -> Double {
        let exponent = log10(max(nanoseconds, 0.001)) - Double(decades.lowerBound)
        return left + width * exponent / Double(decades.count - 1)
    }

    private func grid(_ decade: Int, to bottom: Double) -> String {
        let value = pow(10, Double(decade))
        let (at, label) = (fixed(x(value)), decade < 0 ? "\(value)" : "\(Int(value))")
        return """
            <line x1="\(at)" y1="\(top)" x2="\(at)" y2="\(bottom)" stroke="#ddd"/>
            <text x="\(at)" y="\(bottom + 16)" text-anchor="middle">\(label) ns</text>
            """
    }

    private func row(_ figures: RingFigures, at y: Double) -> String {
        let spread = figures.nanoseconds
        let colour = color(figures.of.ring)
        let ring = baseline.first { $0.of == figures.of }.map {
            "\n<circle cx=\"\(fixed(x($0.then.median)))\" cy=\"\(y)\" r=\"6\" fill=\"none\" stroke=\"#888\"/>"
        }
        return """
            <text x="\(left - 12)" y="\(y + 4)" text-anchor="end">\(escaped(figures.of.name))</text>
            <line x1="\(fixed(x(spread.least)))" y1="\(y)" x2="\(fixed(x(spread.most)))" y2="\(y)" \
            stroke="\(colour)" stroke-width="2"/>
            <circle cx="\(fixed(x(spread.median)))" cy="\(y)" r="4" fill="\(colour)"/>\(ring ?? "")
            <text x="\(left + width + 12)" y="\(y + 4)">\(fixed(spread.median))</text>
            """
    }

    private func legend(at y: Double) -> String {
        let rings = RingDesign.allCases.enumerated().map { index, ring in
            "<circle cx=\"\(left + 90 * Double(index))\" cy=\"\(y - 4)\" r=\"4\" fill=\"\(color(ring))\"/>"
                + "<text x=\"\(left + 10 + 90 * Double(index))\" y=\"\(y)\">\(ring.rawValue)</text>"
        }
        let old = """
            <circle cx="\(left + 180)" cy="\(y - 4)" r="6" fill="none" stroke="#888"/>\
            <text x="\(left + 192)" y="\(y)">baseline</text>
            """
        return (rings + (baseline.isEmpty ? [] : [old])).joined(separator: "\n")
    }

    private func color(_ ring: RingDesign) -> String { ring == .split ? "#1f77b4" : "#d62728" }

    /// One decimal place.
    private func fixed(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }

    private func escaped(_ text: String) -> String {
        text.map { character in
            switch character {
            case "&": "&amp;"
            case "<": "&lt;"
            case ">": "&gt;"
            default: String(character)
            }
        }.joined()
    }
}

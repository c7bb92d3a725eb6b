// SPDX-License-Identifier: MIT
internal import Glibc

/// Spreads as a picture: for each a dot at the median and a line from the least to the most, on an axis where each step
/// is ten times as much; a ring where an earlier median was.
public struct SpreadPlot: Sendable {
    /// One line of the picture.
    public struct Row: Sendable {
        public var label: String
        public var spread: Spread
        /// As SVG takes it.
        public var color: String
        /// An earlier median.
        public var earlier: Double?

        public init(_ label: String, _ spread: Spread, color: String, earlier: Double? = nil) {
            self.label = label
            self.spread = spread
            self.color = color
            self.earlier = earlier
        }
    }

    public var title: String
    public var subtitle: String
    /// Of the axis's numbers.
    public var unit: String
    public var rows: [Row]
    /// What the colours stand for.
    public var legend: [(color: String, meaning: String)]
    private let left = 330.0
    private let width = 560.0
    private let top = 64.0
    private let step = 22.0

    public init(
        title: String,
        subtitle: String,
        unit: String,
        rows: [Row],
        legend: [(color: String, meaning: String)] = []
    ) {
        self.title = title
        self.subtitle = subtitle
        self.unit = unit
        self.rows = rows
        self.legend = legend
    }

    /// The whole file.
    public var svg: String {
        let bottom = top + step * Double(rows.count)
        let size = (width: left + width + 90, height: bottom + 56)
        let lines = rows.enumerated().map { line($1, at: top + step * (Double($0) + 0.5)) }
        return """
            <svg xmlns="http://www.w3.org/2000/svg" width="\(size.width)" height="\(size.height)" \
            font-family="sans-serif" font-size="12">
            <rect width="100%" height="100%" fill="white"/>
            <text x="12" y="24" font-size="15">\(escaped(title))</text>
            <text x="12" y="44" fill="#555">\(escaped(subtitle))</text>
            \((decades.map { grid($0, to: bottom) } + lines).joined(separator: "\n"))
            \(explanation(at: bottom + 44))
            </svg>

            """
    }

    /// Exponents of the powers of ten around all that is shown.
    private var decades: ClosedRange<Int> {
        let numbers = rows.flatMap { [$0.spread.least, $0.spread.most] + ($0.earlier.map { [$0] } ?? []) }
        let low = Int(log10(max(numbers.min() ?? 1, 0.001)).rounded(.down))
        let high = Int(log10(max(numbers.max() ?? 1, 0.001)).rounded(.up))
        return low...max(high, low + 1)
    }

    /// Where a number is on the axis.
    private func x(_ number: Double) -> String {
        let exponent = log10(max(number, 0.001)) - Double(decades.lowerBound)
        return fixed(left + width * exponent / Double(decades.count - 1))
    }

    private func grid(_ decade: Int, to bottom: Double) -> String {
        let value = pow(10, Double(decade))
        let (at, label) = (x(value), decade < 0 ? "\(value)" : "\(Int(value))")
        return """
            <line x1="\(at)" y1="\(top)" x2="\(at)" y2="\(bottom)" stroke="#ddd"/>
            <text x="\(at)" y="\(bottom + 16)" text-anchor="middle">\(label) \(unit)</text>
            """
    }

    private func line(_ row: Row, at y: Double) -> String {
        let ring = row.earlier.map {
            "\n<circle cx=\"\(x($0))\" cy=\"\(y)\" r=\"6\" fill=\"none\" stroke=\"#888\"/>"
        }
        return """
            <text x="\(left - 12)" y="\(y + 4)" text-anchor="end">\(escaped(row.label))</text>
            <line x1="\(x(row.spread.least))" y1="\(y)" x2="\(x(row.spread.most))" y2="\(y)" \
            stroke="\(row.color)" stroke-width="2"/>
            <circle cx="\(x(row.spread.median))" cy="\(y)" r="4" fill="\(row.color)"/>\(ring ?? "")
            <text x="\(left + width + 12)" y="\(y + 4)">\(fixed(row.spread.median))</text>
            """
    }

    private func explanation(at y: Double) -> String {
        let dots = legend.enumerated().map { index, entry in
            "<circle cx=\"\(left + 90 * Double(index))\" cy=\"\(y - 4)\" r=\"4\" fill=\"\(entry.color)\"/>"
                + "<text x=\"\(left + 10 + 90 * Double(index))\" y=\"\(y)\">\(escaped(entry.meaning))</text>"
        }
        let at = left + 90 * Double(legend.count)
        let old = """
            <circle cx="\(at)" cy="\(y - 4)" r="6" fill="none" stroke="#888"/>\
            <text x="\(at + 12)" y="\(y)">baseline</text>
            """
        return (dots + (rows.contains { $0.earlier != nil } ? [old] : [])).joined(separator: "\n")
    }

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

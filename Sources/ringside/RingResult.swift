// SPDX-License-Identifier: MIT
import FoundationEssentials
import LinuxSystem
import RingBench
import SystemPackage

extension RingReport {
    /// A report as `ring bench --json` printed it.
    init(json path: FilePath) throws {
        let bytes: [UInt8]
        do {
            bytes = try path.readAll()
        } catch let error as Errno {
            throw OperationError("read", "\(path)", errno: error)
        }
        do {
            self = try JSONDecoder().decode(RingReport.self, from: Data(bytes))
        } catch {
            throw OperationError("read", "\(path)", cause: "it is not what ring bench --json prints")
        }
    }
}

/// What `ring bench` prints: a report, and how it compares with an earlier one.
struct RingResult: Encodable, CustomStringConvertible {
    let report: RingReport
    let earlier: RingReport?
    let comparisons: [RingComparison]?

    /// The report's own fields, so that it can be a baseline, and the comparisons beside them.
    func encode(to encoder: any Encoder) throws {
        try report.encode(to: encoder)
        var container = encoder.container(keyedBy: Key.self)
        try container.encodeIfPresent(comparisons, forKey: .comparisons)
    }

    private enum Key: CodingKey {
        case comparisons
    }

    var description: String {
        var lines = [report.machine.summary]
        if report.figures.contains(where: \.of.workload.hasTwoThreads) {
            let turns = report.processors.relation == .same ? ": two threads take turns" : ""
            lines.append("processors \(report.processors)\(turns)")
        }
        if let reason = report.uncounted {
            lines.append("no counts of instructions and cache misses: \(reason)")
        }
        if let earlier, earlier.machine != report.machine {
            lines.append("the baseline is of another machine: \(earlier.machine.summary)")
        }
        return (lines + [table.description]).joined(separator: "\n")
    }

    private var table: Table {
        let columns = self.columns
        return Table(
            columns: columns.map(\.name),
            rows: report.figures.map { figures in columns.map { $0.cell(figures) } }
        )
    }

    /// A column, and what it has to say of a case.
    private struct Column {
        let name: String
        let cell: (RingFigures) -> String
    }

    private var columns: [Column] {
        var columns = [
            Column(name: "workload") { $0.of.workload.rawValue },
            Column(name: "ring") { $0.of.ring.rawValue },
            Column(name: "chain") { $0.of.chain.rawValue },
            Column(name: "batch") { "\($0.of.batch)" },
            Column(name: "size") { "\($0.of.size)" },
        ]
        let figures = report.figures
        if figures.contains(where: { $0.of.depth != nil }) {
            columns.append(Column(name: "depth") { $0.of.depth.map(String.init) ?? "" })
        }
        if figures.contains(where: { $0.distance != nil }) {
            columns += [
                Column(name: "line") { $0.distance?.rawValue ?? "" },
                Column(name: "trip ns") { $0.lineRoundTrip?.median.fixed(0) ?? "" },
                Column(name: "rounds") { "\($0.rounds)" },
            ]
        }
        columns += [
            Column(name: "ns") { $0.nanoseconds.median.fixed(1) },
            Column(name: "least") { $0.nanoseconds.least.fixed(1) },
            Column(name: "most") { $0.nanoseconds.most.fixed(1) },
        ]
        func add(_ name: String, _ places: Int, _ value: @escaping (RingFigures) -> Double?) {
            guard figures.contains(where: { value($0) != nil }) else { return }
            columns.append(Column(name: name) { value($0)?.fixed(places) ?? "" })
        }
        add("trips", 2, \.latencyInRoundTrips?.median)
        add("instructions", 0, \.instructions)
        add("cache misses", 2, \.cacheMisses)
        add("kicks/1000", 0, \.kicks)
        add("signals/1000", 0, \.signals)
        return columns + baselineColumns
    }

    private var baselineColumns: [Column] {
        guard let comparisons else { return [] }
        func comparison(_ figures: RingFigures) -> RingComparison? {
            comparisons.first { $0.concerns(figures) }
        }
        return [
            Column(name: "baseline") { comparison($0)?.then.median.fixed(1) ?? "" },
            Column(name: "ratio") { comparison($0)?.ratio.fixed(2) ?? "" },
            Column(name: "verdict") { comparison($0)?.verdict.rawValue ?? "not measured then" },
        ]
    }
}

// SPDX-License-Identifier: MIT
import ArgumentParser
import Glibc
import LinuxSystem
import TargetConfig

struct TargetWatch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Print what each LUN does, from the kernel's counters.",
        discussion: """
            The kernel counts in whole megabytes: slow transfers show as 0 and then as 1. With --json every reading is one
            object on a line of its own.

            Examples:
              ringside target watch
              ringside target watch naa.5001405c0ffee001 --interval 0.5 --count 4
              ringside target watch --json | head -3
            """
    )

    @Argument(help: "The target port; all of them by default.", completion: .custom(TargetList.completions))
    var wwpn: String?

    @Option(help: ArgumentHelp("Between two readings.", valueName: "seconds"))
    var interval = 1.0

    @Option(help: "Stop after so many readings.")
    var count: Int?

    @OptionGroup var target: TargetOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (0.1...3600).contains(interval) else {
            throw ValidationError("--interval \(interval): not between 0.1 and 3600 seconds")
        }
        if let count, count < 1 { throw ValidationError("--count \(count): not above 0") }
    }

    func run() async throws {
        var before = try reading()
        var left = count
        while left != 0 {
            try await untilInterrupted { [interval] in try await Task.sleep(for: .seconds(interval)) }
            let now = try reading()
            try show(now, since: before)
            before = now
            left = left.map { $0 - 1 }
        }
    }

    private struct Reading {
        var time = MonotonicClock.nanoseconds
        var units: [(path: String, statistics: LUNStatistics)] = []
    }

    private func reading() throws -> Reading {
        let tree = target.tree
        let targets = try wwpn.map { [try tree.target(named: $0)] } ?? tree.targets()
        var reading = Reading()
        for lun in targets.flatMap(\.groups).flatMap(\.luns) {
            if let statistics = try tree.statistics(of: lun) { reading.units.append((lun.path, statistics)) }
        }
        return reading
    }

    private func show(_ now: Reading, since before: Reading) throws {
        let seconds = Double(now.time - before.time) / 1e9
        let earlier = Dictionary(before.units.map { ($0.path, $0.statistics) }) { first, _ in first }
        let rates = now.units.map { unit in
            let change = earlier[unit.path].flatMap { unit.statistics.since($0) } ?? unit.statistics
            return LUNRate(lun: unit.path, change, seconds: seconds)
        }
        if output.json { return try output.printLine(rates) }
        let rows = rates.map { rate in
            [rate.lun, tenths(rate.iops), tenths(rate.readMBps), tenths(rate.writeMBps)]
        }
        let table = Table(columns: ["LUN", "IOPS", "READ MB/s", "WRITE MB/s"], rows: rows)
        try Terminal.print(rows.isEmpty ? "no LUNs" : "\(table)\n")
    }

    private func tenths(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}

private struct LUNRate: Encodable {
    var lun: String
    var iops: Double
    var readMBps: Double
    var writeMBps: Double

    init(lun: String, _ change: LUNStatistics, seconds: Double) {
        self.lun = lun
        let mega = Double(1 << 20) / 1e6
        iops = Double(change.commands) / seconds
        readMBps = Double(change.readMegabytes) * mega / seconds
        writeMBps = Double(change.writtenMegabytes) * mega / seconds
    }
}

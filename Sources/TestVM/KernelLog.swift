// SPDX-License-Identifier: MIT
import KernelModule
public import LinuxSystem

/// A kernel's log, and what in it means trouble.
public struct KernelLog: Equatable, Sendable {
    public var records: [KernelLogRecord]

    public init(_ records: [KernelLogRecord] = []) { self.records = records }

    /// `KERN_WARNING`.
    public static let warningLevel = 4

    /// The records that say that the kernel is not well: oopses, BUGs, WARNs, lockdep reports, stalls, hung tasks and
    /// what was left behind.
    public var trouble: [KernelLogRecord] {
        records.filter { KernelTrouble($0.text) != nil }
    }

    /// What its trouble and the kernel's taint tell, in words.
    ///
    /// The taint needs no record: one may have been lost, or have words that nobody knows.
    public func trouble(of taint: KernelTaint) -> [String] { trouble.map(\.text) + unexplained(taint) }

    /// What the taint tells and no record does.
    private func unexplained(_ taint: KernelTaint) -> [String] {
        let texts = trouble.map(\.text)
        let hasDeath = texts.contains { text in KernelTrouble(text).map { $0 >= .bug } ?? false }
        return (taint.contains(.died) && !hasDeath ? ["taint D: a task died in the kernel"] : [])
            + (taint.contains(.warned) && !texts.contains { $0.contains("WARNING: ") }
                ? ["taint W: the kernel warned"] : [])
            // Each report that sets it begins so.
            + (taint.contains(.damaged) && !texts.contains { $0.contains("BUG") }
                ? ["taint B: memory was found damaged"] : [])
    }

    /// What its trouble tells with all that the kernel said about it, such as registers and a call trace, and what the
    /// taint tells.
    ///
    /// - Parameter limit: how many lines at most, the first ones; a last line tells how many more there are.
    public func report(of taint: KernelTaint, limit: Int = 200) -> [String] {
        let lines = reports.map(\.text)
        let rest = lines.count > limit ? ["[\(lines.count - limit) more lines]"] : []
        return lines.prefix(limit) + rest + unexplained(taint)
    }

    /// The records of each report, from the one that tells of trouble to the end of its trace.
    ///
    /// Few kinds of report have a last line, so one also ends where the kernel pauses, and after as many lines as hold any
    /// call trace.
    private var reports: [KernelLogRecord] {
        var (left, last) = (0, 0)
        return records.filter { record in
            if KernelTrouble(record.text) != nil {
                // What a program writes into the log has no trace.
                left = record.facility == 0 ? Self.reportLength : 1
            } else if record.timestamp - last > Self.reportPause {
                left = 0
            }
            last = record.timestamp
            guard left > 0 else { return false }
            left = record.text.hasPrefix("---[ end trace") ? 0 : left - 1
            return true
        }
    }

    private static let reportLength = 120
    /// In microseconds.
    private static let reportPause = 500_000

    /// The records at level warning or worse.
    public var warnings: [KernelLogRecord] { records.filter { $0.level <= Self.warningLevel } }

    /// The log as `dmesg` prints it.
    public var text: String {
        records.map { record in
            let fraction = String(1_000_000 + record.timestamp % 1_000_000).dropFirst()
            let seconds = String(record.timestamp / 1_000_000)
            return
                "[\(String(repeating: " ", count: max(0, 5 - seconds.count)))\(seconds).\(fraction)] \(record.text)\n"
        }.joined()
    }
}

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
    public func trouble(of taint: KernelTaint) -> [String] {
        let texts = trouble.map(\.text)
        let hasDeath = texts.contains { text in KernelTrouble(text).map { $0 >= .bug } ?? false }
        let hasWarning = texts.contains { $0.contains("WARNING: ") }
        return texts
            + (taint.contains(.died) && !hasDeath ? ["taint D: a task died in the kernel"] : [])
            + (taint.contains(.warned) && !hasWarning ? ["taint W: the kernel warned"] : [])
    }

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

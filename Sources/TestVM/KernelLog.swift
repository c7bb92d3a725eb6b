// SPDX-License-Identifier: MIT

/// One record of the kernel's log, as `/dev/kmsg` gives it (`Documentation/ABI/testing/dev-kmsg`).
public struct KernelLogRecord: Equatable, Sendable {
    /// 0 (emergency) to 7 (debug).
    public var level: Int
    /// Counts records since boot.
    public var sequence: Int
    /// Microseconds since boot.
    public var timestamp: Int
    /// The message.
    public var text: String

    public init(level: Int, sequence: Int, timestamp: Int, text: String) {
        self.level = level
        self.sequence = sequence
        self.timestamp = timestamp
        self.text = text
    }

    /// - Parameter record: `PRIORITY,SEQUENCE,TIMESTAMP,FLAGS;TEXT`, where the priority's low three bits are the level.
    public init?(_ record: String) {
        guard let semicolon = record.firstIndex(of: ";") else { return nil }
        let fields = record[..<semicolon].split(separator: ",")
        guard fields.count >= 3, let priority = Int(fields[0]), let sequence = Int(fields[1]),
            let timestamp = Int(fields[2])
        else { return nil }
        level = priority & 7
        self.sequence = sequence
        self.timestamp = timestamp
        text = String(record[record.index(after: semicolon)...])
    }
}

/// A kernel's log, and what in it means trouble.
public struct KernelLog: Equatable, Sendable {
    public var records: [KernelLogRecord]

    public init(_ records: [KernelLogRecord] = []) { self.records = records }

    /// `KERN_WARNING`.
    public static let warningLevel = 4

    /// The records that say that the kernel is not well: oopses, BUGs, WARNs, lockdep reports, stalls and hung tasks.
    public var trouble: [KernelLogRecord] {
        records.filter { record in Self.marks.contains { record.text.contains($0) } }
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

    /// How the kernel begins such reports.
    private static let marks = [
        "WARNING: ", "BUG: ", "kernel BUG at", "Oops: ", "general protection fault",
        "Kernel panic - not syncing",
        "unable to handle page fault", "INFO: task ", "INFO: rcu_", "rcu: INFO:", "soft lockup",
        "hard LOCKUP",
        "UBSAN: ", "KASAN: ", "refcount_t: ", "list_add corruption", "list_del corruption",
        "suspiciously returned",
    ]
}

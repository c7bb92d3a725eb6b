// SPDX-License-Identifier: MIT

/// What the kernel's log says when the kernel is not well, the mildest kind first.
public enum KernelTrouble: String, CaseIterable, Comparable, Encodable, Sendable {
    /// A module or a subsystem left something behind, or found what another one had left.
    case leftover
    /// `WARN()` and its kin, an init function that returned a positive number.
    case warning
    /// Memory ran out, and the kernel killed somebody for it.
    case exhaustion
    /// The lock validator.
    case lockdep
    /// Memory or a reference count was damaged.
    case corruption
    /// A task waits without end, or a processor does not answer.
    case stall
    /// `BUG()` and its kin.
    case bug
    /// The kernel killed the task that ran it.
    case oops
    /// The machine stopped.
    case panic

    /// The kind of trouble that one record of the kernel's log tells of, the worst one that fits; nil for none.
    public init?(_ message: String) {
        guard let kind = Mark.worst(in: Array(message.utf8)) else { return nil }
        self = kind
    }

    /// What the kernel did, for "the kernel …".
    public var words: String {
        switch self {
        case .leftover: "found something left behind"
        case .warning: "warned"
        case .exhaustion: "ran out of memory"
        case .lockdep: "reported a locking error"
        case .corruption: "found corruption"
        case .stall: "stalled"
        case .bug: "reported a bug"
        case .oops: "had an oops"
        case .panic: "panicked"
        }
    }

    public static func < (left: KernelTrouble, right: KernelTrouble) -> Bool {
        allCases.firstIndex(of: left) ?? 0 < allCases.firstIndex(of: right) ?? 0
    }

    /// How the kernel begins such reports.
    fileprivate var marks: [String] {
        switch self {
        case .leftover:
            [
                "Objects remaining in", "Slab cache still has objects", "sysfs: cannot create duplicate",
                "already present!", "suspected memory leak", "kmemleak: unreferenced object",
            ]
        case .warning: ["WARNING: ", "suspiciously returned"]
        case .exhaustion: ["Out of memory: Killed process", "Memory cgroup out of memory: Killed process"]
        case .lockdep:
            [
                "WARNING: possible recursive locking", "WARNING: possible circular locking",
                "inconsistent lock state", "INFO: trying to register non-static key",
            ]
        case .corruption:
            ["UBSAN: ", "KASAN: ", "refcount_t: ", "list_add corruption", "list_del corruption"]
        case .stall: ["INFO: task ", "INFO: rcu_", "rcu: INFO:", "soft lockup", "hard LOCKUP"]
        case .bug: ["BUG: ", "kernel BUG at"]
        case .oops:
            ["Oops: ", "unable to handle page fault", "kernel NULL pointer dereference"]
        case .panic: ["Kernel panic - not syncing"]
        }
    }
}

/// Bytes that tell of a kind of trouble. Every message is searched for all of them, so they are sorted by their first byte.
private struct Mark {
    let bytes: [UInt8]
    let kind: KernelTrouble

    private static let byFirst = KernelTrouble.allCases.flatMap { kind in
        kind.marks.map { Mark(bytes: Array($0.utf8), kind: kind) }
    }.reduce(into: [[Mark]](repeating: [], count: 256)) { table, mark in
        table[Int(mark.bytes[0])].append(mark)
    }

    static func worst(in message: [UInt8]) -> KernelTrouble? {
        let table = byFirst
        var worst: KernelTrouble?
        for place in message.indices {
            if message[place] == UInt8(ascii: "["), isDeath(message, countedAt: place) {
                worst = max(worst ?? .oops, .oops)
            }
            for mark in table[Int(message[place])] where message[place...].starts(with: mark.bytes) {
                worst = max(worst ?? mark.kind, mark.kind)
            }
        }
        return worst ?? (isSlabReport(message) ? .corruption : nil)
    }

    /// Whether the slab allocator found an object damaged, as in `BUG kmalloc-64 (Tainted: G OE): Right Redzone overwritten`.
    private static func isSlabReport(_ message: [UInt8]) -> Bool {
        guard message.starts(with: "BUG ".utf8) else { return false }
        let words = String(decoding: message, as: UTF8.self)
        return words.contains("): ") && (words.contains(" (Tainted: ") || words.contains(" (Not tainted): "))
    }

    /// Whether a task died in the kernel, as in `divide error: 0000 [#1] PREEMPT SMP`.
    ///
    /// What it died of is up to the processor; behind that stand an error code of at least four hexadecimal digits and the
    /// number of deaths so far. The line for a program's own fault names its process there: `[81]`.
    private static func isDeath(_ message: [UInt8], countedAt place: Int) -> Bool {
        let digits = message[place...].dropFirst(2).prefix { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
        let rest = message[digits.endIndex...].prefix(2)
        guard message[place...].starts(with: "[#".utf8), !digits.isEmpty,
            rest.elementsEqual("]".utf8) || rest.elementsEqual("] ".utf8)
        else { return false }
        let before = message[..<place]
        let code = before.dropLast().reversed().prefix { Character(UnicodeScalar($0)).isHexDigit }
        return before.last == UInt8(ascii: " ") && code.count >= 4
            && before.dropLast(code.count + 1).suffix(2).elementsEqual(": ".utf8)
    }
}

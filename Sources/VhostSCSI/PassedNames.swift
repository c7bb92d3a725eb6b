// SPDX-License-Identifier: MIT
internal import LinuxSystem

/// The descriptors that a process was started with, by name: systemd's `LISTEN_FDS` and `LISTEN_FDNAMES`.
///
/// Unlike `sd_listen_fds` it does not ask for `LISTEN_PID`, which a shell between the two would make wrong.
public enum PassedNames {
    /// The first of the descriptors.
    static let first: CInt = 3

    /// What this process was started with.
    public static var environment: [String: CInt] {
        let count = SystemCalls.environmentValue("LISTEN_FDS").flatMap { Int($0) } ?? 0
        let names = SystemCalls.environmentValue("LISTEN_FDNAMES") ?? ""
        return parse(count: count, names: names)
    }

    static func parse(count: Int, names: String) -> [String: CInt] {
        let names = names.split(separator: ":", omittingEmptySubsequences: false).prefix(max(0, count))
        let pairs = names.enumerated().map { (String($1), first + CInt($0)) }
        return Dictionary(pairs) { first, _ in first }
    }

    /// The environment that passes descriptors `first` and up under these names.
    public static func variables(_ names: [String]) -> [(name: String, value: String)] {
        [("LISTEN_FDS", "\(names.count)"), ("LISTEN_FDNAMES", names.joined(separator: ":"))]
    }
}

// SPDX-License-Identifier: MIT
import CLinux

/// The order of versions such as kernel releases, in which runs of digits count as numbers.
public enum VersionOrder {
    /// Whether `left` comes before `right`: `6.1.0-9` before `6.1.0-56`. The corresponding C function is `strverscmp`.
    public static func isOlder(_ left: String, _ right: String) -> Bool {
        unsafe strverscmp(left, right) < 0
    }
}

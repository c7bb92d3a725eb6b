// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

/// Facts about the machine that this program runs on.
enum Host {
    /// What `uname -r` prints.
    static func runningRelease() throws -> String {
        try FilePath("/proc/sys/kernel/osrelease").readText().split(separator: "\n").first.map(String.init)
            ?? ""
    }
}

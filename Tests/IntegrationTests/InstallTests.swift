// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing

/// What `Scripts/install` puts into a system.
@Suite(.needsTestVM) struct InstallTests {
    @Test func theUnitCallsWhatThereIs() async throws {
        let directory = try FilePath.makeTemporaryDirectory(prefix: "ringside-install")
        let root = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
        let installed = try await Host.shell("'\(root)/Scripts/install' -m -d '\(directory)'")
        #expect(installed.status == 0, "\(installed.error)")
        // `target export` writes there.
        #expect(directory.appending("etc/ringside").exists)
        let unit = directory.appending("usr/lib/systemd/system/ringside-target.service")
        let calls = try unit.readText().split(separator: "\n").filter { $0.hasPrefix("Exec") }.compactMap {
            $0.split(separator: "=", maxSplits: 1).last
        }
        #expect(calls.count == 4)
        for call in calls {
            let help = try await Host.shell("'\(directory)'\(call) --help")
            #expect(help.status == 0 && help.output.contains("USAGE: ringside"), "\(call): \(help.error)")
        }
        // systemd's own opinion, where it is there; the program itself is not installed on this host.
        let verdict = try await Host.shell(
            "command -v systemd-analyze >/dev/null || exit 0; systemd-analyze verify --man=no '\(unit)' 2>&1"
        )
        let faults = verdict.output.split(separator: "\n").filter {
            $0.contains("ringside-target.service") && !$0.contains("is not executable")
        }
        #expect(faults == [])
        let bash = try await Host.shell(
            "bash -n '\(directory)/usr/share/bash-completion/completions/ringside'"
        )
        #expect(bash == Outcome(status: 0, output: "", error: ""))
        for page in ["", "-target", "-target-apply", "-target-recover", "-backstore", "-backstore-show"] {
            let file = directory.appending("usr/share/man/man1/ringside\(page).1")
            let command = page.replacing("-", with: " ")
            let help = try await Host.shell("'\(directory)/usr/bin/ringside' \(command) --help").output
            // Every option of the command is in its page.
            let options = help.split(separator: " ").filter { $0.hasPrefix("--") }.map {
                $0.prefix { $0.isLetter || $0 == "-" }
            }
            let text = try file.readText().replacing("\\-", with: "-")
            for option in options { #expect(text.contains(option), "\(page): \(option)") }
            let rendered = try await Host.shell(
                "command -v man >/dev/null || exit 0; man --warnings -l '\(file)' 2>&1 >/dev/null"
            )
            #expect(rendered == Outcome(status: 0, output: "", error: ""))
        }
        try directory.removeTree()
    }
}

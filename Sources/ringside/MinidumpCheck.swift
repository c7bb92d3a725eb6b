// SPDX-License-Identifier: MIT
import ArgumentParser
import LinuxSystem
import Minidump
import SystemPackage

struct MinidumpCheck: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Say everything that is wrong with a dump.",
        discussion: """
            Derives the header again from the tables of the firmware and reports each disagreement: tables that \
            overflow, stale names, regions that overlap or lie outside, what is encrypted, disabled or cut off. Exit \
            status 1: there are errors.

            EXAMPLES
              ringside minidump check guest.ram
              ringside minidump check --json minidump.elf
            """
    )

    @OptionGroup var input: MinidumpInput
    @OptionGroup var output: OutputOptions

    private struct Report: Encodable {
        var source: String
        var kind: InputKind
        var regionCount: Int
        var findings: [Finding]
    }

    func run() throws {
        let dump = try input.open()
        let report = Report(
            source: dump.source,
            kind: dump.kind,
            regionCount: dump.regions.count,
            findings: dump.check()
        )
        let errors = report.findings.count { $0.severity == .error }
        try output.print(report) { report in
            let verdict = errors == 0 ? "ok" : "\(errors) errors"
            let line = "\(report.source): \(report.kind.rawValue), \(report.regionCount) regions: \(verdict)"
            return (report.findings.map { printable($0.description) } + [line]).joined(separator: "\n")
        }
        if errors > 0 { throw ExitCode(1) }
    }
}

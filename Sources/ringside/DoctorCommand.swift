// SPDX-License-Identifier: MIT
import ArgumentParser

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Say what works on this host for this user, and how to mend the rest.",
        discussion: """
            Exit status 0 when test VMs and the quickstart can run, else 1. They need neither vhost-scsi nor configfs \
            on the host. Commands that mend something are meant for root.

            EXAMPLES
              ringside doctor
              ringside doctor --json
            """
    )

    @OptionGroup var output: OutputOptions

    private struct Diagnosis: Encodable {
        var ready: Bool
        var checks: [HostCheck]
    }

    func run() async throws {
        let checks = await TestVMChecks.run() + RealHostChecks.run() + RealHostChecks.building()
        let ready = !checks.contains { $0.scope == .testVM && $0.status == .missing }
        try output.print(Diagnosis(ready: ready, checks: checks)) { describe($0) }
        if !ready { throw ExitCode(1) }
    }

    private func describe(_ diagnosis: Diagnosis) -> String {
        let groups = HostCheck.Scope.allCases.map { scope in
            let lines = diagnosis.checks.filter { $0.scope == scope }.flatMap(lines)
            return ([scope.title] + lines).joined(separator: "\n")
        }
        let verdict =
            diagnosis.ready ? "ready: ringside quickstart" : "not ready: install what is missing above"
        return (groups + [verdict]).joined(separator: "\n\n")
    }

    private func lines(_ check: HostCheck) -> [String] {
        let mark = check.status.rawValue + String(repeating: " ", count: 8 - check.status.rawValue.count)
        let first = "  \(mark) \(check.name): \(check.finding)"
        if check.status == .ok { return [first] }
        let indent = String(repeating: " ", count: 11)
        return [first, "\(indent)for: \(check.purpose)"] + (check.fix.map { ["\(indent)fix: \($0)"] } ?? [])
    }
}

// SPDX-License-Identifier: MIT
import ArgumentParser
import LinuxSystem
import SystemPackage

/// One thing that this host has or lacks.
struct HostCheck: Encodable {
    enum Status: String, Encodable {
        /// It is there and works.
        case ok
        /// It works, but not as well as it could, or it could not be looked into.
        case warn
        /// What it is for does not work without it.
        case missing
    }

    /// What a check is about. Only the first group decides the exit status.
    enum Scope: String, Encodable, CaseIterable {
        case testVM = "test-vm"
        case realHost = "real-host"
        case building

        var title: String {
            switch self {
            case .testVM: "Needed for test VMs and the quickstart"
            case .realHost: "Needed for vhost-scsi targets on this host itself"
            case .building: "Needed to build modules"
            }
        }
    }

    var name: String
    var scope: Scope
    var status: Status
    /// What was seen.
    var finding: String
    /// What it is for.
    var purpose: String
    /// The command that mends it; nil where it is well or where no command can.
    var fix: String?
}

extension HostCheck {
    /// A program that a package holds.
    static func program(
        _ program: String,
        package: String,
        scope: Scope,
        purpose: String,
        ifAbsent status: Status = .missing
    ) -> HostCheck {
        let path = FilePath.locate(program: program)
        return HostCheck(
            name: program,
            scope: scope,
            status: path == nil ? status : .ok,
            finding: path?.string ?? "not installed",
            purpose: purpose,
            fix: path == nil ? "apt-get install \(package)" : nil
        )
    }
}

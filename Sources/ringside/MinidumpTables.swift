// SPDX-License-Identifier: MIT
import ArgumentParser
import LinuxSystem
import Minidump

struct MinidumpTables: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tables",
        abstract: "Print the tables that boot firmware walks: global, subsystems, regions.",
        discussion: """
            Needs memory: an image or a vmcore.

            EXAMPLES
              ringside minidump tables guest.ram
              ringside minidump tables --table 0x7000040 --json vmcore
            """
    )

    @OptionGroup var input: MinidumpInput
    @OptionGroup var output: OutputOptions

    func run() throws {
        let dump = try input.open()
        guard let table = dump.table else {
            throw OperationError(
                "read",
                dump.source,
                cause: "a \(dump.kind.rawValue) does not hold the firmware's tables"
            )
        }
        try output.print(table) { table in
            let head =
                "global table at \(hexadecimal(table.address)): status \(table.status), revision \(table.revision), \(table.enabled), \(table.subsystems.count) subsystems"
            let used = table.subsystems.filter {
                $0.status != 0 || $0.regionCount != 0 || $0.regionsAddress != 0
            }
            return ([head] + used.map(describe)).joined(separator: "\n\n")
        }
    }

    private func describe(_ subsystem: SubsystemTable) -> String {
        let head =
            "\(subsystem.name): status \(subsystem.status), \(subsystem.enabled), encryption \(subsystem.encryptionStatus)/\(subsystem.encryptionRequired), \(subsystem.regionCount) regions at \(hexadecimal(subsystem.regionsAddress))"
        let rows = subsystem.regions.map {
            [printable($0.fullName), $0.valid, hexadecimal($0.address), "\($0.size)"]
        }
        return rows.isEmpty
            ? head : "\(head)\n\(Table(columns: ["region", "valid", "physical", "size"], rows: rows))"
    }
}

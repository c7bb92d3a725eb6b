// SPDX-License-Identifier: MIT
import ArgumentParser
import LinuxSystem
import TargetConfig

struct TargetList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the vhost-scsi targets, one line for each portal group.",
        discussion: """
            Examples:
              ringside target list
              ringside target list --json
            """
    )

    @OptionGroup var target: TargetOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        try output.print(try target.tree.targets()) { targets in
            let rows = targets.flatMap { target in
                target.groups.map { group in
                    [
                        target.wwpn, group.tag.map(String.init) ?? "?", String(group.luns.count),
                        group.nexus ?? "-",
                    ]
                }
            }
            return rows.isEmpty
                ? "no targets" : "\(Table(columns: ["WWPN", "TPGT", "LUNS", "NEXUS"], rows: rows))"
        }
    }

    /// The names of the targets, for the shell's completion; none where they cannot be read.
    @Sendable static func completions(_ words: [String], _ index: Int, _ prefix: String) -> [String] {
        do throws(OperationError) { return try TargetTree().targets().map(\.wwpn) } catch { return [] }
    }
}

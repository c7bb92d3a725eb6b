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

struct TargetShow: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show one target, or all of them, as a tree with nexus, LUNs and backstores.",
        discussion: """
            Examples:
              ringside target show
              ringside target show naa.5001405c0ffee001
              ringside target show --json
            """
    )

    @Argument(help: "The target port; all of them by default.", completion: .custom(TargetList.completions))
    var wwpn: String?

    @OptionGroup var target: TargetOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let tree = target.tree
        let targets = try wwpn.map { [try tree.target(named: $0)] } ?? tree.targets()
        let backstores = try tree.backstores()
        try output.print(targets) { targets in
            guard !targets.isEmpty else { return "no targets" }
            return targets.map { "\(TargetDrawing(target: $0, backstores: backstores))" }.joined(
                separator: "\n"
            )
        }
    }
}

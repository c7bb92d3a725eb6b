// SPDX-License-Identifier: MIT
import ArgumentParser
import LinuxSystem
import SystemPackage
import TargetConfig

struct TargetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "target",
        abstract: "Provision vhost-scsi targets in the kernel.",
        subcommands: [
            TargetCreate.self, TargetDelete.self, TargetList.self, TargetShow.self,
        ]
    )
}

/// Where configfs is: an option of every command on targets and backstores.
struct TargetOptions: ParsableArguments {
    @Option(help: "Where configfs is mounted.", completion: .directory)
    var configfs = TargetTree.defaultRoot.string

    var tree: TargetTree { TargetTree(root: FilePath(configfs)) }
}

/// `--dry-run`, and how the steps of a plan are shown.
struct PlanOptions: ParsableArguments {
    @Flag(help: "Check and print the steps, and change nothing.")
    var dryRun = false

    func show(_ plan: Plan, _ output: OutputOptions) throws {
        try output.print(PlanReport(steps: plan.operations.map(\.description))) { report in
            report.steps.joined(separator: "\n")
        }
    }

    private struct PlanReport: Encodable {
        var steps: [String]
    }
}

/// A target as a tree of lines.
struct TargetDrawing: CustomStringConvertible {
    var target: Target
    var backstores: [Backstore]

    var description: String { lines.joined(separator: "\n") }

    private var lines: [String] {
        [target.path]
            + Self.branches(target.groups) { group in
                let nexus = group.nexus.map { "nexus \($0)" } ?? "no nexus: no endpoint can be set"
                return [Self.name(group.path)]
                    + Self.branches([[nexus]] + group.luns.map { [describe($0)] }) { $0 }
            }
    }

    private func describe(_ lun: LogicalUnit) -> String {
        guard let path = lun.backstore else { return "\(Self.name(lun.path)) -> nothing" }
        guard let backstore = backstores.first(where: { $0.path == path }) else {
            return "\(Self.name(lun.path)) -> \(path)"
        }
        return "\(Self.name(lun.path)) -> \(path) (\(BackstoreDrawing(backstore: backstore)))"
    }

    private static func name(_ path: String) -> String {
        path.split(separator: "/").last.map { String($0) } ?? path
    }

    private static func branches<Item>(_ items: [Item], _ lines: (Item) -> [String]) -> [String] {
        items.enumerated().flatMap { index, item in
            let isLast = index == items.count - 1
            return lines(item).enumerated().map { number, line in
                (number == 0 ? (isLast ? "└─ " : "├─ ") : (isLast ? "   " : "│  ")) + line
            }
        }
    }
}

/// What a backstore is made of, in a few words.
struct BackstoreDrawing: CustomStringConvertible {
    var backstore: Backstore

    var description: String {
        let kinds = ["rd_mcp": "ramdisk", "fileio": "file", "iblock": "block"]
        var words = [kinds[backstore.plugin] ?? backstore.plugin]
        if let size = backstore.size, size > 0 { words.append("\(ByteSize(bytes: size))") }
        if let file = backstore.file { words.append(file) }
        if backstore.isNullIO { words.append("nullio") }
        if !backstore.isEnabled { words.append("not enabled") }
        return words.joined(separator: " ")
    }
}

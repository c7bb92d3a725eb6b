// SPDX-License-Identifier: MIT
import ArgumentParser
import LinuxSystem
import TargetConfig

struct BackstoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backstore",
        abstract: "Make, remove and list backstores that live on their own.",
        subcommands: [BackstoreCreate.self, BackstoreDelete.self, BackstoreList.self, BackstoreShow.self]
    )
}

struct BackstoreCreate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Make a backstore that stays until it is deleted by its name.",
        discussion: """
            Examples:
              ringside backstore create scratch ramdisk:64M
              ringside backstore create disk1 file:/var/lib/disk1.img,size=10G
              ringside target create naa.5001405c0ffee001 --lun 0=name:disk1
            """
    )

    @Argument(help: "1 to 200 letters, digits, '.', '_' and '-'.")
    var name: String

    @Argument(
        help: "ramdisk:SIZE, file:/PATH, block:/DEV, pscsi:/DEV or user:HANDLER/CONFIG, with options.",
        transform: { try BackstoreSpec($0) }
    )
    var spec: BackstoreSpec

    @OptionGroup var target: TargetOptions
    @OptionGroup var plan: PlanOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        do throws(OperationError) {
            try TargetTree.checkBackstoreName(name)
        } catch {
            throw ValidationError(error.description)
        }
    }

    func run() throws {
        guard !plan.dryRun else { return try plan.show(try target.tree.planBackstore(name, spec), output) }
        try output.print(try target.tree.createBackstore(name, spec)) { backstore in
            "\(backstore.path) (\(BackstoreDrawing(backstore: backstore)))"
        }
    }
}

struct BackstoreDelete: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Remove a backstore that no LUN exports. A file behind it stays.",
        discussion: """
            Examples:
              ringside backstore delete disk1
              ringside backstore delete disk1 --dry-run
            """
    )

    @Argument(help: "The backstore.", completion: .custom(BackstoreList.completions))
    var name: String

    @OptionGroup var target: TargetOptions
    @OptionGroup var plan: PlanOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        guard !plan.dryRun else { return try plan.show(try target.tree.planBackstoreDeletion(name), output) }
        try target.tree.deleteBackstore(name)
        try output.print(["deleted": name]) { _ in "deleted \(name)" }
    }
}

struct BackstoreList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the backstores with what they are made of and what exports them.",
        discussion: """
            Examples:
              ringside backstore list
              ringside backstore list --json
            """
    )

    @OptionGroup var target: TargetOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        try output.print(try target.tree.backstores()) { backstores in
            let rows = backstores.map { backstore in
                let exports = backstore.exportedBy.joined(separator: " ")
                return [
                    backstore.name, "\(BackstoreDrawing(backstore: backstore))",
                    exports.isEmpty ? "-" : exports,
                ]
            }
            return rows.isEmpty
                ? "no backstores" : "\(Table(columns: ["NAME", "MADE OF", "EXPORTED BY"], rows: rows))"
        }
    }

    /// The names of the backstores, for the shell's completion; none where they cannot be read.
    @Sendable static func completions(_ words: [String], _ index: Int, _ prefix: String) -> [String] {
        do throws(OperationError) { return try TargetTree().backstores().map(\.name) } catch { return [] }
    }
}

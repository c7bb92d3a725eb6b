// SPDX-License-Identifier: MIT
import ArgumentParser
import TargetConfig

struct TargetDelete: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Remove a target, or one of its portal groups, with the backstores that were made with it.",
        discussion: """
            A target that an open vhost-scsi endpoint holds is left as it is. Files behind backstores stay.

            Examples:
              ringside target delete naa.5001405c0ffee001
              ringside target delete naa.5001405c0ffee001 --tpgt 2 --keep-backstores
              ringside target delete naa.5001405c0ffee001 --recursive
            """
    )

    @Argument(help: "The target port.", completion: .custom(TargetList.completions))
    var wwpn: String

    @Option(help: "Remove this portal group only.", transform: { try TPGTag($0) })
    var tpgt: TPGTag?

    @Flag(help: "Keep the backstores that were made with the target.")
    var keepBackstores = false

    @Flag(help: "Remove every backstore that nothing else exports, also those that were made on their own.")
    var recursive = false

    @OptionGroup var target: TargetOptions
    @OptionGroup var plan: PlanOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if keepBackstores && recursive {
            throw ValidationError("--keep-backstores and --recursive exclude each other")
        }
    }

    func run() throws {
        let tree = target.tree
        let backstores: BackstoreDeletion = keepBackstores ? .none : recursive ? .exported : .owned
        guard !plan.dryRun else {
            let steps = try tree.plan(deleting: wwpn, tag: tpgt, backstores: backstores)
            return try plan.show(steps, output)
        }
        let deletion = try tree.delete(wwpn, tag: tpgt, backstores: backstores)
        try output.print(deletion) { $0.removed.map { "deleted \($0)" }.joined(separator: "\n") }
    }
}

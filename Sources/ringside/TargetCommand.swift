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
            TargetApply.self, TargetClear.self, TargetCreate.self, TargetDelete.self, TargetDiff.self,
            TargetExport.self, TargetList.self, TargetName.self, TargetRecover.self, TargetShow.self,
            TargetWatch.self,
        ]
    )
}

/// Where configfs is: an option of every command on targets and backstores.
struct TargetOptions: ParsableArguments {
    @Option(help: "Where configfs is mounted.", completion: .directory)
    var configfs = TargetTree.defaultRoot.string

    @Option(help: "Where the plan of the change under way is kept.", completion: .file())
    var journal = TargetTree.defaultJournal.string

    @Option(help: "How many targets or backstores are changed at the same time, 1 to 64.")
    var workers = TargetTree.defaultWorkers

    func validate() throws {
        guard (1...64).contains(workers) else {
            throw ValidationError("--workers \(workers): not between 1 and 64")
        }
    }

    var tree: TargetTree {
        TargetTree(root: FilePath(configfs), journal: FilePath(journal), workers: workers)
    }
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

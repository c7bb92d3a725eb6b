// SPDX-License-Identifier: MIT
import ArgumentParser
import KernelModule

struct ModuleUnloadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unload",
        abstract: "Unload modules, and tell what uses those that stay.",
        discussion: """
            EXAMPLES
              ringside module unload vhost_scsi
              ringside module unload --recursive vhost_scsi     (with dependencies that nobody uses then)
              ringside module unload --dependents vhost         (with the modules that use it, those first)
              ringside module unload --wait 5 driver            (until its users are gone)
            """
    )

    @Argument(help: ArgumentHelp("Names of loaded modules, aliases, or files.", valueName: "module"))
    var names: [String]

    @Flag(help: "Unload the modules that use it first.")
    var dependents = false

    @Flag(name: [.customShort("r"), .long], help: "Unload dependencies that nobody uses afterwards, too.")
    var recursive = false

    @Option(help: ArgumentHelp("Wait so long for its users to go.", valueName: "seconds"))
    var wait = 0.0

    @Flag(help: "Print what would be unloaded, and unload nothing.")
    var dryRun = false

    @Flag(help: "Unload it even if it is in use, where the kernel allows that; this may crash the machine.")
    var force = false

    @OptionGroup var tree: ModuleTreeOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (0...86_400).contains(wait) else {
            throw ValidationError("--wait \(wait): not between 0 and 86400 seconds")
        }
    }

    func run() throws {
        var options = UnloadOptions()
        options.isDryRun = dryRun
        options.includesDependents = dependents
        options.includesUnusedDependencies = recursive
        options.patience = .seconds(wait)
        options.isForced = force
        let report = try tree.context().unload(names, options: options)
        try output.print(report) { describe($0) }
    }

    private func describe(_ report: UnloadReport) -> String {
        let gone = "\(dryRun ? "would unload" : "unloaded") \(report.unloaded.list)"
        let candidates = report.candidates.isEmpty ? [] : ["then, unless in use: \(report.candidates.list)"]
        return ([gone] + candidates + kernelLines(report.kernelMessages)).joined(separator: "\n")
    }
}

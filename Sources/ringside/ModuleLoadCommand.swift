// SPDX-License-Identifier: MIT
import ArgumentParser
import KernelModule

struct ModuleLoadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load",
        abstract: "Load modules with everything that they depend on, or nothing.",
        discussion: """
            Takes names, aliases and files, compressed or not. Dependencies and soft dependencies are loaded first; \
            modprobe.d's options and blacklist are honoured. A parameter that the module does not have is refused. \
            If one module fails, those that were loaded for it are unloaded again. Modules that are loaded already or \
            built in are no error.

            EXAMPLES
              ringside module load vhost_scsi
              ringside module load ./driver.ko debug=1 name="two words"
              ringside module load --dry-run --set max_io_vqs=256 tcm_vhost
              ringside module load vhost_scsi target_core_iblock
            """
    )

    @Argument(
        help: ArgumentHelp("Names, aliases or files; then NAME=VALUE for parameters.", valueName: "module")
    )
    var arguments: [String]

    @Option(
        name: .customLong("set"),
        help: ArgumentHelp("A parameter for the module; may be repeated.", valueName: "name=value")
    )
    var assignments: [String] = []

    @Flag(help: "Print what would be loaded, and load nothing.")
    var dryRun = false

    @Flag(help: "Load what modprobe.d blacklists.")
    var ignoreBlacklist = false

    @Flag(help: "Let the kernel ignore parameters that the module does not have.")
    var allowUnknownParameters = false

    @Flag(help: "Fail if the module is loaded already.")
    var firstTime = false

    @Flag(help: "Ignore version magic and symbol versions; this taints the kernel and may crash it.")
    var force = false

    @OptionGroup var tree: ModuleTreeOptions
    @OptionGroup var output: OutputOptions

    /// The first argument is a module; a later one that is neither path nor name but NAME=VALUE is a parameter.
    private var names: [String] { arguments.prefix(1) + arguments.dropFirst().filter { !$0.contains("=") } }
    private var parameters: [String] { assignments + arguments.dropFirst().filter { $0.contains("=") } }

    func validate() throws {
        if let name = names.first, name.contains("="), !name.contains("/") {
            throw ValidationError("\(name): name the module first, then its parameters")
        }
        if let parameter = parameters.first(where: { $0.hasPrefix("=") || $0.isEmpty }) {
            throw ValidationError("'\(parameter)': a parameter is NAME=VALUE")
        }
        if names.count > 1 && !parameters.isEmpty {
            throw ValidationError("parameters belong to one module; load \(names.list) one by one")
        }
    }

    func run() throws {
        var options = LoadOptions()
        options.isDryRun = dryRun
        options.ignoresBlacklist = ignoreBlacklist
        options.allowsUnknownParameters = allowUnknownParameters
        options.mustBeNew = firstTime
        options.isForced = force
        let report = try tree.context().load(names, parameters: parameters, options: options)
        try output.print(report) { describe($0) }
    }

    private func describe(_ report: LoadReport) -> String {
        var lines: [String] = []
        for name in report.requested where report.alreadyLoaded.contains(name) {
            lines.append("\(name) is loaded already")
        }
        for name in report.requested where report.builtin.contains(name) {
            lines.append("\(name) is built into the kernel")
        }
        if !report.loaded.isEmpty {
            let rows = report.loaded.map {
                [$0.name, $0.parameters, $0.file ?? "loaded by the kernel or others"]
            }
            lines.append(
                "\(Table(columns: [dryRun ? "WOULD LOAD" : "LOADED", "PARAMETERS", "FILE"], rows: rows))"
            )
        }
        lines += report.skipped.map { "skipped \($0.name): \($0.cause)" }
        lines += kernelLines(report.kernelMessages)
        return lines.joined(separator: "\n")
    }
}

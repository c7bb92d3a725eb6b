// SPDX-License-Identifier: MIT
import ArgumentParser
import KernelModule

struct ModuleParamsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "params",
        abstract: "Show or change the parameters of a loaded or built-in module.",
        discussion: """
            Values are checked against their types before anything is written, and all are changed or none.

            EXAMPLES
              ringside module params vhost
              ringside module params kvm_intel --json
              ringside module params loop max_part=7
              ringside module params --dry-run printk time=n
            """
    )

    @Argument(
        help: ArgumentHelp("A loaded or built-in module, or its file.", valueName: "module"),
        completion: .file()
    )
    var name: String

    @Argument(help: ArgumentHelp("What to change.", valueName: "name=value"))
    var assignments: [String] = []

    @Flag(help: "Check the values and print what would be set, and change nothing.")
    var dryRun = false

    @OptionGroup var tree: ModuleTreeOptions
    @OptionGroup var output: OutputOptions

    private struct Listing: Encodable { var parameters: [LoadedParameter] }

    func validate() throws {
        if let word = assignments.first(where: { !$0.contains("=") || $0.hasPrefix("=") }) {
            throw ValidationError("'\(word)': a parameter is NAME=VALUE")
        }
    }

    func run() throws {
        let context = try tree.context()
        let parameters =
            try assignments.isEmpty
            ? context.loadedParameters(of: name)
            : context.setParameters(assignments, of: name, isDryRun: dryRun)
        try output.print(Listing(parameters: parameters)) { listing in
            if listing.parameters.isEmpty { return "\(name) shows no parameters" }
            let rows = listing.parameters.map {
                [$0.name, $0.type ?? "", $0.isWritable ? "rw" : "ro", $0.value ?? "(cannot be read)"]
            }
            return "\(Table(columns: ["PARAMETER", "TYPE", "MODE", "VALUE"], rows: rows))"
        }
    }
}

// SPDX-License-Identifier: MIT
import ArgumentParser
import KernelModule

struct ModuleDepsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deps",
        abstract: "Show what loading a module takes, in the order to load it.",
        discussion: """
            Needs neither root nor the kernel that the module is for. Soft dependencies are wanted, not needed.

            EXAMPLES
              ringside module deps vhost_scsi
              ringside module deps ./driver.ko
              ringside module deps --reverse vhost
            """
    )

    @Argument(help: ArgumentHelp("A name, alias or file.", valueName: "module"), completion: .file())
    var name: String

    @Flag(help: "Show the modules that need it, directly or not.")
    var reverse = false

    @OptionGroup var tree: ModuleTreeOptions
    @OptionGroup var output: OutputOptions

    private struct Needs: Encodable { var modules: [ModuleNeed] }
    private struct Dependents: Encodable { var dependents: [String] }

    func run() throws {
        let context = try tree.context()
        if reverse {
            return try output.print(Dependents(dependents: context.dependents(of: name))) {
                $0.dependents.isEmpty ? "no module needs \(name)" : $0.dependents.joined(separator: "\n")
            }
        }
        try output.print(Needs(modules: context.needs(of: name))) { needs in
            let rows = needs.modules.map { [$0.name, $0.kind.rawValue, $0.file ?? "built into the kernel"] }
            return "\(Table(columns: ["MODULE", "KIND", "FILE"], rows: rows))"
        }
    }
}

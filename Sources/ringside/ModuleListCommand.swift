// SPDX-License-Identifier: MIT
import ArgumentParser
import KernelModule
import LinuxSystem

struct ModuleListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the loaded modules, the newest first.",
        discussion: """
            SIZE is in bytes; USES counts all users, the modules under USED BY among them. TAINT has the letters of \
            the kernel's documentation: O out of tree, E unsigned, P proprietary, F forced.

            EXAMPLES
              ringside module list
              ringside module list vhost_scsi vhost
              ringside module list --json
            """
    )

    @Argument(help: ArgumentHelp("Only these modules.", valueName: "name"))
    var names: [String] = []

    @OptionGroup var output: OutputOptions

    private struct Listing: Encodable {
        var modules: [LoadedModule]
    }

    func run() throws {
        let all = try RunningModules().all()
        let wanted = names.map { $0.map { $0 == "-" ? "_" : String($0) }.joined() }
        if let absent = wanted.first(where: { name in !all.contains { $0.name == name } }) {
            throw OperationError("list", absent, cause: "no module of that name is loaded")
        }
        let modules = names.isEmpty ? all : all.filter { wanted.contains($0.name) }
        try output.print(Listing(modules: modules)) { listing in
            let rows = listing.modules.map { module in
                [
                    module.name, String(module.size), module.referenceCount.map(String.init) ?? "-",
                    module.state.rawValue, module.taint, usedBy(module),
                ]
            }
            return "\(Table(columns: ["MODULE", "SIZE", "USES", "STATE", "TAINT", "USED BY"], rows: rows))"
        }
    }

    private func usedBy(_ module: LoadedModule) -> String {
        (module.holders + (module.isPermanent ? ["(permanent)"] : [])).list
    }
}

// SPDX-License-Identifier: MIT
import ArgumentParser
import LinuxSystem
import SystemPackage
import TargetConfig

struct TargetExport: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write the kernel's configuration as a file that `apply` takes.",
        discussion: """
            With --saveconfig the file is in targetcli's format. What FILE holds of other fabrics stays in it.

            Examples:
              ringside target export > targets.yaml
              ringside target export --json targets.json
              ringside target export --saveconfig /etc/rtslib-fb-target/saveconfig.json
            """
    )

    @Argument(help: "The file to write in one step; standard output by default.", completion: .file())
    var file: String?

    @Flag(help: "Write targetcli's saveconfig.json.")
    var saveconfig = false

    @Flag(help: "Write JSON instead of YAML.")
    var json = false

    @OptionGroup var target: TargetOptions

    func run() throws {
        let export = try target.tree.exported()
        for note in export.notes { Terminal.writeError("ringside: left out \(note)") }
        let text = try text(of: export)
        guard let file else { return try Terminal.print(String(text.dropLast(text.hasSuffix("\n") ? 1 : 0))) }
        do {
            try FilePath(file).replace(with: text.utf8)
        } catch {
            throw OperationError("write", file, errno: error as? Errno)
        }
    }

    private func text(of export: ConfigurationExport) throws -> String {
        if saveconfig {
            return try target.tree.saveConfig(export.configuration, over: existing()).json + "\n"
        }
        let document = export.configuration.document
        return json ? document.json + "\n" : document.yaml
    }

    /// What the file holds already; nil where there is none.
    private func existing() throws -> Document? {
        guard let file, FilePath(file).exists else { return nil }
        do {
            return try Document(parsing: FilePath(file).readText())
        } catch let error as OperationError {
            throw OperationError(
                "read",
                "\(file), \(error.object)",
                cause: error.cause,
                hint: "its other fabrics would be lost"
            )
        }
    }
}

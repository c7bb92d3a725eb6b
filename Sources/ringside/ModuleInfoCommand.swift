// SPDX-License-Identifier: MIT
import ArgumentParser
import KernelModule

struct ModuleInfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Show what a module's file tells about it.",
        discussion: """
            Needs neither root nor the kernel that the module is for.

            EXAMPLES
              ringside module info vhost_scsi
              ringside module info ./driver.ko
              ringside module info --set-version 6.1.0-56-amd64 --field depends e1000e
            """
    )

    @Argument(help: ArgumentHelp("Names, aliases or files.", valueName: "module"))
    var names: [String]

    @Option(
        name: [.customShort("F"), .long],
        help: ArgumentHelp("Print the values of this field only.", valueName: "field")
    )
    var field: String?

    @OptionGroup var tree: ModuleTreeOptions
    @OptionGroup var output: OutputOptions

    private struct Listing: Encodable {
        var modules: [ModuleInfo]
    }

    func run() throws {
        let context = try tree.context()
        var infos: [ModuleInfo] = []
        for name in names { infos += try context.info(of: name) }
        try output.print(Listing(modules: infos)) { listing in
            let texts = listing.modules.map(describe)
            return texts.joined(separator: field == nil ? "\n\n" : "\n")
        }
    }

    private func describe(_ info: ModuleInfo) -> String {
        if let field {
            let values = [("filename", info.file ?? "(builtin)")] + info.fields.map { ($0.key, $0.value) }
            return values.filter { $0.0 == field }.map(\.1).joined(separator: "\n")
        }
        // Parameters follow as one line each, name and type first.
        let shown = info.fields.filter { $0.key != "parm" && $0.key != "parmtype" && $0.key != "name" }
        let rows =
            [("name", info.name), ("file", info.file ?? "(built into the kernel)")]
            + shown.map { ($0.key, $0.value) }
            + info.parameters.map { ("parameter", describe($0)) }
        let width = rows.map(\.0.count).max() ?? 0
        return rows.map { key, value in "\(key):\(spaces(width + 1 - key.count))\(value)" }.joined(
            separator: "\n"
        )
    }

    private func describe(_ parameter: ModuleParameter) -> String {
        let type = parameter.type.map { " (\($0))" } ?? ""
        return parameter.name + type + (parameter.summary.map { ": \($0)" } ?? "")
    }

    private func spaces(_ count: Int) -> String { String(repeating: " ", count: count) }
}

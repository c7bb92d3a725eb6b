// SPDX-License-Identifier: MIT
import ArgumentParser
import LinuxSystem
import TargetConfig

struct BackstoreShow: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract:
            "Show a backstore's names and its attributes with their defaults and what they can be set to.",
        discussion: """
            They are set in a file for `ringside target apply`: `serial`, `vendor_id`, `product_id`, `revision`, and the
            others under `attributes`.

            Examples:
              ringside backstore show disk1
              ringside backstore show disk1 --json
            """
    )

    @Argument(help: "The backstore.", completion: .custom(BackstoreList.completions))
    var name: String

    @OptionGroup var target: TargetOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let tree = target.tree
        let backstore = try tree.backstore(named: name)
        let report = Report(
            backstore: backstore,
            serial: try tree.serial(of: backstore),
            inquiry: try tree.inquiryNames(of: backstore),
            attributes: try tree.describedAttributes(of: backstore)
        )
        try output.print(report) { report in
            let names = InquiryName.all.compactMap { name in
                report.inquiry[name.file].map { "\(name.file) \($0)" }
            }
            let head = ["serial \(report.serial)"] + names
            let rows = report.attributes.map { [$0.name, $0.value, $0.default ?? "-", $0.allowed] }
            let table = Table(columns: ["ATTRIBUTE", "VALUE", "DEFAULT", "CAN BE"], rows: rows)
            return
                "\(backstore.path) (\(BackstoreDrawing(backstore: backstore)))\n\(head.joined(separator: ", "))\n\(table)"
        }
    }

    private struct Report: Encodable {
        var backstore: Backstore
        var serial: String
        /// By the names of the files.
        var inquiry: [String: String]
        var attributes: [AttributeDescription]
    }
}

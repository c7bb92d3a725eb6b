// SPDX-License-Identifier: MIT
import ArgumentParser
import LinuxSystem
import SystemPackage
import TargetConfig

struct TargetApply: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Make the kernel's configuration what a file says: all of it or nothing.",
        discussion: """
            The file is YAML or JSON, as `ringside target export` writes it, or targetcli's saveconfig.json:

              backstores:
                disk1:
                  source: file:/var/lib/disk1.img,size=1G
                  attributes: {emulate_tpu: 1}
              targets:
                naa.5001405c0ffee001:
                  1:
                    luns:
                      0: name:disk1
                      1: ramdisk:64M

            Every object gets a line: create, change, replace, delete or keep. What the file does not name stays, unless
            --prune is given; what can stay is not taken down for a change beside it.

            Examples:
              ringside target apply targets.yaml --dry-run
              ringside target apply targets.yaml --prune
              ringside target export | sed s/64M/128M/ | ringside target apply -
            """
    )

    @Argument(help: "The file, or - for standard input.", completion: .file())
    var file: String

    @Flag(help: "Delete the vhost targets, LUNs and backstores that the file does not name.")
    var prune = false

    @Flag(help: "Do not fail where the file does not exist.")
    var ifExists = false

    @OptionGroup var options: ApplyOptions

    func run() throws {
        if ifExists, !FilePath(file).exists {
            return try options.output.print(ConfigurationReport()) { _ in "\(file): no such file" }
        }
        try options.apply(try ConfigurationFile(file).configuration(), pruning: prune)
    }
}

/// The end of every command that makes the kernel's configuration another: the plan, or the change.
struct ApplyOptions: ParsableArguments {
    @Flag(help: "Print the plan and change nothing.")
    var dryRun = false

    @OptionGroup var target: TargetOptions
    @OptionGroup var output: OutputOptions

    func apply(_ wanted: Configuration, pruning: Bool) throws {
        let tree = target.tree
        let plan =
            dryRun
            ? try tree.plan(applying: wanted, pruning: pruning) : try tree.apply(wanted, pruning: pruning)
        try output.print(ConfigurationReport(plan)) { "\($0)" }
    }
}

struct TargetDiff: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Tell how the kernel's configuration differs from a file. Exit status 1 where it does.",
        discussion: """
            Examples:
              ringside target diff targets.yaml
              ringside target diff targets.yaml --prune --json
            """
    )

    @Argument(help: "The file, or - for standard input.", completion: .file())
    var file: String

    @Flag(help: "Take what the file does not name for a difference.")
    var prune = false

    @OptionGroup var target: TargetOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let wanted = try ConfigurationFile(file).configuration()
        var report = ConfigurationReport(try target.tree.plan(applying: wanted, pruning: prune))
        report.changes.removeAll { !$0.isChange }
        try output.print(report) { "\($0)" }
        if !report.changes.isEmpty { throw ExitCode(1) }
    }
}

/// A file with a configuration.
struct ConfigurationFile {
    private let path: String

    init(_ path: String) { self.path = path }

    func configuration() throws(OperationError) -> Configuration {
        do throws(OperationError) {
            return try Configuration(parsing: try text())
        } catch {
            guard error.operation == "read", error.object.hasPrefix("line ") else { throw error }
            var named = error
            named.object = "\(path), \(error.object)"
            throw named
        }
    }

    private func text() throws(OperationError) -> String {
        do {
            return try FilePath(path == "-" ? "/proc/self/fd/0" : path).readText()
        } catch {
            throw OperationError("read", path, errno: error as? Errno)
        }
    }
}

/// What became, or would become, of each object.
struct ConfigurationReport: Encodable, CustomStringConvertible {
    var changes: [ObjectChange] = []
    var counts: [String: Int] = [:]

    init() {}

    init(_ plan: ConfigurationPlan) {
        changes = plan.changes
        for kind in ObjectChange.Kind.allCases { counts[kind.rawValue] = plan.count(kind) }
    }

    var description: String {
        var text = ""
        for change in changes {
            let kind = change.kind.rawValue
            text += kind + String(repeating: " ", count: 9 - kind.utf8.count) + change.object
            text += change.details.isEmpty ? "\n" : "  \(change.details.joined(separator: ", "))\n"
        }
        let counted = ObjectChange.Kind.allCases.compactMap { kind -> String? in
            let count = counts[kind.rawValue] ?? 0
            return count == 0 && kind != .keep ? nil : "\(count) to \(kind.rawValue)"
        }
        return text + counted.joined(separator: ", ")
    }
}

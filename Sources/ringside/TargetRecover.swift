// SPDX-License-Identifier: MIT
import ArgumentParser
import LinuxSystem
import TargetConfig

struct TargetRecover: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recover",
        abstract: "Bring a change to its end that a crash or a kill left half way.",
        discussion: """
            The change is taken back. Where a ramdisk is gone already, the rest of it is carried out instead. A portal group
            that something else removed meanwhile is made again; what the change was not about, such as its nexus, comes back
            with `target apply`.

            Examples:
              ringside target recover --dry-run
              ringside target recover
            """
    )

    @Flag(help: "Print the steps, of which those that are done already change nothing, and change nothing.")
    var dryRun = false

    @OptionGroup var target: TargetOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        guard !dryRun else {
            return try output.print(["steps": try target.tree.recoverySteps()]) { report in
                let steps = report["steps"] ?? []
                return steps.isEmpty ? "nothing to recover" : steps.joined(separator: "\n")
            }
        }
        let words: [Recovery: String] = [
            .nothing: "nothing to recover", .undone: "the change was taken back",
            .remade: "the change was taken back; portal groups that something else removed have no nexus now",
            .finished: "the change was carried out",
        ]
        try output.print(["recovery": try target.tree.recover()]) { words[$0["recovery"] ?? .nothing] ?? "" }
    }
}

struct TargetClear: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clear",
        abstract: "Remove every vhost target and every backstore. Other fabrics and what they export stay.",
        discussion: """
            Targets that an open vhost-scsi endpoint holds stop it before anything is changed. Files behind backstores stay.

            Examples:
              ringside target clear --dry-run
              ringside target clear
            """
    )

    @OptionGroup var options: ApplyOptions

    func run() throws { try options.apply(try Configuration(), pruning: true) }
}

struct TargetName: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "name",
        abstract: "Make a name for a target, or check one.",
        discussion: """
            Examples:
              ringside target name
              ringside target name --seed db1.example.org --format naa6
              ringside target name --check NAA.5001405C0FFEE001
            """
    )

    @Option(help: "The same seed gives the same name, on every machine.")
    var seed: String?

    @Option(help: "naa5 has 16 digits, naa6 has 32.")
    var format = NameFormat.naa5

    @Option(help: "Print the canonical spelling of this name instead.", transform: { try WWPN($0) })
    var check: WWPN?

    @OptionGroup var output: OutputOptions

    func run() throws {
        let name = check ?? WWPN(generating: format == .naa5 ? .naa5 : .naa6, seed: seed)
        try output.print(["name": name.name]) { _ in name.name }
    }
}

enum NameFormat: String, ExpressibleByArgument, CaseIterable { case naa5, naa6 }

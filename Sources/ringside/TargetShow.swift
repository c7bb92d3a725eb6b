// SPDX-License-Identifier: MIT
import ArgumentParser
import LinuxSystem
import TargetConfig

struct TargetShow: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show one target, or all of them, as a tree with nexus, LUNs, backstores and counters.",
        discussion: """
            Whether an endpoint is set tells only the attempt to remove the portal group, which the kernel refuses as it does
            for one with LUNs: root sees it with --endpoint. That waits for a change under way, for a second at most, and
            fails then.

            Examples:
              ringside target show
              ringside target show naa.5001405c0ffee001 --endpoint
              ringside target show --json
            """
    )

    @Argument(help: "The target port; all of them by default.", completion: .custom(TargetList.completions))
    var wwpn: String?

    @Flag(help: "Ask the kernel whether an endpoint is set, and find out who may hold it.")
    var endpoint = false

    @OptionGroup var target: TargetOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let tree = target.tree
        let targets = try wwpn.map { [try tree.target(named: $0)] } ?? tree.targets()
        let backstores = Dictionary(try tree.backstores().map { ($0.path, $0) }) { first, _ in first }
        let claims = endpoint ? try tree.claims(of: targets.flatMap(\.groups)) : [:]
        var drawings: [TargetDrawing] = []
        for target in targets { drawings.append(try drawing(of: target, backstores, claims)) }
        try output.print(drawings) { drawings in
            drawings.isEmpty ? "no targets" : drawings.map { "\($0)" }.joined(separator: "\n")
        }
    }

    private func drawing(
        of target: Target,
        _ backstores: [String: Backstore],
        _ claims: [String: Bool]
    ) throws -> TargetDrawing {
        let tree = self.target.tree
        var drawing = TargetDrawing(target: target, backstores: backstores)
        for group in target.groups {
            for lun in group.luns { drawing.statistics[lun.path] = try tree.statistics(of: lun) }
            guard let isClaimed = claims[group.path] else { continue }
            drawing.holders[group.path] = isClaimed ? tree.possibleHolders() : []
        }
        return drawing
    }
}

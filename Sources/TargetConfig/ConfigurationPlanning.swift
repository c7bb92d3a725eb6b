// SPDX-License-Identifier: MIT
public import LinuxSystem
import SystemPackage

extension TargetTree {
    /// The way from the running configuration to `wanted`, checked against the running kernel; changes nothing.
    ///
    /// - Parameters:
    ///   - wanted: what is to be; what it does not name stays as it is.
    ///   - pruning: deletes the targets, groups, LUNs and backstores that it does not name. Backstores that another fabric
    ///     exports stay.
    /// - Throws: an `OperationError` when a step would fail as far as can be told beforehand.
    public func plan(
        applying wanted: Configuration,
        pruning: Bool = false
    ) throws(OperationError) -> ConfigurationPlan {
        var planner = try ConfigurationPlanner(self, wanted, isPruning: pruning)
        return try planner.plan()
    }

    /// Makes the running configuration what `wanted` says, all of it or nothing.
    ///
    /// - Returns: what was done.
    /// - Throws: an `OperationError` that names the first thing in the way.
    @discardableResult
    public func apply(
        _ wanted: Configuration,
        pruning: Bool = false
    ) throws(OperationError) -> ConfigurationPlan {
        try requireTargets()
        if let denial {
            let plan = try plan(applying: wanted, pruning: pruning)
            guard plan.plan.isEmpty else { throw denial }
            return plan
        }
        return try changing { () throws(OperationError) in
            let plan = try plan(applying: wanted, pruning: pruning)
            for group in plan.disturbed { try probeClaim(of: group) }
            try plan.plan.apply(in: self, explain: explain)
            return plan
        }
    }
}

/// Compares what is with what is to be, and collects the steps from one to the other.
struct ConfigurationPlanner {
    let tree: TargetTree
    let wanted: Configuration
    let isPruning: Bool
    let live: LiveState
    /// The running backstores by name.
    let present: [String: Backstore]
    /// Where backstores go that are made, once it is known which leave.
    lazy var placement = BackstorePlacement(in: tree, with: live, leaving: Set(leaving.map(\.path)))
    var changes: [ObjectChange] = []
    /// Where each backstore is, or will be.
    var paths: [String: String] = [:]
    /// The backstores whose LUNs have to let go of them for a while or for ever, by path.
    var released: Set<String> = []
    /// The backstores that go.
    var leaving: [Backstore] = []
    /// Steps by backstore, in their order.
    var makings: [Plan.Unit] = []
    /// Steps by target, before and after those of the backstores.
    var loosenings: [String: Plan.Unit] = [:]
    var bindings: [String: Plan.Unit] = [:]
    var disturbed: [TargetPortalGroup] = []

    init(_ tree: TargetTree, _ wanted: Configuration, isPruning: Bool) throws(OperationError) {
        (self.tree, self.wanted, self.isPruning) = (tree, wanted, isPruning)
        live = try LiveState(of: tree)
        present = Dictionary(live.backstores.map { ($0.name, $0) }) { first, _ in first }
    }

    mutating func plan() throws(OperationError) -> ConfigurationPlan {
        try findLeaving()
        for request in wanted.backstores { try plan(request) }
        try planGroups()
        try reportPruned()
        return ConfigurationPlan(changes: changes, plan: try assembled(), disturbed: disturbed)
    }

    /// Backstores that are to be of another kind or size, and those that are named nowhere when pruning.
    private mutating func findLeaving() throws(OperationError) {
        let requests = Dictionary(wanted.backstores.map { ($0.name, $0) }) { first, _ in first }
        let used = Set(wanted.groups.flatMap { $0.luns.map(\.backstore) })
        for backstore in live.backstores {
            if let request = requests[backstore.name] {
                try refuseAmbiguous(backstore, request)
                if isSame(request.spec, as: backstore) { continue }
            } else if !isPruning || used.contains(backstore.name) || isForeign(backstore) {
                continue
            }
            if let foreign = foreignUser(of: backstore) {
                throw OperationError(
                    "replace",
                    "backstore \(backstore.name)",
                    errno: .resourceBusy,
                    cause: "it is exported by \(foreign)",
                    hint: "this program leaves other fabrics alone"
                )
            }
            leaving.append(backstore)
            released.insert(backstore.path)
        }
        try tree.checkMemory(for: newSpecs())
    }

    /// What is to be made and is not there yet.
    private func newSpecs() -> [BackstoreSpec] {
        wanted.backstores.filter { request in
            present[request.name].map { !isSame(request.spec, as: $0) } ?? true
        }.map(\.spec)
    }

    private func refuseAmbiguous(_ backstore: Backstore, _ request: BackstoreRequest) throws(OperationError) {
        guard let other = present[backstore.name], other.path != backstore.path else { return }
        throw OperationError(
            "find",
            "backstore \(request.name)",
            cause: "the name stands for \(other.path) and \(backstore.path)"
        )
    }

    /// The LUN of another fabric that exports a backstore.
    private func foreignUser(of backstore: Backstore) -> String? {
        backstore.exportedBy.first { !$0.hasPrefix("\(live.fabric)/") }
    }

    private func isForeign(_ backstore: Backstore) -> Bool { foreignUser(of: backstore) != nil }

    private func isSame(_ spec: BackstoreSpec, as backstore: Backstore) -> Bool {
        guard backstore.isEnabled, let present = backstore.spec else { return false }
        switch (spec, present) {
        case (.file(let path, let size, let mode), .file(let other, let otherSize, let otherMode)):
            return mode == otherMode && (size == nil || size == otherSize) && isSame(path, other)
        case (.block(let path, let readOnly), .block(let other, let otherReadOnly)):
            return readOnly == otherReadOnly && isSame(path, other)
        case (.pscsi(let path), .pscsi(let other)): return isSame(path, other)
        default: return spec == present
        }
    }

    private func isSame(_ path: FilePath, _ other: FilePath) -> Bool {
        path == other || tree.source(at: path) == tree.source(at: other)
    }
}

// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

/// The part of the planner that is about what the configuration does not name, and about the order of it all.
extension ConfigurationPlanner {
    mutating func planUnnamed(_ target: Target) throws(OperationError) {
        for group in target.groups { try planUnnamed(group, of: target.wwpn) }
        guard isPruning else { return }
        loosenings[target.wwpn, default: []] += try tree.removal(of: target)
        report(.delete, target.path)
    }

    mutating func planUnnamed(_ group: TargetPortalGroup, of target: String) throws(OperationError) {
        guard isPruning else {
            var isDisturbed = false
            for lun in group.luns { isDisturbed = try planUnnamed(lun, target, .none) || isDisturbed }
            if isDisturbed { disturbed.append(group) }
            return
        }
        var plan = Plan()
        try tree.planRemoval(of: group, into: &plan)
        loosenings[target, default: []] += plan.operations
        disturbed.append(group)
        report(.delete, group.path)
    }

    /// - Returns: whether the unit loses its backstore, if only for a while.
    mutating func planUnnamed(_ lun: LogicalUnit, _ target: String, _ loss: LUNLoss) throws(OperationError)
        -> Bool
    {
        let isReleased = lun.backstore.map { released.contains($0) } ?? false
        guard isPruning || isReleased || loss != .none else { return false }
        let settings = isPruning ? KeptSetting.ofUnit : loss.settings
        loosenings[target, default: []] += try tree.release(of: lun, settings)
        let comesBack = !isPruning && loss == .directory
        if comesBack { bindings[target, default: []].append(.makeDirectory(FilePath(lun.path))) }
        if let link = lun.link, let backstore = lun.backstore {
            // One that is replaced or only changed comes back.
            let name = FilePath(backstore).lastComponent?.string ?? ""
            let back = isReleased ? paths[name] : backstore
            if !isPruning, let back {
                let kept = try keptGroup(of: lun, on: back)
                bindings[target, default: []] += binding(link, to: back, kept)
            }
            if comesBack {
                bindings[target, default: []] += try tree.copies(KeptSetting.ofUnitAlone, in: lun.path)
            }
        }
        if isPruning {
            loosenings[target, default: []].append(.removeDirectory(FilePath(lun.path)))
            report(.delete, lun.path)
        }
        return lun.link != nil
    }

    mutating func reportPruned() throws(OperationError) {
        let named = Set(wanted.backstores.map(\.name))
        for backstore in leaving where !named.contains(backstore.name) {
            report(.delete, "backstore \(backstore.name)", backstore.spec.map { ["\($0)"] } ?? [])
        }
    }

    /// The steps in the order that the kernel asks for, as units that touch no name in common.
    func assembled() throws(OperationError) -> Plan {
        let (early, late) = try removals()
        let fabric = live.fabric
        let needsFabric = !live.hasFabric && !bindings.isEmpty
        let leavesFabric = live.hasFabric && isPruning && wanted.groups.isEmpty
        return Plan(stages: [
            needsFabric ? [[.makeDirectory(fabric)]] : [],
            disjoint(loosenings),
            leavesFabric ? [[.removeDirectory(fabric)]] : [],
            early,
            makings,
            disjoint(bindings),
            late,
        ])
    }

    /// One unit for each target; targets that share a backstore are one unit, because the link of either changes it.
    private func disjoint(_ units: [String: Plan.Unit]) -> [Plan.Unit] {
        var users: [FilePath: Set<String>] = [:]
        for (target, unit) in units {
            for operation in unit {
                switch operation {
                case .link(_, let backstore), .unlink(_, let backstore):
                    users[backstore, default: []].insert(target)
                default: break
                }
            }
        }
        let sharing = users.values.filter { $0.count > 1 }.reduce(into: Set<String>()) { $0.formUnion($1) }
        let sorted = units.sorted { $0.key < $1.key }
        return [sorted.filter { sharing.contains($0.key) }.flatMap(\.value)]
            + sorted.filter { !sharing.contains($0.key) }.map(\.value)
    }
}

// SPDX-License-Identifier: MIT
public import LinuxSystem
import SystemPackage

/// What a deletion took away.
public struct TargetDeletion: Equatable, Sendable, Encodable {
    public var wwpn: String
    /// The directories of the groups and backstores that are gone, relative to `target`.
    public var removed: [String]
}

/// Which backstores go with a target.
public enum BackstoreDeletion: Sendable {
    case none
    /// Those that were made with it.
    case owned
    /// All that it exports and nothing else does.
    case exported
}

extension TargetTree {
    /// Removes a target, or one portal group of it, with the backstores that were made with it.
    ///
    /// A group that a vhost endpoint holds is left alone altogether; so is everything when something not of this
    /// target is in the way.
    ///
    /// - Parameters:
    ///   - name: the target port.
    ///   - tag: one portal group; by default all of them.
    ///   - backstores: which backstores go as well.
    /// - Throws: an `OperationError` that says what holds the target, or what is gone and what remains.
    public func delete(
        _ name: String,
        tag: TPGTag? = nil,
        backstores: BackstoreDeletion = .owned
    ) throws(OperationError) -> TargetDeletion {
        try changing { () throws(OperationError) in
            let plan = try plan(deleting: name, tag: tag, backstores: backstores)
            for group in try doomed(name, tag).groups { try probeClaim(of: group) }
            try plan.apply(in: self, explain: explain)
            return TargetDeletion(wwpn: name, removed: plan.removedObjects)
        }
    }

    /// The steps of `delete`; changes nothing, and does not find out whether an endpoint holds the target.
    public func plan(
        deleting name: String,
        tag: TPGTag? = nil,
        backstores: BackstoreDeletion = .owned
    ) throws(OperationError) -> Plan {
        let (target, groups, isWhole) = try doomed(name, tag)
        var plan = Plan()
        for group in groups { try planRemoval(of: group, into: &plan) }
        if isWhole {
            plan.append(try removal(of: target))
            let fabric = FilePath(target.path).removingLastComponent()
            if try targets(in: fabric).count == 1 { plan.append(.removeDirectory(fabric)) }
        }
        let doomed: [Backstore] =
            switch backstores {
            case .none: []
            case .owned: try owned(by: target.wwpn, groups)
            case .exported: try exportedOnly(by: groups)
            }
        for backstore in doomed { try planRemoval(of: backstore, into: &plan) }
        return plan
    }

    private func doomed(
        _ name: String,
        _ tag: TPGTag?
    ) throws(OperationError) -> (target: Target, groups: [TargetPortalGroup], isWhole: Bool) {
        let target = try target(named: name)
        guard let tag else { return (target, target.groups, true) }
        let groups = target.groups.filter { $0.path.hasSuffix("/\(tag.directory)") }
        guard !groups.isEmpty else {
            throw OperationError(
                "find",
                "\(target.path)/\(tag.directory)",
                errno: .noSuchFileOrDirectory,
                cause: "the target has no such portal group"
            )
        }
        return (target, groups, groups.count == target.groups.count)
    }

    /// The steps that take a target's own directory away.
    func removal(of target: Target) throws(OperationError) -> Plan.Unit {
        try resets(KeptSetting.ofTarget, in: target.path) + [.removeDirectory(FilePath(target.path))]
    }

    func planRemoval(of group: TargetPortalGroup, into plan: inout Plan) throws(OperationError) {
        for lun in group.luns {
            plan.append(try release(of: lun, KeptSetting.ofUnit))
        }
        plan.append(try removal(of: group))
    }

    /// The steps that take a group away whose LUNs have let go of their backstores.
    func removal(of group: TargetPortalGroup) throws(OperationError) -> Plan.Unit {
        let path = FilePath(group.path)
        var unit: Plan.Unit = []
        // From here on no endpoint can be set: what is still to be removed stays free.
        if let old = group.fullNexus {
            unit.append(.write("NULL", to: path.appending("nexus"), replacing: old))
        }
        unit += try resets(KeptSetting.ofGroup, in: group.path)
        unit += group.luns.map { .removeDirectory(FilePath($0.path)) }
        for list in try accessLists(of: group) {
            let mapped = try entries(list).first { $0.name.hasPrefix("lun_") }
            if let mapped {
                throw OperationError(
                    "delete",
                    list.string,
                    cause: "\(mapped.name) is mapped in it; remove it first"
                )
            }
            unit.append(.removeDirectory(list))
        }
        return unit + [.removeDirectory(path)]
    }

    /// The backstores that nothing but these groups' LUNs exports.
    private func exportedOnly(by groups: [TargetPortalGroup]) throws(OperationError) -> [Backstore] {
        let units = Set(groups.flatMap(\.luns).map(\.path))
        return try backstores().filter { !$0.exportedBy.isEmpty && $0.exportedBy.allSatisfy(units.contains) }
    }

    /// The backstores that were made with these groups' LUNs, which nothing else may export.
    private func owned(by wwpn: String, _ groups: [TargetPortalGroup]) throws(OperationError) -> [Backstore] {
        let units = Set(groups.flatMap(\.luns).map(\.path))
        let names = Set(
            groups.flatMap { group in group.luns.compactMap { Self.ownedPath(of: $0, in: group, wwpn) } }
        )
        guard !names.isEmpty else { return [] }
        let owned = try backstores().filter { names.contains($0.path) }
        for backstore in owned {
            guard let other = backstore.exportedBy.first(where: { !units.contains($0) }) else { continue }
            throw OperationError(
                "delete",
                backstore.path,
                errno: .resourceBusy,
                cause: "\(other) exports it as well",
                hint: "delete that first, or use --keep-backstores"
            )
        }
        return owned
    }

    /// The path of the LUN's backstore when its name says that it was made for this very LUN.
    private static func ownedPath(of lun: LogicalUnit, in group: TargetPortalGroup, _ wwpn: String) -> String?
    {
        guard let tag = group.tag.map(TPGTag.init), let number = lun.number else { return nil }
        guard let backstore = lun.backstore else { return nil }
        return backstore.hasSuffix("/" + Backstore.ownedName(wwpn, tag, number)) ? backstore : nil
    }
}

extension Plan {
    /// The groups and backstores that the plan takes away.
    var removedObjects: [String] {
        operations.compactMap { operation in
            switch operation {
            case .removeBackstore(let path, _): path.string
            case .removeDirectory(let path) where path.lastComponent?.string.hasPrefix("tpgt_") == true:
                path.string
            default: nil
            }
        }
    }
}

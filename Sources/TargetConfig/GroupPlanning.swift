// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

/// The part of the planner that is about targets, portal groups and LUNs.
extension ConfigurationPlanner {
    mutating func planGroups() throws(OperationError) {
        let targets = Dictionary(live.vhost.map { ($0.wwpn, $0) }) { first, _ in first }
        let requests = Dictionary(grouping: wanted.groups) { $0.wwpn.name }
        for name in wanted.groups.map(\.wwpn.name).uniqued() {
            try plan(name, requests[name] ?? [], targets[name])
        }
        for target in live.vhost where requests[target.wwpn] == nil { try planUnnamed(target) }
    }

    private mutating func plan(_ name: String, _ requests: [GroupRequest], _ target: Target?)
        throws(OperationError)
    {
        let port = live.fabric.string + "/" + name
        if target == nil { bindings[name, default: []].append(.makeDirectory(FilePath(port))) }
        report(target == nil ? .create : .keep, port)
        for request in requests.sorted(by: { $0.tag < $1.tag }) {
            let alike = target?.groups.first { $0.tag == request.tag.rawValue }
            if let alike, !alike.path.hasSuffix("/" + request.tag.directory) {
                throw OperationError(
                    "create",
                    "\(port)/\(request.tag.directory)",
                    errno: .fileExists,
                    cause: "\(alike.path) is there already, and is the same tag to the kernel"
                )
            }
            try plan(request, alike)
        }
        for group in target?.groups ?? [] where !requests.contains(where: { $0.tag.rawValue == group.tag }) {
            try planUnnamed(group, of: name)
        }
    }

    private mutating func plan(_ request: GroupRequest, _ group: TargetPortalGroup?) throws(OperationError) {
        let path = live.fabric.string + "/" + request.path
        let file = FilePath(path).appending("attrib").appending("fabric_prot_type")
        let old = try group == nil ? nil : tree.attribute(file)
        if let group, let old, let protection = request.protection, old != "\(protection)" {
            let detail = "fabric_prot_type \(old) -> \(protection)"
            return try replace(group, request, path, detail)
        }
        var unit: Plan.Unit = []
        var details: [String] = []
        if group == nil {
            unit.append(.makeDirectory(FilePath(path)))
            if let protection = request.protection {
                unit.append(.write("\(protection)", to: file, replacing: nil))
            }
        }
        let changesNexus = plan(nexusOf: request, group, path, &unit, &details)
        if !unit.isEmpty { bindings[request.wwpn.name, default: []] += unit }
        report(group == nil ? .create : details.isEmpty ? .keep : .change, path, details)
        try planLUNs(request, group, path, changesNexus ? .link : .none)
    }

    /// Makes a group anew, with all that stays in it.
    ///
    /// A session takes its protection type from the group when the nexus is written, and the kernel remembers one that is
    /// not 0 for the initiator as long as the group is there, whatever the attribute says.
    private mutating func replace(
        _ group: TargetPortalGroup,
        _ request: GroupRequest,
        _ path: String,
        _ detail: String
    ) throws(OperationError) {
        let (target, directory) = (request.wwpn.name, FilePath(path))
        let old = group.fullNexus
        let nexus = request.nexus?.name ?? old ?? WWPN(nexusOf: request.wwpn, tag: request.tag).name
        let protection = Operation.write(
            "\(request.protection ?? 0)",
            to: directory.appending("attrib").appending("fabric_prot_type"),
            replacing: nil
        )
        bindings[target, default: []] += [.makeDirectory(directory)]
        bindings[target, default: []] += try tree.accessLists(of: group).map { .makeDirectory($0) }
        bindings[target, default: []] += [
            protection, .write(nexus, to: directory.appending("nexus"), replacing: nil),
        ]
        report(.replace, path, [detail] + (nexus == old ? [] : ["nexus \(old ?? "none") -> \(nexus)"]))
        try planLUNs(request, group, path, .directory)
        var rest = group
        let named = Set(request.luns.map(\.number.rawValue))
        // The others are gone by then.
        if isPruning { rest.luns.removeAll { $0.number.map { !named.contains($0) } ?? true } }
        loosenings[target, default: []] += try tree.removal(of: rest)
    }

    /// - Returns: whether another nexus has to go first, for which every LUN has to be without its backstore.
    private func plan(
        nexusOf request: GroupRequest,
        _ group: TargetPortalGroup?,
        _ path: String,
        _ unit: inout Plan.Unit,
        _ details: inout [String]
    ) -> Bool {
        let old = group?.fullNexus
        // One that the configuration does not name may stay whatever it is.
        if let old, request.nexus.map({ $0.name == old }) ?? true { return false }
        let nexus = request.nexus ?? WWPN(nexusOf: request.wwpn, tag: request.tag)
        let file = FilePath(path).appending("nexus")
        if let old { unit.append(.write("NULL", to: file, replacing: old)) }
        unit.append(.write(nexus.name, to: file, replacing: group == nil ? nil : "NULL"))
        if group != nil { details.append("nexus \(old ?? "none") -> \(nexus)") }
        return old != nil
    }

    private mutating func planLUNs(
        _ request: GroupRequest,
        _ group: TargetPortalGroup?,
        _ path: String,
        _ loss: LUNLoss
    ) throws(OperationError) {
        var isDisturbed = loss != .none
        try refuseAliases(in: group, path)
        let units = group?.luns ?? []
        let present = Dictionary(units.map { ($0.number, $0) }) { first, _ in first }
        for lun in request.luns {
            let directory = path + "/lun/" + lun.number.directory
            let losesLink = try plan(
                lun,
                directory,
                present[lun.number.rawValue],
                request.wwpn.name,
                loss
            )
            isDisturbed = isDisturbed || losesLink
        }
        let named = Set(request.luns.map(\.number.rawValue))
        for old in units where old.number.map({ !named.contains($0) }) ?? true {
            isDisturbed = try planUnnamed(old, request.wwpn.name, loss) || isDisturbed
        }
        if isDisturbed, let group { disturbed.append(group) }
    }

    /// `lun_00` and `lun_0x10` are directories of their own and yet LUNs 0 and 16.
    private func refuseAliases(in group: TargetPortalGroup?, _ path: String) throws(OperationError) {
        for lun in group?.luns ?? [] {
            guard let number = lun.number, !lun.path.hasSuffix("/lun_\(number)") else { continue }
            throw OperationError(
                "change",
                path,
                errno: .fileExists,
                cause: "\(lun.path) is one more spelling of LUN \(number)",
                hint: "remove it with: rmdir \(tree.base)/\(lun.path)"
            )
        }
    }

    /// - Returns: whether the unit loses its backstore, if only for a while.
    private mutating func plan(
        _ lun: LUNRequest,
        _ directory: String,
        _ old: LogicalUnit?,
        _ target: String,
        _ loss: LUNLoss
    ) throws(OperationError) -> Bool {
        let known = paths[lun.backstore]
        let path = if let known { known } else { try placement.find(lun.backstore).string }
        let isRight = old?.backstore == path
        let mustRelease = old?.backstore.map { released.contains($0) || loss != .none || !isRight } ?? false
        if let old, mustRelease {
            loosenings[target, default: []] += try tree.release(of: old, loss.settings)
        }
        if old == nil || loss == .directory {
            bindings[target, default: []].append(.makeDirectory(FilePath(directory)))
        }
        let isBound = !isRight || mustRelease
        if isBound {
            // The same link as before, whatever its name was.
            let place = old?.link ?? directory + "/" + (lun.alias ?? "backstore")
            let kept = try keptGroup(of: old, on: path)
            bindings[target, default: []] += binding(place, to: path, lun.aluaGroup ?? kept)
            if loss == .directory {
                bindings[target, default: []] += try tree.copies(KeptSetting.ofUnitAlone, in: directory)
            }
        }
        var details: [String] = []
        if old != nil, !isRight { details.append("\(old?.backstore ?? "nothing") -> \(path)") }
        if old != nil, let group = lun.aluaGroup {
            let before = try tree.aluaGroup(of: directory)
            if before != group { details.append("alua_group \(before ?? "none") -> \(group)") }
            if before != group, !isBound {
                let file = FilePath(directory).appending(KeptSetting.aluaGroup.file)
                bindings[target, default: []].append(.write(group, to: file, replacing: before))
            }
        }
        report(
            old == nil ? .create : details.isEmpty ? .keep : .change,
            directory,
            old == nil ? ["-> \(path)"] : details
        )
        return mustRelease
    }

    /// The ALUA group that a unit is in and goes back to when it gets `path` as its backstore again; nil where it does not.
    func keptGroup(of lun: LogicalUnit?, on path: String) throws(OperationError) -> String? {
        guard let lun, let present = lun.backstore, let group = try tree.aluaGroup(of: lun.path) else {
            return nil
        }
        if present == path { return group }
        // One that is replaced has those groups that the configuration gives it.
        guard let old = leaving.first(where: { $0.path == present }), paths[old.name] == path else {
            return nil
        }
        let request = wanted.backstores.first { $0.name == old.name }
        return request?.aluaGroups[group] == nil ? nil : group
    }

    /// The steps that give a unit its backstore, with which the kernel puts it into that one's own ALUA group.
    func binding(_ link: String, to path: String, _ group: String?) -> Plan.Unit {
        let step = Operation.link(FilePath(link), to: FilePath(path))
        guard let group, group != KeptSetting.aluaGroup.initial else { return [step] }
        let file = FilePath(link).removingLastComponent().appending(KeptSetting.aluaGroup.file)
        return [step, .write(group, to: file, replacing: nil)]
    }
}

/// What the LUNs of a group lose for a while, because something of the group's own changes.
enum LUNLoss {
    case none
    /// Their links: the nexus goes.
    case link
    /// Their directories too: the group goes.
    case directory

    /// The settings that go with that.
    var settings: [KeptSetting] { self == .directory ? KeptSetting.ofUnit : [KeptSetting.aluaGroup] }
}

extension TargetPortalGroup {
    /// The nexus as it was written: the kernel drops the prefix of a name for Fibre Channel.
    var fullNexus: String? {
        // `vhost/fc.2100000000000001/tpgt_1`
        let isFibre = path.utf8.drop { $0 != UInt8(ascii: "/") }.starts(with: "/fc.".utf8)
        return nexus.map { isFibre && !$0.hasPrefix("fc.") ? "fc." + $0 : $0 }
    }
}

extension Sequence where Element: Hashable {
    /// The elements without those that came before.
    func uniqued() -> [Element] {
        var seen: Set<Element> = []
        return filter { seen.insert($0).inserted }
    }
}

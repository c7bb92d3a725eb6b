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
        var unit: Plan.Unit = []
        var details: [String] = []
        if group == nil { unit.append(.makeDirectory(FilePath(path))) }
        if let protection = request.protection {
            let file = FilePath(path).appending("attrib").appending("fabric_prot_type")
            let old = try group == nil ? nil : tree.attribute(file)
            if old != "\(protection)" {
                unit.append(.write("\(protection)", to: file, replacing: old))
                if let old { details.append("fabric_prot_type \(old) -> \(protection)") }
            }
        }
        let changesNexus = plan(nexusOf: request, group, path, &unit, &details)
        if !unit.isEmpty { bindings[request.wwpn.name, default: []] += unit }
        report(group == nil ? .create : details.isEmpty ? .keep : .change, path, details)
        try planLUNs(request, group, path, releasingAll: changesNexus)
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
        releasingAll: Bool
    ) throws(OperationError) {
        var isDisturbed = releasingAll
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
                releasingAll
            )
            isDisturbed = isDisturbed || losesLink
        }
        let named = Set(request.luns.map(\.number.rawValue))
        for old in units where old.number.map({ !named.contains($0) }) ?? true {
            isDisturbed = try planUnnamed(old, request.wwpn.name, releasingAll) || isDisturbed
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
        _ releasingAll: Bool
    ) throws(OperationError) -> Bool {
        let known = paths[lun.backstore]
        let path = if let known { known } else { try placement.find(lun.backstore).string }
        let isRight = old?.backstore == path
        let mustRelease = old?.backstore.map { released.contains($0) || releasingAll || !isRight } ?? false
        if let oldLink = old?.link, let backstore = old?.backstore, mustRelease {
            loosenings[target, default: []].append(.unlink(FilePath(oldLink), from: FilePath(backstore)))
        }
        if old == nil { bindings[target, default: []].append(.makeDirectory(FilePath(directory))) }
        if !isRight || mustRelease {
            // The same link as before, whatever its name was.
            let place = old?.link ?? directory + "/" + (lun.alias ?? "backstore")
            bindings[target, default: []].append(.link(FilePath(place), to: FilePath(path)))
        }
        var details: [String] = []
        if old != nil, !isRight { details.append("\(old?.backstore ?? "nothing") -> \(path)") }
        try plan(aluaGroupOf: lun, FilePath(directory), old, target, &details)
        report(
            old == nil ? .create : details.isEmpty ? .keep : .change,
            directory,
            old == nil ? ["-> \(path)"] : details
        )
        return mustRelease
    }

    private mutating func plan(
        aluaGroupOf lun: LUNRequest,
        _ directory: FilePath,
        _ old: LogicalUnit?,
        _ target: String,
        _ details: inout [String]
    ) throws(OperationError) {
        guard let group = lun.aluaGroup else { return }
        let file = directory.appending("alua_tg_pt_gp")
        let before = old == nil ? nil : try tree.aluaGroup(of: directory)
        guard before != group, old != nil || group != "default_tg_pt_gp" else { return }
        bindings[target, default: []].append(.write(group, to: file, replacing: before))
        if old != nil { details.append("alua_group \(before ?? "none") -> \(group)") }
    }
}

extension TargetTree {
    /// The ALUA target port group of a LUN, from its `alua_tg_pt_gp` file; nil where it has none.
    func aluaGroup(of lun: FilePath) throws(OperationError) -> String? {
        let prefix = "TG Port Alias: "
        guard let text = try attribute(lun.appending("alua_tg_pt_gp")), text.hasPrefix(prefix) else {
            return nil
        }
        return String(text.dropFirst(prefix.count))
    }
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

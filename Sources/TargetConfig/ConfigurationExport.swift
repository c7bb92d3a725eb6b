// SPDX-License-Identifier: MIT
public import LinuxSystem
import SystemPackage

/// The running configuration as a file can hold it, and what it cannot hold.
public struct ConfigurationExport: Sendable {
    public internal(set) var configuration: Configuration
    /// The objects that were left out, each with the reason.
    public internal(set) var notes: [String]
}

extension TargetTree {
    /// The running configuration of backstores and vhost targets: applying it to an empty kernel makes it again.
    ///
    /// - Throws: an `OperationError` when configfs is absent or cannot be read, or a change was left half way.
    public func exported() throws(OperationError) -> ConfigurationExport {
        // Half of a change is no configuration. Who may change nothing cannot keep others from it either.
        guard denial == nil else { return try exportedAsItIs() }
        return try changing { () throws(OperationError) in try exportedAsItIs() }
    }

    private func exportedAsItIs() throws(OperationError) -> ConfigurationExport {
        let live = try LiveState(of: self)
        var notes: [String] = []
        var requests: [BackstoreRequest] = []
        for backstore in live.backstores {
            guard backstore.isEnabled, let spec = backstore.spec,
                Backstore.fault(inName: backstore.name) == nil
            else {
                notes.append("\(backstore.path): it is not enabled, or its name or kind is not known")
                continue
            }
            guard requests.last?.name != backstore.name else {
                notes.append("\(backstore.path): another backstore has the same name")
                continue
            }
            requests.append(try request(for: backstore, spec))
        }
        let names = Dictionary(live.backstores.map { ($0.path, $0.name) }) { first, _ in first }
        var groups: [GroupRequest] = []
        for target in live.vhost {
            for group in target.groups {
                if let request = try request(for: group, of: target, names, &notes) { groups.append(request) }
            }
            if target.groups.isEmpty { notes.append("\(target.path): it has no portal group") }
        }
        return ConfigurationExport(
            configuration: try Configuration(backstores: requests, groups: groups),
            notes: notes
        )
    }

    private func request(for backstore: Backstore, _ spec: BackstoreSpec) throws(OperationError)
        -> BackstoreRequest
    {
        let serial = spec.takesSerial ? try serial(of: backstore) : ""
        let isOwn = serial.isEmpty || serial == Self.serial(of: backstore.name)
        var request = BackstoreRequest(name: backstore.name, spec: spec, serial: isOwn ? nil : serial)
        let defaults = BackstoreAttribute.defaults(for: spec)
        for (name, value) in try attributes(of: backstore) where defaults[name, default: "0"] != value {
            request.attributes[name] = value
        }
        let names = spec.takesSerial ? try inquiryNames(of: backstore) : [:]
        for name in InquiryName.all {
            // One that is empty cannot be asked for.
            guard let value = names[name.file], !value.isEmpty, value != name.initial(for: spec) else {
                continue
            }
            request.inquiryNames[name.file] = value
        }
        request.aluaGroups = try aluaGroups(of: backstore).filter { $0.value > 0 }
        return request
    }

    private func request(
        for group: TargetPortalGroup,
        of target: Target,
        _ names: [String: String],
        _ notes: inout [String]
    ) throws(OperationError) -> GroupRequest? {
        guard let wwpn = canonical(target.wwpn), let tag = group.tag, group.path.hasSuffix("/tpgt_\(tag)")
        else {
            notes.append("\(group.path): its name is not in the form that the file has")
            return nil
        }
        var request = GroupRequest(wwpn: wwpn, tag: TPGTag(tag))
        let derived = WWPN(nexusOf: wwpn, tag: TPGTag(tag)).name
        if let nexus = group.fullNexus, nexus != derived {
            request.nexus = canonical(nexus)
            if request.nexus == nil {
                notes.append("\(group.path): its nexus \(nexus) is not in the form that the file has")
            }
        }
        let protection = try attribute(FilePath(group.path).appending("attrib").appending("fabric_prot_type"))
        request.protection = protection.flatMap { UInt8($0) }.flatMap { $0 == 0 ? nil : $0 }
        for lun in group.luns {
            guard let number = lun.number, lun.path.hasSuffix("/lun_\(number)"),
                let name = lun.backstore.flatMap({ names[$0] })
            else {
                notes.append(
                    "\(lun.path): it has no backstore, or its name is not in the form that the file has"
                )
                continue
            }
            var unit = LUNRequest(number: LUNNumber(number), backstore: name)
            unit.alias = lun.link.flatMap { FilePath($0).lastComponent?.string }
            let alua = try aluaGroup(of: lun.path)
            if alua != "default_tg_pt_gp" { unit.aluaGroup = alua }
            request.luns.append(unit)
        }
        return request
    }

    /// The name where it is in its canonical form.
    private func canonical(_ name: String) -> WWPN? {
        do throws(OperationError) {
            let wwpn = try WWPN(name)
            return wwpn.name == name ? wwpn : nil
        } catch {
            return nil
        }
    }
}

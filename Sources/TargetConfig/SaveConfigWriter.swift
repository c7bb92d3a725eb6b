// SPDX-License-Identifier: MIT
public import LinuxSystem
import SystemPackage

extension TargetTree {
    /// A configuration of the running kernel in the format of targetcli's saveconfig.json.
    ///
    /// - Parameters:
    ///   - configuration: what `exported` gave.
    ///   - existing: what the file holds; other fabrics' targets, their storage objects and what is not known are taken over.
    /// - Throws: an `OperationError` when `existing` is none, or configfs cannot be read.
    public func saveConfig(
        _ configuration: Configuration,
        over existing: Document? = nil
    ) throws(OperationError) -> Document {
        let live = Dictionary(try backstores().map { ($0.name, $0) }) { first, _ in first }
        var objects: [Document] = []
        for request in configuration.backstores {
            guard let backstore = live[request.name] else { continue }
            objects.append(try storageObject(request, backstore))
        }
        let plugins = configuration.backstores.map { ($0.name, SaveConfig.plugin(of: $0.spec)) }
        let targets = Dictionary(grouping: configuration.groups) { $0.wwpn.name }.sorted { $0.key < $1.key }
            .map {
                name,
                groups in
                SaveConfig.target(name, groups, Dictionary(plugins) { first, _ in first })
            }
        let nexuses = configuration.groups.compactMap { group in
            group.nexus.map { (group.path, Document.text($0.name)) }
        }
        let names = configuration.backstores.compactMap { request in
            request.inquiryPairs.isEmpty
                ? nil : (request.name, Document.map(request.inquiryPairs.map { ($0.key, .text($0.value)) }))
        }
        let own = [("nexuses", nexuses), ("inquiry", names)].filter { !$0.1.isEmpty }
        return try SaveConfig.merge(
            objects: objects,
            targets: targets,
            own: own.map { ($0.0, .map($0.1)) },
            over: existing
        )
    }

    private func storageObject(_ request: BackstoreRequest, _ backstore: Backstore) throws(OperationError)
        -> Document
    {
        let attributes = try settableAgain(request, backstore).map { ($0.name, Document.plain($0.value)) }
        let number = { (value: Int64?) in Document.plain(value ?? 0) }
        var pairs: [(key: String, value: Document)] = [
            ("name", .text(request.name)), ("plugin", .text(SaveConfig.plugin(of: request.spec))),
            ("attributes", .map(attributes)),
            ("alua_tpgs", .list(try aluaDocuments(of: backstore))),
        ]
        switch request.spec {
        case .pscsi(let path): return .map(pairs + [("dev", .text(path.string))])
        case .ramdisk(_, let nullio):
            pairs.append(("size", number(backstore.size)))
            if nullio { pairs.append(("nullio", .plain(true))) }
        case .file(let path, _, let mode):
            pairs += [
                ("dev", .text(path.string)), ("size", number(backstore.size)),
                ("write_back", .plain(mode == .buffered)), ("aio", .plain(mode == .direct)),
            ]
        case .block(let path, let readOnly):
            let writeBack = request.attributes["emulate_write_cache"] == "1"
            pairs += [
                ("dev", .text(path.string)), ("readonly", .plain(readOnly)),
                ("write_back", .plain(writeBack)),
            ]
        case .user(let configuration, _):
            pairs += [
                ("config", .text(configuration)), ("size", number(backstore.size)),
                ("hw_max_sectors", .plain("null")),
                ("control", .plain("null")),
            ]
        }
        let serial = try serial(of: backstore)
        return .map(pairs + (serial.isEmpty ? [] : [("wwn", .text(serial))]))
    }

    /// The attributes of a backstore that targetcli, which sets the block size first, can set on a new one.
    private func settableAgain(_ request: BackstoreRequest, _ backstore: Backstore) throws(OperationError)
        -> [(name: String, value: String)]
    {
        let defaults = BackstoreAttribute.defaults(for: request.spec)
        let limit = try attribute(FilePath(backstore.path).appending("attrib").appending("hw_max_sectors"))
        let sectors = limit.flatMap { Decimal.value(of: $0) } ?? .max
        return try attributes(of: backstore).filter { name, value in
            // What every new one has needs no setting.
            name != "optimal_sectors" || value != defaults[name] || Decimal.value(of: value) ?? 0 <= sectors
        }
    }

    private func aluaDocuments(of backstore: Backstore) throws(OperationError) -> [Document] {
        let directory = FilePath(backstore.path).appending("alua")
        var groups: [Document] = []
        for entry in try entries(directory) where entry.kind == .directory {
            let group = directory.appending(entry.name)
            var pairs: [(key: String, value: Document)] = [("name", .text(entry.name))]
            for name in SaveConfig.aluaAttributes {
                guard let value = try attribute(group.appending(name)) else { continue }
                let number = SaveConfig.aluaTypes.firstIndex(of: value).map { "\($0)" } ?? value
                pairs.append((name, .plain(number)))
            }
            groups.append(.map(pairs))
        }
        return groups
    }
}

extension SaveConfig {
    /// What rtslib saves of an ALUA target port group, as numbers.
    static let aluaAttributes = [
        "alua_access_state", "alua_access_status", "alua_access_type", "alua_support_active_nonoptimized",
        "alua_support_active_optimized", "alua_support_offline", "alua_support_standby",
        "alua_support_transitioning", "alua_support_unavailable", "alua_write_metadata",
        "implicit_trans_secs",
        "nonop_delay_msecs", "preferred", "tg_pt_gp_id", "trans_delay_msecs",
    ]

    /// The words that the kernel has for the numbers of `alua_access_type`; those of `alua_access_status` begin alike.
    static let aluaTypes = ["None", "Implicit", "Explicit", "Implicit and Explicit"]

    static func plugin(of spec: BackstoreSpec) -> String {
        switch spec {
        case .ramdisk: "ramdisk"
        case .file: "fileio"
        case .block: "block"
        case .pscsi: "pscsi"
        case .user: "user"
        }
    }

    static func target(_ name: String, _ groups: [GroupRequest], _ plugins: [String: String]) -> Document {
        let tpgs = groups.sorted { $0.tag < $1.tag }.map { group in
            Document.map([
                ("tag", .plain(group.tag)), ("enable", .plain(true)),
                ("attributes", .map([("fabric_prot_type", .plain(group.protection ?? 0))])),
                ("parameters", .map([])), ("portals", .list([])), ("node_acls", .list([])),
                ("luns", .list(group.luns.map { lun($0, plugins) })),
            ])
        }
        return .map([
            ("fabric", .text("vhost")), ("wwn", .text(name)), ("parameters", .map([])), ("tpgs", .list(tpgs)),
        ])
    }

    private static func lun(_ lun: LUNRequest, _ plugins: [String: String]) -> Document {
        .map([
            ("index", .plain(lun.number)), ("alias", .text(lun.alias ?? "backstore")),
            ("storage_object", .text("/backstores/\(plugins[lun.backstore] ?? "")/\(lun.backstore)")),
            ("alua_tg_pt_gp_name", .text(lun.aluaGroup ?? "default_tg_pt_gp")),
        ])
    }

    static func merge(
        objects: [Document],
        targets: [Document],
        own: [(key: String, value: Document)],
        over existing: Document?
    ) throws(OperationError) -> Document {
        var foreign: [Document] = []
        for target in try existing?["targets"]?.items("targets") ?? [] where try !isVhost(target) {
            foreign.append(target)
        }
        let names = Set(objects.compactMap(identity))
        let used = Set(foreign.flatMap { storageObjects(in: $0) })
        var kept: [Document] = []
        for object in try existing?["storage_objects"]?.items("storage_objects") ?? [] {
            guard let name = identity(of: object), used.contains(name), !names.contains(name) else {
                continue
            }
            kept.append(object)
        }
        let ours = ["storage_objects", "targets", "fabric_modules", ownKey]
        let others = try existing?.pairs("a saveconfig").filter { !ours.contains($0.key) } ?? []
        return .map(
            [
                ("fabric_modules", existing?["fabric_modules"] ?? .list([])),
                ("storage_objects", .list(objects + kept)), ("targets", .list(foreign + targets)),
            ] + (own.isEmpty ? [] : [(ownKey, .map(own))]) + others
        )
    }

    /// `/backstores/<plugin>/<name>`, by which a LUN names a storage object.
    private static func identity(of object: Document) -> String? {
        guard case .scalar(let plugin, _) = object["plugin"]?.value,
            case .scalar(let name, _) = object["name"]?.value
        else { return nil }
        return "/backstores/\(plugin)/\(name)"
    }

    private static func storageObjects(in target: Document) -> [String] {
        guard case .list(let groups) = target["tpgs"]?.value else { return [] }
        return groups.flatMap { group -> [String] in
            guard case .list(let luns) = group["luns"]?.value else { return [] }
            return luns.compactMap { lun in
                guard case .scalar(let path, _) = lun["storage_object"]?.value else { return nil }
                return path
            }
        }
    }
}

// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

/// targetcli's saveconfig.json: what it says of backstores and of the vhost fabric.
///
/// Nexuses and the names for INQUIRY are no part of the format. They are kept under a key of its own, which rtslib passes
/// over.
struct SaveConfig {
    static let ownKey = "ringside"

    private let document: Document

    init(_ document: Document) { self.document = document }

    /// - Throws: an `OperationError` with the line that is wrong.
    var configuration: Configuration {
        get throws(OperationError) {
            let objects = try document["storage_objects"]?.items("storage_objects") ?? []
            var backstores: [BackstoreRequest] = []
            for object in objects { backstores.append(try backstore(object)) }
            var groups: [GroupRequest] = []
            for target in try document["targets"]?.items("targets") ?? [] where try Self.isVhost(target) {
                let name = try target["wwn"]?.scalar("wwn") ?? ""
                let wwpn = try target.naming { () throws(OperationError) in try WWPN(name) }
                for group in try target["tpgs"]?.items("tpgs") ?? [] {
                    groups.append(try self.group(group, wwpn))
                }
            }
            return try Configuration(backstores: backstores, groups: groups)
        }
    }

    static func isVhost(_ target: Document) throws(OperationError) -> Bool {
        try target["fabric"]?.scalar("fabric") == "vhost"
    }

    private func backstore(_ object: Document) throws(OperationError) -> BackstoreRequest {
        let name = try object["name"]?.scalar("name") ?? ""
        if let fault = Backstore.fault(inName: name) { throw object.failure(fault) }
        var request = BackstoreRequest(name: name, spec: try spec(object, name), line: object.line)
        // A backstore that never got a serial number is saved with an empty one.
        try request.read(serial: object["wwn"].flatMap { $0.isNull || $0 == .text("") ? nil : $0 })
        if let names = document[Self.ownKey]?["inquiry"]?[name] { try request.read(inquiryNamesIn: names) }
        for (attribute, value) in try object["attributes"]?.pairs("attributes") ?? [] {
            // rtslib saves every attribute; those that nobody can set say nothing.
            let text = try value.scalar(attribute)
            guard BackstoreAttribute.settable.contains(attribute) else { continue }
            try request.set(attribute, to: text, value)
        }
        for group in try object["alua_tpgs"]?.items("alua_tpgs") ?? [] {
            let alias = try group["name"]?.scalar("name") ?? ""
            guard alias != "default_tg_pt_gp" else { continue }
            let number = try group["tg_pt_gp_id"]?.scalar("tg_pt_gp_id") ?? ""
            request.aluaGroups[alias] = UInt16(number)
        }
        return request
    }

    private func spec(_ object: Document, _ name: String) throws(OperationError) -> BackstoreSpec {
        func text(_ key: String) throws(OperationError) -> String { try object[key]?.scalar(key) ?? "" }
        func flag(_ key: String) throws(OperationError) -> Bool { try text(key) == "true" }
        let plugin = try text("plugin")
        let words: String
        switch plugin {
        case "ramdisk": words = "ramdisk:\(try text("size"))" + (try flag("nullio") ? ",nullio" : "")
        case "fileio":
            let mode = try flag("write_back") ? ",buffered" : try flag("aio") ? ",direct" : ""
            words = "file:\(try text("dev")),size=\(try text("size"))\(mode)"
        case "block": words = "block:\(try text("dev"))" + (try flag("readonly") ? ",readonly" : "")
        case "pscsi": words = "pscsi:\(try text("dev"))"
        case "user": words = "user:\(try text("config")),size=\(try text("size"))"
        default: throw object.failure("'\(plugin)' is no plugin of a storage object")
        }
        return try object.naming { () throws(OperationError) in try BackstoreSpec(words) }
    }

    private func group(_ group: Document, _ wwpn: WWPN) throws(OperationError) -> GroupRequest {
        let tag = try group["tag"]?.scalar("tag") ?? ""
        let number = try group.naming { () throws(OperationError) in try TPGTag(tag) }
        var request = GroupRequest(wwpn: wwpn, tag: number, line: group.line)
        if let protection = group["attributes"]?["fabric_prot_type"] {
            try request.read(protection: protection)
        }
        if let nexus = document[Self.ownKey]?["nexuses"]?[request.path] {
            let name = try nexus.scalar("a nexus")
            request.nexus = try nexus.naming { () throws(OperationError) in try WWPN(name) }
        }
        for lun in try group["luns"]?.items("luns") ?? [] { request.luns.append(try self.lun(lun)) }
        request.luns.sort { $0.number < $1.number }
        return request
    }

    private func lun(_ lun: Document) throws(OperationError) -> LUNRequest {
        let index = try lun["index"]?.scalar("index") ?? ""
        let number = try lun.naming { () throws(OperationError) in try LUNNumber(index) }
        // `/backstores/<plugin>/<name>`
        let path = try lun["storage_object"]?.scalar("storage_object").split(separator: "/") ?? []
        guard path.count == 3 else { throw lun.failure("storage_object is not /backstores/PLUGIN/NAME") }
        var request = LUNRequest(number: number, backstore: String(path[2]), line: lun.line)
        request.alias = try lun["alias"]?.scalar("alias")
        if let alias = request.alias, let fault = Backstore.fault(inName: alias) { throw lun.failure(fault) }
        let group = try lun["alua_tg_pt_gp_name"]?.scalar("alua_tg_pt_gp_name")
        if let group, group != "default_tg_pt_gp", !group.isEmpty { request.aluaGroup = group }
        return request
    }
}

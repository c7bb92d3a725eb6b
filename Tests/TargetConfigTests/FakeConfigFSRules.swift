// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

@testable import TargetConfig

/// What the kernel makes of each operation, as seen on Linux 6.1.
extension FakeConfigFS.State {
    typealias Node = FakeConfigFS.Node

    private func names(_ path: FilePath) -> [String] {
        guard path.starts(with: FakeConfigFS.base) else { return [] }
        return path.components.dropFirst(FakeConfigFS.base.components.count).map(\.string)
    }

    mutating func makeDirectory(_ path: FilePath) throws(Errno) {
        guard self[path.removingLastComponent()] != nil else { throw .noSuchFileOrDirectory }
        if self[path] != nil { throw .fileExists }
        try addDefaults(path, names(path))
        self[path] = Node(kind: .directory)
    }

    /// The default groups and attributes that come with a directory; refuses the names that the kernel refuses.
    private mutating func addDefaults(_ path: FilePath, _ names: [String]) throws(Errno) {
        let fabrics = [fabric: "vhost_scsi"]
        switch names.count {
        case 1:
            guard let module = fabrics[names[0]], modules.contains(module) else { throw .invalidArgument }
            add(path, directories: ["discovery_auth"], files: ["version": "TCM_VHOST"])
        case 5 where names[0] == "core" && names[3] == "alua": addALUAGroup(path, number: "")
        case 2 where names[0] == "core":
            try checkPlugin(names[1])
            add(path, files: ["hba_info": "HBA Index: 1", "hba_mode": "0\n"])
        case 2:
            guard ["naa.", "fc.", "iqn."].contains(where: { names[1].contains($0) }) else {
                throw .invalidArgument
            }
            add(path, directories: ["fabric_statistics", "param"])
            add(path.appending("param"), files: ["cmd_completion_affinity": "-1\n"])
        case 3 where names[0] == "core" && names[1] != "alua": addBackstore(path, plugin: names[1])
        case 3 where names[0] != "core": try addGroup(path, names[2])
        case 5 where names[3] == "lun":
            guard names[4].hasPrefix("lun_"), Decimal.value(of: String(names[4].dropFirst(4))) != nil else {
                throw .invalidArgument
            }
            add(path, directories: ["statistics"], files: Self.unitDefaults.mapValues { _ in nil })
        case 5 where names[3] == "acls": add(path, directories: ["attrib", "auth"])
        case 5 where names[3] == "np": throw .noFunction
        default: throw .notPermitted
        }
    }

    /// What a LUN has while it has its link.
    private static let unitDefaults = [
        "alua_tg_pt_gp": "TG Port Alias: default_tg_pt_gp\n", "alua_tg_pt_offline": "0\n",
        "alua_tg_pt_status": "0\n", "alua_tg_pt_write_md": "0\n",
    ]

    private func checkPlugin(_ name: String) throws(Errno) {
        let plugins = ["rd_mcp": "vhost_scsi", "fileio": "target_core_file", "iblock": "target_core_iblock"]
        let cut = name.lastIndex(of: "_") ?? name.endIndex
        guard let module = plugins[String(name[..<cut])], modules.contains(module) else {
            throw .invalidArgument
        }
        guard Decimal.value(of: String(name[cut...].dropFirst())) != nil else { throw .invalidArgument }
    }

    private mutating func addBackstore(_ path: FilePath, plugin: String) {
        let directories = ["action", "alua", "attrib", "pr", "statistics", "wwn"]
        add(path, directories: directories, files: ["enable": "0\n", "udev_path": "", "alias": ""])
        let isFile = plugin.hasPrefix("fileio")
        let spec: BackstoreSpec =
            isFile
            ? .file("/f", size: nil, mode: .synchronous)
            : .ramdisk(size: ByteSize(bytes: 4096), nullio: false)
        var attributes = BackstoreAttribute.defaults(for: spec)
        attributes["hw_max_sectors"] = attributes["optimal_sectors"]
        let own = BackstoreAttribute.settable.filter { $0 != "cmd_time_out" && $0 != "tmr_notification" }
        for name in own + ["hw_max_sectors"] {
            let value = attributes[name, default: "0"] + "\n"
            self[path.appending("attrib").appending(name)] = Node(kind: .file, isDefault: true, value: value)
        }
        addALUAGroup(path.appending("alua").appending("default_tg_pt_gp"), number: "0\n")
        self[path.appending("alua").appending("default_tg_pt_gp")] = Node(kind: .directory, isDefault: true)
        let product = isFile ? "FILEIO\n" : "RAMDISK-MCP\n"
        let names = ["vendor_id": "LIO-ORG\n", "product_id": product, "revision": "4.0\n"]
        add(path.appending("wwn"), files: names)
        self[path.appending("control")] = Node(kind: .file, isDefault: true, isReadable: false)
        self[path.appending("info")] = Node(kind: .file, isDefault: true, isWritable: false)
        self[path.appending("wwn").appending("vpd_unit_serial")] =
            Node(kind: .file, isDefault: true, value: "T10 VPD Unit Serial Number: \n")
    }

    private mutating func addALUAGroup(_ path: FilePath, number: String) {
        let type = "Implicit and Explicit\n"
        add(path, files: ["tg_pt_gp_id": number, "nonop_delay_msecs": "100\n", "alua_access_type": type])
    }

    private mutating func addGroup(_ path: FilePath, _ name: String) throws(Errno) {
        guard name.hasPrefix("tpgt_"), let tag = Decimal.value(of: String(name.dropFirst(5))), tag < 256
        else {
            throw .invalidArgument
        }
        // The protection type of the session cannot be seen in the kernel, only by what a driver is offered.
        let files = ["nexus": nil, ".session": nil] as [String: String?]
        add(path, directories: ["acls", "attrib", "auth", "lun", "np", "param"], files: files)
        rememberedTypes[path] = [:]
        add(path.appending("attrib"), files: ["fabric_prot_type": "0\n"])
    }

    private mutating func add(_ path: FilePath, directories: [String] = [], files: [String: String?] = [:]) {
        for name in directories { self[path.appending(name)] = Node(kind: .directory, isDefault: true) }
        for (name, value) in files {
            self[path.appending(name)] = Node(kind: .file, isDefault: true, value: value)
        }
    }

    mutating func remove(_ path: FilePath) throws(Errno) {
        guard let node = self[path] else { throw .noSuchFileOrDirectory }
        guard node.kind == .directory else { throw .notDirectory }
        if node.isDefault { throw .notPermitted }
        // A claim is looked at before what is in the directory: that is how it can be found out without a change.
        if claimed.contains(path) { throw .resourceBusy }
        if isExported(path) { throw .resourceBusy }
        let below = descendants(of: path)
        if below.contains(where: { self[$0]?.isDefault == false }) { throw .directoryNotEmpty }
        for inner in below { self[inner] = nil }
        self[path] = nil
    }

    private func isExported(_ path: FilePath) -> Bool { exports[path, default: 0] > 0 }

    private func descendants(of path: FilePath) -> [FilePath] {
        children(of: path).flatMap { [$0] + descendants(of: $0) }
    }

    mutating func link(_ path: FilePath, to target: FilePath) throws(Errno) {
        let parent = path.removingLastComponent()
        guard self[parent] != nil, let source = self[target] else { throw .noSuchFileOrDirectory }
        if self[path] != nil { throw .fileExists }
        guard names(parent).count == 5, names(parent)[3] == "lun", !names(target).isEmpty else {
            throw .notPermitted
        }
        guard source.kind == .directory, names(target).count == 3, names(target)[0] == "core" else {
            throw .badAddress
        }
        if children(of: parent).contains(where: { self[$0]?.kind == .link }) { throw .fileExists }
        guard self[target.appending("enable")]?.value == "1\n" else { throw .operationNotSupportedByDevice }
        self[path] = Node(kind: .link, target: target)
        for (name, value) in Self.unitDefaults { self[parent.appending(name)]?.value = value }
    }

    mutating func unlink(_ path: FilePath) throws(Errno) {
        guard let node = self[path] else { throw .noSuchFileOrDirectory }
        if node.kind == .directory { throw .isDirectory }
        if node.isDefault { throw .notPermitted }
        self[path] = nil
        guard node.kind == .link else { return }
        let parent = path.removingLastComponent()
        for name in Self.unitDefaults.keys { self[parent.appending(name)]?.value = nil }
    }

    func read(_ path: FilePath) throws(Errno) -> String {
        guard let node = self[path] else { throw .noSuchFileOrDirectory }
        guard node.isReadable else { throw .permissionDenied }
        guard let value = node.value else { throw .operationNotSupportedByDevice }
        return value
    }

    mutating func write(_ value: String, to path: FilePath) throws(Errno) {
        guard let node = self[path] else { throw .noSuchFileOrDirectory }
        guard node.isWritable else { throw .permissionDenied }
        if value.isEmpty { throw .badAddress }
        switch path.lastComponent?.string {
        case "nexus": try writeNexus(value, path, node)
        case "enable": try enable(path.removingLastComponent(), value)
        case "control": try writeControl(value, path)
        case "alua_tg_pt_gp":
            let backstore = children(of: path.removingLastComponent()).compactMap { self[$0]?.target }.first
            guard let backstore, self[backstore.appending("alua").appending(value)] != nil else {
                throw .operationNotSupportedByDevice
            }
            self[path]?.value = "TG Port Alias: \(value)\n"
        case "alua_access_type":
            guard let number = Decimal.value(of: value), number < 4 else { throw .invalidArgument }
            self[path]?.value = SaveConfig.aluaTypes[Int(number)] + "\n"
        case "fabric_prot_type":
            guard ["0", "1", "3"].contains(value) else { throw .invalidArgument }
            self[path]?.value = value + "\n"
        case let name? where names(path).dropLast().last == "attrib": try writeAttribute(name, value, path)
        case let name? where InquiryName.all.contains { $0.file == name }:
            let longest = InquiryName.all.first { $0.file == name }?.longest ?? 0
            if value.utf8.count > longest { throw .overflow }
            try refuseExported(path)
            self[path]?.value = value + "\n"
        case "vpd_unit_serial":
            try refuseExported(path)
            self[path]?.value = "T10 VPD Unit Serial Number: \(value == "\n" ? "" : value)\n"
        default: self[path]?.value = value + "\n"
        }
    }

    /// What a file two directories below a backstore is to the LUNs that export it.
    private func refuseExported(_ path: FilePath) throws(Errno) {
        if isExported(path.removingLastComponent().removingLastComponent()) { throw .invalidArgument }
    }

    private mutating func writeAttribute(_ name: String, _ value: String, _ path: FilePath) throws(Errno) {
        let plugin = names(path)[1]
        let number = Decimal.value(of: value) ?? 0
        if BackstoreAttribute.isLocked(name) { try refuseExported(path) }
        let isLacking = plugin.hasPrefix("rd_mcp") && BackstoreAttribute.discarding.contains(name)
        if isLacking, number == 1 { throw .noFunction }
        let sectors = path.removingLastComponent().appending("hw_max_sectors")
        let most = Decimal.value(of: String(self[sectors]?.value?.dropLast() ?? "")) ?? 0
        if name == "queue_depth", number > 128 { throw .invalidArgument }
        if name == "optimal_sectors", number > most { throw .invalidArgument }
        self[path]?.value = value + "\n"
        guard name == "block_size", plugin.hasPrefix("fileio"), number > 0 else { return }
        self[sectors]?.value = "\((8 << 20) / number)\n"
    }

    private mutating func writeNexus(_ value: String, _ path: FilePath, _ node: Node) throws(Errno) {
        let group = path.removingLastComponent()
        if value.hasPrefix("NULL") {
            guard node.value != nil else { throw .operationNotSupportedByDevice }
            let luns = children(of: group.appending("lun")).flatMap { children(of: $0) }
            let isLinked = luns.contains { self[$0]?.kind == .link }
            if isLinked || claimed.contains(group) { throw .resourceBusy }
            self[path]?.value = nil
            self[group.appending(".session")]?.value = nil
            return
        }
        guard let prefix = ["naa.", "fc.", "iqn."].first(where: { value.contains($0) }) else {
            throw .invalidArgument
        }
        guard names(path)[1].contains(prefix) else { throw .invalidArgument }
        if node.value != nil { throw .fileExists }
        self[path]?.value = (prefix == "fc." ? String(value.dropFirst(3)) : value) + "\n"
        // One that is not 0 stays with the initiator as long as the group is there.
        let own = self[group.appending("attrib").appending("fabric_prot_type")]?.value
        let type = rememberedTypes[group]?[value] ?? own
        if type != "0\n" { rememberedTypes[group]?[value] = type }
        self[group.appending(".session")]?.value = type
    }

    private mutating func writeControl(_ value: String, _ path: FilePath) throws(Errno) {
        if value.hasPrefix("fd_dev_size="), Int64(value.dropFirst(12)) == nil { throw .invalidArgument }
        self[path]?.value = value
    }

    private mutating func enable(_ path: FilePath, _ value: String) throws(Errno) {
        guard value.hasPrefix("1") else { throw .invalidArgument }
        if self[path.appending("enable")]?.value == "1\n" { throw .fileExists }
        var fields: [String: String] = [:]
        for pair in (self[path.appending("control")]?.value ?? "").split(separator: ",") {
            let parts = pair.split(separator: "=", maxSplits: 1).map(String.init)
            if parts.count == 2 { fields[parts[0]] = parts[1] }
        }
        let info =
            switch names(path)[1].prefix(2) {
            case "rd": try enableRamdisk(fields)
            case "fi": try enableFile(fields)
            default: try enableDevice(fields)
            }
        self[path.appending("info")]?.value = "Status: DEACTIVATED  Max Queue Depth: 0\n        \(info)\n"
        self[path.appending("enable")]?.value = "1\n"
    }

    private func enableRamdisk(_ fields: [String: String]) throws(Errno) -> String {
        guard let pages = fields["rd_pages"].flatMap({ Int($0) }), pages > 0 else { throw .invalidArgument }
        return
            "PAGES/PAGE_SIZE: \(pages)*4096  SG_table_count: 1  nullio: \(fields["rd_nullio"] ?? "0") dummy: 0"
    }

    private mutating func enableFile(_ fields: [String: String]) throws(Errno) -> String {
        guard let name = fields["fd_dev_name"] else { throw .invalidArgument }
        let path = FilePath(name)
        guard self[path.removingLastComponent()] != nil else { throw .noSuchFileOrDirectory }
        if self[path]?.kind == .directory { throw .isDirectory }
        self[path] = self[path] ?? Node(kind: .file)
        guard let size = fields["fd_dev_size"] else { throw .invalidArgument }
        return "TCM FILEIO ID: 0        File: \(name)  Size: \(size)  Mode: O_DSYNC Async: 0"
    }

    private func enableDevice(_ fields: [String: String]) throws(Errno) -> String {
        guard let name = fields["udev_path"] else { throw .invalidArgument }
        guard let node = self[FilePath(name)] else { throw .noSuchFileOrDirectory }
        guard node.kind == .blockDevice else { throw .notBlockDevice }
        if busy.contains(FilePath(name)) { throw .resourceBusy }
        return "iBlock device: loop0  UDEV PATH: \(name)  readonly: \(fields["readonly"] ?? "0")"
    }
}

// SPDX-License-Identifier: MIT
public import LinuxSystem
import SystemPackage

extension Configuration {
    /// Reads a configuration as `target export` writes it, in YAML or JSON:
    ///
    ///     backstores:
    ///       disk1:
    ///         source: file:/var/lib/disk1.img,size=1G
    ///         attributes: {emulate_tpu: 1}
    ///     targets:
    ///       naa.5001405c0ffee001:
    ///         1:
    ///           luns:
    ///             0: name:disk1
    ///             1: ramdisk:64M
    ///
    /// targetcli's saveconfig.json is taken too: it has `storage_objects`.
    ///
    /// - Throws: an `OperationError` with the line that is wrong.
    public init(parsing text: String) throws(OperationError) {
        let document = try Document(parsing: text)
        if document["storage_objects"] != nil {
            self = try SaveConfig(document).configuration
            return
        }
        try document.expect(["backstores", "targets", "version"], in: "a configuration")
        guard document["backstores"] != nil || document["targets"] != nil else {
            // A program before a pipe that failed writes nothing at all.
            throw OperationError(
                "read",
                "line \(max(1, document.line))",
                cause: "there is neither 'backstores' nor 'targets' nor 'storage_objects'",
                hint: "what removes everything is: ringside target clear"
            )
        }
        if let version = document["version"], try version.scalar("the version") != "1" {
            throw version.failure("this program reads version 1 only")
        }
        var backstores: [BackstoreRequest] = []
        for (name, value) in try document["backstores"]?.pairs("backstores") ?? [] {
            if let fault = Backstore.fault(inName: name) { throw value.failure(fault) }
            backstores.append(try BackstoreRequest(named: name, value))
        }
        var groups: [GroupRequest] = []
        for (name, value) in try document["targets"]?.pairs("targets") ?? [] {
            let wwpn = try value.naming { () throws(OperationError) in try WWPN(name) }
            for (tag, value) in try value.pairs("target \(name)") {
                let tag = try value.naming { () throws(OperationError) in try TPGTag(tag) }
                groups.append(try GroupRequest(wwpn, tag, value, &backstores))
            }
        }
        try self.init(backstores: backstores, groups: groups)
    }
}

extension Document {
    /// Runs `body` and puts this line into what it throws.
    func naming<Value>(_ body: () throws(OperationError) -> Value) throws(OperationError) -> Value {
        do throws(OperationError) {
            return try body()
        } catch {
            throw failure("\(error.operation) \(error.object): \(error.cause)", hint: error.hint)
        }
    }
}

extension BackstoreRequest {
    /// The keys of what is the backstore's own beside its source.
    fileprivate static let ownKeys = ["serial"] + InquiryName.all.map(\.file) + ["attributes", "alua_groups"]

    /// - Parameter value: a source, or a map with one and more.
    init(named name: String, _ value: Document) throws(OperationError) {
        guard case .map = value.value else {
            try self.init(named: name, value, source: value)
            return
        }
        try value.expect(["source"] + Self.ownKeys, in: "a backstore")
        try self.init(named: name, value, source: value["source"])
    }

    /// The parts that a LUN with a backstore of its own has too.
    fileprivate init(named name: String, _ value: Document, source: Document?) throws(OperationError) {
        (self.name, line) = (name, value.line)
        guard let source else {
            throw value.failure("\(name) has no source", hint: "for example source: ramdisk:64M")
        }
        let text = try source.scalar("a source")
        spec = try source.naming { () throws(OperationError) in try BackstoreSpec(text) }
        try read(serial: value["serial"])
        try read(inquiryNamesIn: value)
        for (name, value) in try value["attributes"]?.pairs("attributes") ?? [] {
            try set(name, to: value.scalar(name), value)
        }
        for (name, value) in try value["alua_groups"]?.pairs("alua_groups") ?? [] {
            let number = try value.scalar("an ALUA group's number")
            guard let number = UInt16(number), number > 0, Backstore.fault(inName: name) == nil else {
                throw value.failure("the ALUA group '\(name)' is '\(number)', not a number from 1 to 65535")
            }
            aluaGroups[name] = number
        }
    }

    mutating func read(serial value: Document?) throws(OperationError) {
        guard let value else { return }
        guard spec.takesSerial else { throw value.failure("a SCSI disk has a serial number of its own") }
        let text = try value.scalar("a serial")
        let isPrintable = text.utf8.allSatisfy { (0x20..<0x7f).contains($0) }
        guard isPrintable, (1...253).contains(text.utf8.count) else {
            throw value.failure("a serial is 1 to 253 printable ASCII characters")
        }
        serial = text
    }

    mutating func read(inquiryNamesIn value: Document) throws(OperationError) {
        for name in InquiryName.all {
            guard let value = value[name.file] else { continue }
            guard spec.takesSerial else { throw value.failure("a SCSI disk has a \(name.file) of its own") }
            let text = try value.scalar("a \(name.file)")
            if let fault = name.fault(text) { throw value.failure(fault) }
            inquiryNames[name.file] = text
        }
    }

    mutating func set(_ name: String, to text: String, _ value: Document) throws(OperationError) {
        if let fault = BackstoreAttribute.fault(name, text, for: spec) { throw value.failure(fault) }
        attributes[name] = text
    }
}

extension GroupRequest {
    fileprivate init(
        _ wwpn: WWPN,
        _ tag: TPGTag,
        _ value: Document,
        _ backstores: inout [BackstoreRequest]
    ) throws(OperationError) {
        (self.wwpn, self.tag, line) = (wwpn, tag, value.line)
        try value.expect(["nexus", "fabric_prot_type", "luns"], in: "a portal group")
        if let nexus = value["nexus"] { try read(nexus: nexus) }
        if let protection = value["fabric_prot_type"] { try read(protection: protection) }
        for (number, value) in try value["luns"]?.pairs("luns") ?? [] {
            let number = try value.naming { () throws(OperationError) in try LUNNumber(number) }
            try addLUN(number, value, &backstores)
        }
        luns.sort { $0.number < $1.number }
    }

    private mutating func read(nexus value: Document) throws(OperationError) {
        let name = try value.scalar("a nexus")
        let nexus = try value.naming { () throws(OperationError) in try WWPN(name) }
        guard nexus.kind == wwpn.kind else {
            throw value.failure("the nexus \(nexus) is of another protocol than \(wwpn)")
        }
        self.nexus = nexus
    }

    mutating func read(protection value: Document) throws(OperationError) {
        let text = try value.scalar("fabric_prot_type")
        guard let number = UInt8(text), [0, 1, 3].contains(number) else {
            throw value.failure("fabric_prot_type is '\(text)', not 0, 1 or 3")
        }
        protection = number
    }

    private mutating func addLUN(
        _ number: LUNNumber,
        _ value: Document,
        _ backstores: inout [BackstoreRequest]
    ) throws(OperationError) {
        var lun = LUNRequest(number: number, backstore: "", line: value.line)
        var source: Document? = value
        if case .map = value.value {
            try value.expect(["source"] + BackstoreRequest.ownKeys + ["alua_group"], in: "a LUN")
            source = value["source"]
            lun.aluaGroup = try value["alua_group"]?.scalar("alua_group")
        }
        let text = try source?.scalar("a LUN's source") ?? ""
        if text.hasPrefix("name:") {
            lun.backstore = String(text.dropFirst(5))
            guard BackstoreRequest.ownKeys.allSatisfy({ value[$0] == nil }) else {
                throw value.failure("these belong to the backstore \(lun.backstore), not to its LUN")
            }
        } else {
            lun.backstore = Backstore.ownedName(wwpn.name, tag, number.rawValue)
            backstores.append(try BackstoreRequest(named: lun.backstore, value, source: source))
        }
        luns.append(lun)
    }
}

// SPDX-License-Identifier: MIT
public import LinuxSystem
import SystemPackage

/// What the kernel's configuration is to be: backstores and portal groups, each with what is to be the same.
///
/// What it does not name is left as it is: a serial, an attribute, a whole object.
public struct Configuration: Equatable, Sendable {
    public internal(set) var backstores: [BackstoreRequest]
    public internal(set) var groups: [GroupRequest]

    /// - Throws: an `OperationError` when a name, a tag or a LUN is there twice, or a LUN's backstore is named nowhere.
    public init(backstores: [BackstoreRequest] = [], groups: [GroupRequest] = []) throws(OperationError) {
        (self.backstores, self.groups) = (backstores, groups)
        try Self.refuseTwice(backstores.map(\.name)) { ("backstore \($0)", backstores[$1].line) }
        try Self.refuseTwice(groups.map(\.path)) { ($0, groups[$1].line) }
        for group in groups {
            try Self.refuseTwice(group.luns.map(\.number)) {
                ("\(group.path)/\($0.directory)", group.luns[$1].line)
            }
        }
    }

    /// - Parameter describe: what it is that is there twice, and the line of that with the index.
    private static func refuseTwice<Name: Hashable>(
        _ names: [Name],
        _ describe: (Name, Int) -> (what: String, line: Int)
    ) throws(OperationError) {
        guard names.count > 1 else { return }
        var seen = Set<Name>(minimumCapacity: names.count)
        for (index, name) in names.enumerated() where !seen.insert(name).inserted {
            let (what, line) = describe(name, index)
            throw OperationError("read", "line \(line)", cause: "\(what) is there twice")
        }
    }
}

/// A backstore to be.
public struct BackstoreRequest: Equatable, Sendable {
    public var name: String
    public var spec: BackstoreSpec
    /// The unit's serial number; by default one that follows from the name.
    public var serial: String?
    /// What the unit answers INQUIRY with, by the names of the files: `vendor_id`, `product_id`, `revision`.
    public var inquiryNames: [String: String] = [:]
    /// Values by the names of attributes.
    public var attributes: [String: String] = [:]
    /// The ALUA target port groups beside the kernel's own, by name, each with its number from 1 to 65535.
    public var aluaGroups: [String: UInt16] = [:]
    /// Where it stands in its file.
    var line = 0

    public static func == (left: BackstoreRequest, right: BackstoreRequest) -> Bool {
        (left.name, left.spec, left.serial, left.inquiryNames) == (
            right.name, right.spec, right.serial, right.inquiryNames
        )
            && left.attributes == right.attributes && left.aluaGroups == right.aluaGroups
    }
}

/// A portal group to be.
public struct GroupRequest: Equatable, Sendable {
    public var wwpn: WWPN
    public var tag: TPGTag
    /// The initiator port of the nexus; by default a name that follows from the target and the tag.
    public var nexus: WWPN?
    /// `fabric_prot_type`: which T10-PI the fabric offers when the backstore has none.
    public var protection: UInt8?
    public var luns: [LUNRequest] = []
    var line = 0

    /// Its directory in the fabric's.
    var path: String { "\(wwpn)/\(tag.directory)" }

    public static func == (left: GroupRequest, right: GroupRequest) -> Bool {
        (left.wwpn, left.tag, left.nexus, left.protection) == (
            right.wwpn, right.tag, right.nexus, right.protection
        )
            && left.luns == right.luns
    }
}

/// A logical unit to be.
public struct LUNRequest: Equatable, Sendable {
    public var number: LUNNumber
    /// The name of its backstore.
    public var backstore: String
    /// The ALUA target port group of the backstore that the unit belongs to.
    public var aluaGroup: String?
    /// The name of the link, which is nobody's business but targetcli's.
    var alias: String?
    var line = 0

    public static func == (left: LUNRequest, right: LUNRequest) -> Bool {
        (left.number, left.backstore, left.aluaGroup) == (right.number, right.backstore, right.aluaGroup)
    }
}

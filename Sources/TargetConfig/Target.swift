// SPDX-License-Identifier: MIT
public import LinuxSystem
import SystemPackage

/// A target port as the kernel has it: `target/vhost/<WWPN>`. Names are kept as they are, the odd ones of others too.
public struct Target: Equatable, Sendable, Encodable {
    public var wwpn: String
    /// Its directory, relative to `target`.
    public var path: String
    public var groups: [TargetPortalGroup]
}

/// A target portal group: `target/vhost/<WWPN>/tpgt_<tag>`.
public struct TargetPortalGroup: Equatable, Sendable, Encodable {
    /// The tag, where the directory's name has one.
    public var tag: UInt8?
    public var path: String
    /// The initiator port of the nexus; without one no vhost endpoint can be set.
    public var nexus: String?
    public var luns: [LogicalUnit]
}

/// A logical unit: `target/vhost/<WWPN>/tpgt_<tag>/lun/lun_<number>`.
public struct LogicalUnit: Equatable, Sendable, Encodable {
    /// The number, where the directory's name has one that a guest can address.
    public var number: UInt16?
    public var path: String
    /// The link that exports the backstore, and the backstore's directory, relative to `target`.
    public var link: String?
    public var backstore: String?
}

extension TargetTree {
    /// Every target of the vhost fabric.
    ///
    /// - Throws: an `OperationError` when configfs is absent or cannot be read.
    public func targets() throws(OperationError) -> [Target] { try targets(in: fabric()) }

    /// The target of that name: the name itself, or its canonical spelling.
    ///
    /// - Throws: an `OperationError` when there is none; it names those that there are.
    public func target(named name: String) throws(OperationError) -> Target {
        let fabric = try fabric()
        let directory = try open(fabric.string)
        let names = try directory?.directories().filter { $0 != "discovery_auth" } ?? []
        guard let directory,
            let found = names.first(where: { $0 == name }) ?? names.first(where: { $0 == name.lowercased() })
        else {
            let known =
                names.isEmpty ? "there is no target" : "the targets are \(names.joined(separator: ", "))"
            throw OperationError(
                "find",
                "target \(name)",
                errno: .noSuchFileOrDirectory,
                cause: "there is no such target",
                hint: known
            )
        }
        return try target(found, in: directory)
    }

    func targets(in fabric: FilePath) throws(OperationError) -> [Target] {
        guard let directory = try open(fabric.string) else { return [] }
        var found: [Target] = []
        for name in try directory.directories() where name != "discovery_auth" {
            found.append(try target(name, in: directory))
        }
        return found
    }

    private func target(_ name: String, in fabric: TreeDirectory) throws(OperationError) -> Target {
        var target = Target(wwpn: name, path: fabric.path + "/" + name, groups: [])
        guard let directory = try fabric.directory(name) else { return target }
        for name in try directory.directories() where name.hasPrefix("tpgt_") {
            target.groups.append(try group(name, in: directory))
        }
        target.groups.sort { ($0.tag ?? 0) < ($1.tag ?? 0) }
        return target
    }

    private func group(_ name: String, in target: TreeDirectory) throws(OperationError) -> TargetPortalGroup {
        var luns: [LogicalUnit] = []
        if let directory = try target.directory(name + "/lun") {
            for name in try directory.directories() { luns.append(try unit(name, in: directory)) }
        }
        return TargetPortalGroup(
            tag: TPGTag(directory: name)?.rawValue,
            path: target.path + "/" + name,
            nexus: try target.attribute(name + "/nexus"),
            luns: luns.sorted { ($0.number ?? .max) < ($1.number ?? .max) }
        )
    }

    private func unit(_ name: String, in group: TreeDirectory) throws(OperationError) -> LogicalUnit {
        var unit = LogicalUnit(
            number: LUNNumber(directory: name)?.rawValue,
            path: group.path + "/" + name
        )
        // The name that this program gives the link is tried first: there is only one link, and looking for it costs more.
        var link = name + "/backstore"
        var end = try group.linkTarget(link)
        if end == nil, let other = try group.directory(name)?.entries().first(where: { $0.kind == .link }) {
            link = name + "/" + other.name
            end = try group.linkTarget(link)
        }
        guard let end else { return unit }
        unit.link = group.path + "/" + link
        // `../../../../../../target/core/rd_mcp_0/disk`: what follows `target` is the path that is meant.
        unit.backstore = String(Self.lastComponents(3, of: end))
        return unit
    }

    private static func lastComponents(_ count: Int, of path: String) -> Substring {
        var left = count
        for index in path.utf8.indices.reversed() where path.utf8[index] == UInt8(ascii: "/") {
            left -= 1
            if left == 0 { return path[path.utf8.index(after: index)...] }
        }
        return path[...]
    }

    /// The directories of a group's access control lists, which a vhost fabric never consults.
    func accessLists(of group: TargetPortalGroup) throws(OperationError) -> [FilePath] {
        let directory = FilePath(group.path).appending("acls")
        return try entries(directory).filter { $0.kind == .directory }.map { directory.appending($0.name) }
    }
}

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
        let names = try entries(fabric).filter { $0.kind == .directory && $0.name != "discovery_auth" }.map(
            \.name
        )
        guard
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
        return try target(fabric.appending(found))
    }

    func targets(in fabric: FilePath) throws(OperationError) -> [Target] {
        var found: [Target] = []
        for entry in try entries(fabric) where entry.kind == .directory && entry.name != "discovery_auth" {
            found.append(try target(fabric.appending(entry.name)))
        }
        return found
    }

    private func target(_ path: FilePath) throws(OperationError) -> Target {
        var groups: [TargetPortalGroup] = []
        for entry in try entries(path) where entry.kind == .directory && entry.name.hasPrefix("tpgt_") {
            groups.append(try group(path.appending(entry.name)))
        }
        let name = path.lastComponent?.string ?? ""
        return Target(wwpn: name, path: path.string, groups: groups.sorted { ($0.tag ?? 0) < ($1.tag ?? 0) })
    }

    private func group(_ path: FilePath) throws(OperationError) -> TargetPortalGroup {
        var luns: [LogicalUnit] = []
        for entry in try entries(path.appending("lun")) where entry.kind == .directory {
            luns.append(try unit(path.appending("lun").appending(entry.name)))
        }
        return TargetPortalGroup(
            tag: path.lastComponent.flatMap { TPGTag(directory: $0.string) }?.rawValue,
            path: path.string,
            nexus: try attribute(path.appending("nexus")),
            luns: luns.sorted { ($0.number ?? .max) < ($1.number ?? .max) }
        )
    }

    private func unit(_ path: FilePath) throws(OperationError) -> LogicalUnit {
        let name = path.lastComponent?.string ?? ""
        var unit = LogicalUnit(number: LUNNumber(directory: name)?.rawValue, path: path.string)
        // The name that this program gives the link is tried first: there is only one link, and looking for it costs more.
        let own = path.appending("backstore")
        let target: FilePath
        if let first = try linkTarget(own) {
            (unit.link, target) = (own.string, first)
        } else {
            guard let link = try entries(path).first(where: { $0.kind == .link }) else { return unit }
            guard let other = try linkTarget(path.appending(link.name)) else { return unit }
            (unit.link, target) = (path.appending(link.name).string, other)
        }
        // `../../../../../../target/core/rd_mcp_0/disk`: what follows `target` is the path that is meant.
        unit.backstore = target.string.utf8.split(separator: UInt8(ascii: "/")).suffix(3).map {
            "\(Substring($0))"
        }
        .joined(separator: "/")
        return unit
    }

    /// What a link in configfs leads to; nil where there is none.
    private func linkTarget(_ path: FilePath) throws(OperationError) -> FilePath? {
        do throws(Errno) {
            return try fileSystem.linkTarget(base.pushing(path))
        } catch .noSuchFileOrDirectory {
            return nil
        } catch {
            throw OperationError("read", path.string, errno: error)
        }
    }

    /// The directories of a group's access control lists, which a vhost fabric never consults.
    func accessLists(of group: TargetPortalGroup) throws(OperationError) -> [FilePath] {
        let directory = FilePath(group.path).appending("acls")
        return try entries(directory).filter { $0.kind == .directory }.map { directory.appending($0.name) }
    }
}

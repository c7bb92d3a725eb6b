// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

/// Everything below `target`, read once: each directory is listed once, and each object costs the same however many
/// there are.
struct LiveState {
    /// The targets of every fabric that is there, by the fabric's directory.
    var targets: [String: [Target]] = [:]
    /// Every backstore, in the order of the names.
    var backstores: [Backstore] = []
    /// The names of the HBA directories.
    var hbas: Set<String> = []
    /// The directory of the vhost fabric.
    let fabric: FilePath

    /// - Throws: an `OperationError` when configfs is absent or cannot be read.
    init(of tree: TargetTree) throws(OperationError) {
        let names = try tree.requireTargets()
        fabric = TargetTree.fabric(among: names)
        for fabric in names where fabric != "core" {
            targets[fabric] = try tree.targets(in: FilePath(fabric))
        }
        let exports = exports
        // `core/rd_mcp_0/disk`
        let paths = exports.keys.map {
            $0.utf8.split(separator: UInt8(ascii: "/")).map { "\(Substring($0))" }
        }
        .filter { $0.count == 3 }
        let inside = Dictionary(grouping: paths) { $0[1] }.mapValues { $0.map { $0[2] } }
        for hba in try tree.entries("core") where hba.kind == .directory && hba.name != "alua" {
            hbas.insert(hba.name)
            let directory = FilePath("core").appending(hba.name)
            let known = inside[hba.name] ?? []
            for name in try tree.objects(in: directory, knowing: known) {
                let path = directory.appending(name)
                let users = exports[path.string] ?? []
                backstores.append(try tree.backstore(path, plugin: hba.name, exportedBy: users))
            }
        }
        backstores.sort { ($0.name, $0.path) < ($1.name, $1.path) }
    }

    /// The targets of the vhost fabric.
    var vhost: [Target] { targets[fabric.string] ?? [] }

    /// Whether the vhost fabric's directory is there.
    var hasFabric: Bool { targets[fabric.string] != nil }

    /// For every exported backstore's path, the LUN directories of every fabric that link to it.
    var exports: [String: [String]] {
        var found: [String: [String]] = [:]
        for (_, targets) in targets.sorted(by: { $0.key < $1.key }) {
            for lun in targets.flatMap(\.groups).flatMap(\.luns) {
                if let backstore = lun.backstore { found[backstore, default: []].append(lun.path) }
            }
        }
        return found
    }
}

extension TargetTree {
    /// The names of the backstores in an HBA directory. It is not listed where the link count tells that there are no
    /// others than those that LUNs lead to.
    fileprivate func objects(in hba: FilePath, knowing known: [String]) throws(OperationError) -> [String] {
        do throws(Errno) {
            let count = known.isEmpty ? 0 : try fileSystem.status(base.pushing(hba)).directoryCount
            if count > 0 && count == known.count { return known }
        } catch {
            throw OperationError("read", hba.string, errno: error)
        }
        return try entries(hba).filter { $0.kind == .directory }.map(\.name)
    }
}

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
    /// For every exported backstore's path, the LUN directories of every fabric that link to it.
    private(set) var exports: [String: [String]] = [:]

    /// - Throws: an `OperationError` when configfs is absent or cannot be read.
    init(of tree: TargetTree) throws(OperationError) {
        let names = try tree.requireTargets()
        fabric = TargetTree.fabric(among: names)
        for fabric in names.sorted() where fabric != "core" {
            let targets = try tree.targets(in: FilePath(fabric))
            for lun in targets.lazy.flatMap(\.groups).flatMap(\.luns) {
                if let backstore = lun.backstore { exports[backstore, default: []].append(lun.path) }
            }
            self.targets[fabric] = targets
        }
        if let core = try tree.open("core") { try read(core, in: tree) }
    }

    private mutating func read(_ core: TreeDirectory, in tree: TargetTree) throws(OperationError) {
        // `core/rd_mcp_0/disk`
        let paths = exports.keys.map {
            $0.utf8.split(separator: UInt8(ascii: "/")).map { String(Substring($0)) }
        }
        let inside = Dictionary(grouping: paths.filter { $0.count == 3 }) { $0[1] }
        for hba in try core.directories() where hba != "alua" {
            hbas.insert(hba)
            for object in try Self.objects(in: hba, of: core, knowing: inside[hba]?.map { $0[2] } ?? []) {
                let users = exports["core/" + hba + "/" + object] ?? []
                backstores.append(try tree.backstore(object, in: hba, of: core, exportedBy: users))
            }
        }
        backstores.sort { ($0.name, $0.path) < ($1.name, $1.path) }
    }

    /// The names of the backstores in an HBA directory. It is not listed where the link count tells that there are no
    /// others than those that LUNs lead to.
    private static func objects(
        in hba: String,
        of core: TreeDirectory,
        knowing known: [String]
    ) throws(OperationError) -> [String] {
        if !known.isEmpty, try core.directoryCount(hba) == known.count { return known }
        return try core.directory(hba)?.directories() ?? []
    }

    /// The targets of the vhost fabric.
    var vhost: [Target] { targets[fabric.string] ?? [] }

    /// Whether the vhost fabric's directory is there.
    var hasFabric: Bool { targets[fabric.string] != nil }
}

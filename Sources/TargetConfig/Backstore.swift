// SPDX-License-Identifier: MIT
public import LinuxSystem
import SystemPackage

/// A backstore as the kernel has it: `target/core/<plugin>_<n>/<name>`.
public struct Backstore: Equatable, Sendable, Encodable {
    public var name: String
    /// The kernel's plugin: `rd_mcp`, `fileio`, `iblock`, `pscsi` or `user`.
    public var plugin: String
    /// Its directory, relative to `target`.
    public var path: String
    public var isEnabled: Bool
    /// Bytes, where the kernel tells.
    public var size: Int64?
    /// The file or device behind it, where there is one.
    public var file: String?
    public var isNullIO: Bool
    /// How a file is written.
    public var mode: BackstoreSpec.FileMode?
    public var isReadOnly: Bool
    /// The handler of a user backstore and what it makes of the rest.
    public var configuration: String?
    /// The directories of the LUNs that export it, relative to `target`.
    public var exportedBy: [String]

    /// The directory of its HBA, relative to `target`.
    var hba: String { String(Substring(path.utf8.dropLast(name.utf8.count + 1))) }

    /// What it keeps its blocks in; nil where the kernel does not tell enough.
    public var spec: BackstoreSpec? {
        let size = size.map { ByteSize(bytes: $0) }
        let path = file.map { FilePath($0) }
        switch (plugin, path, size) {
        case ("rd_mcp", _, let size?): return .ramdisk(size: size, nullio: isNullIO)
        case ("fileio", let path?, _): return .file(path, size: size, mode: mode ?? .synchronous)
        case ("iblock", let path?, _): return .block(path, readOnly: isReadOnly)
        case ("pscsi", let path?, _): return .pscsi(path)
        case ("user", _, let size?): return configuration.map { .user($0, size: size) }
        default: return nil
        }
    }

    /// True for a backstore that `target create` made for a LUN of its own: it is removed with the target.
    public var isOwned: Bool { name.contains(":") }

    /// What is wrong with the name of a backstore that may be somebody else's; nil where nothing is.
    static func fault(inName name: String) -> String? {
        let isPlain = name.utf8.allSatisfy { (0x21..<0x7f).contains($0) && $0 != UInt8(ascii: "/") }
        let isName = isPlain && (1...223).contains(name.utf8.count) && name != "." && name != ".."
        return isName
            ? nil : "the backstore name '\(name)' is not 1 to 223 printable characters without a '/'"
    }

    /// The name of the backstore that `target create` makes for a LUN.
    ///
    /// `<WWPN>:<tag>:<LUN>` tells who owns it without any state beside configfs: `backstore create` takes no `:` in a
    /// name, and nothing else makes one that names the very LUN that exports it.
    static func ownedName(_ target: String, _ tag: TPGTag, _ lun: UInt16) -> String {
        "\(target):\(tag):\(lun)"
    }
}

extension TargetTree {
    /// Every backstore, in the order of the names, with the LUNs that export it, of any fabric.
    ///
    /// - Throws: an `OperationError` when configfs is absent or cannot be read.
    public func backstores() throws(OperationError) -> [Backstore] { try LiveState(of: self).backstores }

    /// The backstore `object` of an HBA directory in `core`.
    func backstore(
        _ object: String,
        in hba: String,
        of core: TreeDirectory,
        exportedBy: [String]
    ) throws(OperationError) -> Backstore {
        let (name, path) = (hba + "/" + object, core.path + "/" + hba + "/" + object)
        guard let bytes = try core.bytes(name + "/info") else {
            throw OperationError("read", path + "/info", errno: .noSuchFileOrDirectory)
        }
        let info = BackstoreInfo(bytes)
        let kind = String(hba.prefix(upTo: hba.utf8.lastIndex(of: UInt8(ascii: "_")) ?? hba.endIndex))
        let isRamdisk = kind == "rd_mcp"
        return Backstore(
            name: object,
            plugin: kind,
            path: path,
            // Only one that is enabled can be exported.
            isEnabled: exportedBy.isEmpty ? try core.attribute(name + "/enable") == "1" : true,
            size: info.size,
            file: kind == "pscsi" ? try core.attribute(name + "/udev_path") : isRamdisk ? nil : info.file,
            isNullIO: isRamdisk && info.isNullIO,
            mode: isRamdisk ? nil : info.mode,
            isReadOnly: !isRamdisk && info.isReadOnly,
            configuration: kind == "user" ? info.configuration : nil,
            exportedBy: exportedBy
        )
    }

    /// The serial number of a backstore's unit, by which a guest knows the disk.
    public func serial(of backstore: Backstore) throws(OperationError) -> String {
        let prefix = "T10 VPD Unit Serial Number: "
        let text = try open(backstore.path)?.attribute("wwn/vpd_unit_serial") ?? ""
        guard text.hasPrefix(prefix) else { return "" }
        return String(text.dropFirst(prefix.count))
    }

    /// For every exported backstore's path, the LUN directories of every fabric that link to it.
    func exports() throws(OperationError) -> [String: [String]] { try LiveState(of: self).exports }
}

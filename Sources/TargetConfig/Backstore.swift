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
    /// The directories of the LUNs that export it, relative to `target`.
    public var exportedBy: [String]

    /// True for a backstore that `target create` made for a LUN of its own: it is removed with the target.
    public var isOwned: Bool { name.contains(":") }

    /// The name of the backstore that `target create` makes for a LUN.
    ///
    /// `<WWPN>:<tag>:<LUN>` tells who owns it without any state beside configfs: `backstore create` takes no `:` in a
    /// name, and nothing else makes one that names the very LUN that exports it.
    static func ownedName(_ target: String, _ tag: TPGTag, _ lun: UInt16) -> String {
        "\(target):\(tag):\(lun)"
    }
}

/// The fields of a storage object's `info` file, which is text for people.
struct BackstoreInfo {
    private let text: String
    private let words: [Substring]

    init(_ text: String) {
        self.text = text
        words = text.split { $0 == " " || $0 == "\n" }
    }

    /// The words that follow `label`.
    private func words(after label: Substring) -> ArraySlice<Substring>? {
        words.firstIndex(of: label).map { words[($0 + 1)...] }
    }

    /// `PAGES/PAGE_SIZE: 16*4096` of a ramdisk, `Size: 1048576` of a file.
    var size: Int64? {
        if let pages = words(after: "PAGES/PAGE_SIZE:")?.first {
            let factors = pages.split(separator: "*").compactMap { Int64($0) }
            return factors.count == 2 ? factors[0] * factors[1] : nil
        }
        return words(after: "Size:")?.first.flatMap { Int64($0) }
    }

    var isNullIO: Bool { words(after: "nullio:")?.first == "1" }

    /// The path of a file or device, which may have blanks in it.
    var file: String? {
        part(from: "File: ", to: "  Size: ") ?? part(from: "UDEV PATH: ", to: "  readonly: ")
    }

    private func part(from start: String, to end: String) -> String? {
        guard let opening = text.firstRange(of: start) else { return nil }
        let rest = text[opening.upperBound...]
        guard let closing = rest.ranges(of: end).last, closing.lowerBound > rest.startIndex else {
            return nil
        }
        return String(rest[..<closing.lowerBound])
    }
}

extension TargetTree {
    /// Every backstore, in the order of the names, with the LUNs that export it, of any fabric.
    ///
    /// - Throws: an `OperationError` when configfs is absent or cannot be read.
    public func backstores() throws(OperationError) -> [Backstore] {
        let exports = try exports()
        var found: [Backstore] = []
        for hba in try entries("core") where hba.kind == .directory && hba.name != "alua" {
            let directory = FilePath("core").appending(hba.name)
            for object in try entries(directory) where object.kind == .directory {
                let path = directory.appending(object.name)
                found.append(try backstore(path, plugin: hba.name, exportedBy: exports[path.string] ?? []))
            }
        }
        return found.sorted { ($0.name, $0.path) < ($1.name, $1.path) }
    }

    private func backstore(
        _ path: FilePath,
        plugin: String,
        exportedBy: [String]
    ) throws(OperationError) -> Backstore {
        let info: BackstoreInfo
        do throws(Errno) {
            info = BackstoreInfo(try fileSystem.read(base.pushing(path).appending("info")))
        } catch {
            throw OperationError("read", path.appending("info").string, errno: error)
        }
        return Backstore(
            name: path.lastComponent?.string ?? "",
            plugin: String(plugin.prefix(upTo: plugin.lastIndex(of: "_") ?? plugin.endIndex)),
            path: path.string,
            isEnabled: try attribute(path.appending("enable")) == "1",
            size: info.size,
            file: info.file,
            isNullIO: info.isNullIO,
            exportedBy: exportedBy
        )
    }

    /// For every exported backstore's path, the LUN directories of every fabric that link to it.
    func exports() throws(OperationError) -> [String: [String]] {
        var found: [String: [String]] = [:]
        for fabric in try requireTargets() where fabric != "core" {
            for target in try targets(in: FilePath(fabric)) {
                for lun in target.groups.flatMap(\.luns) {
                    if let backstore = lun.backstore { found[backstore, default: []].append(lun.path) }
                }
            }
        }
        return found
    }
}

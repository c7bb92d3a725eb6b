// SPDX-License-Identifier: MIT
public import LinuxSystem
import SystemPackage

/// A name by which a unit answers INQUIRY: `target/core/<plugin>_<n>/<name>/wwn/<file>`.
///
/// As with the serial number, the kernel (EINVAL) takes none while a LUN exports the backstore.
public struct InquiryName: Sendable {
    /// The file in configfs, and the key in a configuration.
    public let file: String
    /// The most bytes that it can have.
    let longest: Int

    public static let all = [
        InquiryName(file: "vendor_id", longest: 8), InquiryName(file: "product_id", longest: 16),
        InquiryName(file: "revision", longest: 4),
    ]

    /// What Linux 6.1 gives a new backstore of that kind.
    func initial(for spec: BackstoreSpec) -> String {
        switch (file, spec) {
        case ("vendor_id", _): "LIO-ORG"
        case ("product_id", .ramdisk): "RAMDISK-MCP"
        case ("product_id", .file): "FILEIO"
        case ("product_id", .block): "IBLOCK"
        case ("product_id", .pscsi): ""
        case ("product_id", .user): "USER"
        case (_, .user): "2.0"
        default: "4.0"
        }
    }

    /// What is wrong with a value; nil where nothing is.
    func fault(_ value: String) -> String? {
        let isPrintable = value.utf8.allSatisfy { (0x20..<0x7f).contains($0) }
        // The kernel takes blanks at either end away.
        let isWhole = value.utf8.first != 0x20 && value.utf8.last != 0x20
        guard isPrintable, isWhole, (1...longest).contains(value.utf8.count) else {
            return
                "\(file) is '\(value)', not 1 to \(longest) printable ASCII characters without a blank at either end"
        }
        return nil
    }

    /// The step that gives a backstore the name.
    func write(_ value: String, at path: FilePath, replacing old: String?) -> Operation {
        .write(value, to: path.appending("wwn").appending(file), replacing: old)
    }
}

extension TargetTree {
    /// The names that a backstore has, by their files.
    public func inquiryNames(of backstore: Backstore) throws(OperationError) -> [String: String] {
        let directory = try open(backstore.path + "/wwn")
        var names: [String: String] = [:]
        for name in InquiryName.all { names[name.file] = try directory?.attribute(name.file) }
        return names
    }
}

// SPDX-License-Identifier: MIT
import CLinux
import SystemPackage

/// The files that regions are saved in, named as boot firmware names them: `md_NAME.BIN`.
enum RegionFile {
    /// The file of a region. It never holds a slash or starts with a dot, whatever a hostile table says.
    static func name(of region: String) -> String { "md_\(safe(region)).BIN" }

    /// A region's name with only characters that a file name and a section name can hold.
    static func safe(_ name: String) -> String {
        let allowed = name.utf8.prefix(nameLimit).map { byte -> UInt8 in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"),
                UInt8(ascii: "."):
                byte
            default: UInt8(ascii: "_")
            }
        }
        // What ends like a missing piece would be taken for one.
        let safe = String(decoding: allowed, as: UTF8.self).replacing(PieceName.missing, with: "_missing")
        return safe.isEmpty ? "_" : safe
    }

    /// Longer names are cut off.
    private static let nameLimit = 64

    /// The region that a file is named after.
    static func region(of path: FilePath) -> String {
        var name = path.stem ?? ""
        if name.lowercased().hasPrefix("md_") { name.removeFirst(3) }
        return name
    }

    /// Safe names for regions in their order, each of them once.
    static func uniqueNames(for regions: [String]) -> [String] {
        var taken: Set<String> = Set(Dump.headerNames.map { $0.lowercased() })
        // The number that the last region of a name got, so that the search does not start over for each.
        var numbers: [String: Int] = [:]
        return regions.map { region in
            let base = safe(region)
            var (name, number) = (base, numbers[base.lowercased(), default: 1])
            while !taken.insert(name.lowercased()).inserted {
                number += 1
                name = base.prefix(nameLimit - "-\(number)".count) + "-\(number)"
            }
            numbers[base.lowercased()] = number
            return name
        }
    }
}

extension String {
    /// Compares names with numbers in them by the numbers; the corresponding C function is `strverscmp`.
    func isNaturallyBefore(_ other: String) -> Bool {
        // Both C strings live as long as the call.
        unsafe strverscmp(self, other) < 0
    }
}

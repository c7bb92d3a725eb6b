// SPDX-License-Identifier: MIT
import CKmod
import LinuxSystem
import SystemPackage

/// What a module's file says about itself: the `key=value` pairs of its `.modinfo` section and its signature, in order.
struct ModuleFields {
    var pairs: [(key: String, value: String)]

    /// The first value of a key.
    subscript(key: String) -> String? { pairs.first { $0.key == key }?.value }

    /// Every value of a key.
    func all(_ key: String) -> [String] { pairs.filter { $0.key == key }.map(\.value) }

    /// The modules whose symbols it uses.
    var dependencies: [String] {
        all("depends").flatMap { $0.split(separator: ",").map(String.init) }
    }

    /// The modules that it wants before and after itself. Names in front of the first `pre:` or `post:` have no effect.
    var softDependencies: (before: [String], after: [String]) {
        var before: [String] = []
        var after: [String] = []
        for line in all("softdep") {
            var isAfter: Bool?
            for word in line.split(separator: " ") {
                switch (word, isAfter) {
                case ("pre:", _): isAfter = false
                case ("post:", _): isAfter = true
                case (_, false?): before.append(String(word))
                case (_, true?): after.append(String(word))
                case (_, nil): break
                }
            }
        }
        return (before, after)
    }
}

extension ModuleHandle {
    /// Reads the fields from the file, decompressing it where needed; those of a built-in module from modules.builtin.modinfo.
    ///
    /// The corresponding C function is `kmod_module_get_info`.
    func fields() throws(OperationError) -> ModuleFields {
        // The list is freed here, its strings are copied before.
        var list: OpaquePointer?
        let result = unsafe kmod_module_get_info(raw, &list)
        guard result >= 0 else {
            throw unreadable(Errno(rawValue: -result))
        }
        defer { if unsafe list != nil { unsafe kmod_module_info_free_list(list) } }
        return ModuleFields(
            pairs: unsafe elements(of: list).map {
                unsafe (
                    String(cString: kmod_module_info_get_key($0)),
                    String(cString: kmod_module_info_get_value($0))
                )
            }
        )
    }

    private func unreadable(_ errno: Errno) -> OperationError {
        let object = path?.string ?? name
        if errno == .noSuchFileOrDirectory || errno == .permissionDenied {
            return OperationError("read", object, errno: errno)
        }
        return OperationError(
            "read",
            object,
            errno: errno,
            cause: path.flatMap(fault(inside:)) ?? "not a kernel module",
            hint: "look at it with: file \(object)"
        )
    }
}

/// Why a file is no module to libkmod, as far as its first bytes tell; nil where it cannot be read.
private func fault(inside file: FilePath) -> String? {
    let start: [UInt8]
    do {
        let file = try FileDescriptor.open(file, .readOnly, options: .closeOnExec)
        start = try file.closeAfter { try file.readBytes(upTo: 4) }
    } catch {
        return nil
    }
    switch start {
    case []: return "not a kernel module: the file is empty"
    case [0x7f] + Array("ELF".utf8):
        return "not a kernel module: an ELF file that is cut short or of another kind"
    case [0x28, 0xb5, 0x2f, 0xfd]: return "compressed with zstd, which this libkmod cannot read, or damaged"
    case [0xfd] + Array("7zX".utf8): return "compressed with xz, which this libkmod cannot read, or damaged"
    case _ where start.starts(with: [0x1f, 0x8b]):
        return "compressed with gzip, which this libkmod cannot read, or damaged"
    default: return "not a kernel module: not an ELF file"
    }
}

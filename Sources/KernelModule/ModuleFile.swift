// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

/// How a module's file may end.
private let moduleSuffixes = [".ko", ".ko.xz", ".ko.zst", ".ko.gz"]

extension ModuleContext {
    /// Whether an argument is a file rather than a name or alias.
    func isModuleFile(_ argument: String) -> Bool {
        argument.contains("/") || moduleSuffixes.contains { argument.hasSuffix($0) }
    }

    /// Whether the indexes do not cover a file.
    func isOutOfTree(_ path: FilePath) -> Bool {
        !path.lexicallyNormalized().starts(with: directory.lexicallyNormalized())
    }

    /// The file of module `name` in the directory of `path`.
    func sibling(_ name: String, of path: FilePath) -> FilePath? {
        let directory = path.removingLastComponent()
        let spellings = Set([name, kernelSpelling(name), name.replacing("_", with: "-")])
        for suffix in moduleSuffixes {
            for spelling in spellings.sorted() {
                let candidate = directory.appending(spelling + suffix)
                if candidate.exists { return candidate }
            }
        }
        return nil
    }

    /// libkmod takes absolute paths only.
    func absolute(_ path: FilePath) throws(OperationError) -> FilePath {
        if path.isAbsolute { return path.lexicallyNormalized() }
        do throws(Errno) {
            return try FilePath(".").resolved().pushing(path).lexicallyNormalized()
        } catch {
            throw OperationError("find", path.string, errno: error)
        }
    }

    /// The name that the kernel will use: a file's own word for it, because a file may have been renamed.
    func nameInside(_ module: ModuleHandle) throws(OperationError) -> String {
        guard let path = module.path, isOutOfTree(path) else { return module.name }
        return try module.fields()["name"] ?? module.name
    }
}

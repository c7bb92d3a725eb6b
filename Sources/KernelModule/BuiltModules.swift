// SPDX-License-Identifier: MIT
import LinuxSystem
public import SystemPackage

/// The modules that a build out of the kernel's tree has made, as make lists them in `modules.order`.
public enum BuiltModules {
    /// - Parameter directory: where the build was; what is found in it and below it is named by this path.
    public static func all(in directory: FilePath) throws -> [FilePath] {
        let root = try directory.resolved()
        return directory.appending("modules.order").linesIfReadable().map { line in
            // Kernels list absolute or relative paths, of modules or, some, of the objects that they are linked from.
            var path = FilePath(String(line))
            path.extension = "ko"
            _ = path.removePrefix(root)
            return path.isAbsolute ? path : directory.pushing(path)
        }
    }
}

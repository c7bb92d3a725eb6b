// SPDX-License-Identifier: MIT
public import SystemPackage

/// A module file and the name under which the kernel knows it.
public struct ResolvedModule: Equatable, Hashable, Sendable {
    /// The name in `/proc/modules`, with `_` for every `-`.
    public var name: String
    /// The file, compressed or not.
    public var path: FilePath

    public init(name: String, path: FilePath) {
        self.name = name
        self.path = path
    }
}

/// The kernel's spelling of a module's name: a file or a user may write `-` for `_`.
func kernelSpelling(_ name: some StringProtocol) -> String {
    String(name.map { $0 == "-" ? "_" : $0 })
}

// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

/// A Debian package of a kernel, taken apart in the cache; dpkg's own records do not hear of it.
enum KernelPackage {
    /// How many are kept; each takes some 400 MB.
    private static let limit = 3

    /// Whether a machine's kernel is named by its package.
    static func isOne(_ selection: String) -> Bool { selection.hasSuffix(".deb") }

    /// The kernel in a package, unpacked where that has not been done yet.
    ///
    /// - Throws: `OperationError` where the file is no package, no kernel's, or for other processors.
    static func unpacked(_ package: FilePath, cache: Cache) async throws -> KernelImage {
        guard package.exists else {
            throw OperationError("find", "kernel \(package)", errno: .noSuchFileOrDirectory)
        }
        let identity = "\(try package.resolved()) \(fileStamp(of: package))"
        let (root, _) = try await cache.file(
            "kernel",
            digest: StableHash.hexadecimal(identity),
            limit: limit
        ) { root in
            try await refuseOtherProcessors(package)
            try root.makeDirectory()
            do {
                try await take(apart: package, into: root)
            } catch {
                try root.removeTree()
                throw error
            }
        }
        return try KernelImage.find(root: root)
    }

    private static func take(apart package: FilePath, into root: FilePath) async throws {
        try await HostTool.dpkgDeb.run(["--extract", package.string, root.string])
        let modules = root.appending("lib/modules")
        let images = try root.appending("boot").isDirectory ? root.appending("boot").entryNames() : []
        let releases = modules.isDirectory ? try modules.entryNames() : []
        guard let release = releases.first(where: { images.contains("vmlinuz-\($0)") }) else {
            throw OperationError(
                "find",
                "kernel \(package)",
                cause: "the package does not hold a kernel with its modules",
                hint: "packages that do are named linux-image-RELEASE"
            )
        }
        // What the package's own script does once it is installed.
        try await HostTool.depmod.run(["--basedir", root.string, release])
    }

    private static func refuseOtherProcessors(_ package: FilePath) async throws {
        let processor = try await HostTool.dpkgDeb.run(["--field", package.string, "Architecture"]).prefix {
            $0 != "\n"
        }
        guard processor != "amd64" else { return }
        throw Architecture.unavailable(String(processor), for: "kernel \(package)")
    }
}

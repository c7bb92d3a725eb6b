// SPDX-License-Identifier: MIT
public import LinuxSystem
public import SystemPackage

/// A kernel of the host's distribution: its image and its modules.
public struct KernelImage: Equatable, Sendable {
    /// What `uname -r` prints under it, such as `6.1.0-56-amd64`.
    public var release: String
    /// The compressed image, `/boot/vmlinuz-…`.
    public var image: FilePath
    /// Its `/lib/modules/…`.
    public var modules: FilePath
    /// The configuration that it was built with, where there is one: `/boot/config-…`.
    public var configuration: FilePath?

    /// The kernel that `selection` names, or the newest one that has both an image and modules.
    ///
    /// - Parameters:
    ///   - selection: a release such as `6.1.0-56-amd64`, or the path of an image named `vmlinuz-RELEASE`.
    ///   - root: where `boot` and `lib/modules` are.
    /// - Throws: an error that says which of the two is missing, and how to install them.
    public static func find(_ selection: String? = nil, root: FilePath = "/") throws(OperationError)
        -> KernelImage
    {
        if let selection { return try named(selection, root: root) }
        let boot = root.appending("boot")
        let releases = names(in: boot).filter { $0.hasPrefix("vmlinuz-") }.map { String($0.dropFirst(8)) }
        let usable = releases.filter { root.appending("lib/modules/\($0)/modules.dep.bin").exists }
        guard let newest = usable.max(by: VersionOrder.isOlder) else {
            let missing =
                releases.isEmpty
                ? "no \(boot)/vmlinuz-*" : "no modules for \(releases.joined(separator: ", "))"
            throw OperationError("find", "kernel image", cause: missing, hint: Self.hint)
        }
        return KernelImage(release: newest, boot: boot, root: root)
    }

    private static let hint = "install one, as root: apt-get install linux-image-amd64"

    private static func named(_ selection: String, root: FilePath) throws(OperationError) -> KernelImage {
        let boot = root.appending("boot")
        let path = selection.contains("/") ? FilePath(selection) : boot.appending("vmlinuz-\(selection)")
        guard path.exists else {
            let known = names(in: boot).filter { $0.hasPrefix("vmlinuz-") }.map { $0.dropFirst(8) }
            let cause = "no such image; there are: \(known.isEmpty ? "none" : known.joined(separator: ", "))"
            throw OperationError(
                "find",
                "kernel \(selection)",
                errno: .noSuchFileOrDirectory,
                cause: cause,
                hint: hint
            )
        }
        guard let name = path.lastComponent?.string, name.hasPrefix("vmlinuz-") else {
            throw OperationError(
                "find",
                "kernel \(selection)",
                cause: "the file's name is not vmlinuz-RELEASE"
            )
        }
        let kernel = KernelImage(
            release: String(name.dropFirst(8)),
            boot: path.removingLastComponent(),
            root: root
        )
        guard kernel.modules.appending("modules.dep.bin").exists else {
            throw OperationError(
                "find",
                "kernel \(selection)",
                cause: "no modules in \(kernel.modules)",
                hint: hint
            )
        }
        return kernel
    }

    init(release: String, image: FilePath, modules: FilePath) {
        self.release = release
        self.image = image
        self.modules = modules
        let config = image.removingLastComponent().appending("config-\(release)")
        configuration = config.exists ? config : nil
    }

    private init(release: String, boot: FilePath, root: FilePath) {
        self.init(
            release: release,
            image: boot.appending("vmlinuz-\(release)"),
            modules: root.appending("lib/modules/\(release)")
        )
    }

    /// Whether the image can be entered as a PVH guest, which spares the firmware and the image's own decompressor.
    var hasPVHEntry: Bool {
        get throws { try configuration?.readText().contains("\nCONFIG_PVH=y\n") ?? false }
    }
}

/// The names in a directory; none when it cannot be read, which then looks like a directory without kernels.
private func names(in directory: FilePath) -> [String] {
    do throws(Errno) { return try directory.entryNames() } catch { return [] }
}

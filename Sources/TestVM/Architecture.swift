// SPDX-License-Identifier: MIT
public import LinuxSystem
import SystemPackage

/// The processors that a test VM can have.
public enum Architecture {
    /// The names of the only kind that there is an agent for.
    public static let available: Set = ["x86_64", "amd64", "x86-64"]

    /// What stands in the way of a machine with other processors.
    ///
    /// - Parameters:
    ///   - name: as Debian or the kernel has it, such as `arm64` or `aarch64`.
    ///   - object: what needs them.
    public static func unavailable(_ name: String, for object: String) -> OperationError {
        let emulator = emulators[name] ?? ("qemu-system-\(name)", "qemu-system-misc")
        let found = FilePath.locate(program: emulator.program) != nil
        let missing = found ? "" : "\(emulator.program) is not installed (package \(emulator.package)), and "
        return OperationError(
            "start",
            object,
            cause: "it is for \(name): \(missing)the guest's agent and this program are built for x86_64 only"
        )
    }

    private static let emulators: [String: (program: String, package: String)] = [
        "arm64": ("qemu-system-aarch64", "qemu-system-arm"),
        "aarch64": ("qemu-system-aarch64", "qemu-system-arm"),
        "armhf": ("qemu-system-arm", "qemu-system-arm"),
        "i386": ("qemu-system-i386", "qemu-system-x86"),
        "ppc64el": ("qemu-system-ppc64", "qemu-system-ppc"),
        "s390x": ("qemu-system-s390x", "qemu-system-misc"),
        "riscv64": ("qemu-system-riscv64", "qemu-system-misc"),
    ]
}

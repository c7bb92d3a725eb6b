// SPDX-License-Identifier: MIT
import Glibc
import LinuxSystem
import SystemPackage

/// Why a module stays.
struct UnloadFailure {
    let name: String
    let errno: Errno
    let holders: [String]
    let otherUsers: Int
    let isPermanent: Bool
    /// The SCSI targets and backstores that are likely to be its other users.
    let targets: [String]

    /// - Parameters:
    ///   - module: as the kernel shows it; nil where it does not know it any more.
    ///   - holders: the users that stand in the way; all when nil.
    ///   - configured: where the targets are looked for that may be its users.
    init(
        _ module: LoadedModule?,
        name: String? = nil,
        errno: Errno = .resourceTemporarilyUnavailable,
        holders: [String]? = nil,
        configured: ConfiguredTargets = ConfiguredTargets()
    ) {
        self.name = name ?? module?.name ?? ""
        self.errno = errno
        self.holders = holders ?? module?.holders ?? []
        otherUsers = module?.otherUsers ?? 0
        isPermanent = module?.isPermanent ?? false
        targets = otherUsers == 0 ? [] : configured.holding(self.name)
    }

    var error: OperationError {
        let (cause, hint) = explanation
        return OperationError("unload", name, errno: errno, cause: cause, hint: hint)
    }

    private var explanation: (String, String?) {
        switch errno {
        case .resourceTemporarilyUnavailable:
            (inUse, holders.isEmpty ? waiting : "unload them as well: --dependents")
        case .resourceBusy where isPermanent: ("it has no exit function and stays until the next boot", nil)
        case .resourceBusy:
            ("it is being loaded or unloaded by somebody else", "look at: ringside module list")
        case .notPermitted where geteuid() != 0: ("it needs root (CAP_SYS_MODULE)", "run it with sudo")
        case .notPermitted:
            (
                "not allowed to unload modules (CAP_SYS_MODULE, kernel.modules_disabled)",
                "cat /proc/sys/kernel/modules_disabled"
            )
        case .noSuchFileOrDirectory: ("it is not loaded", nil)
        default: (errno.description, nil)
        }
    }

    private var inUse: String {
        let others = otherUsers == 1 ? "1 other user" : "\(otherUsers) other users"
        if holders.isEmpty { return "it is in use: use count \(otherUsers) (\(likelyUsers))" }
        let modules = "it is used by \(holders.joined(separator: ", "))"
        return otherUsers == 0 ? modules : "\(modules) and \(others)"
    }

    private var likelyUsers: String {
        if targets.isEmpty { return "open files, mounts, devices" }
        let more = targets.count > 3 ? " and \(targets.count - 3) more" : ""
        return "configured: \(targets.prefix(3).joined(separator: ", "))\(more)"
    }

    private var waiting: String {
        targets.isEmpty
            ? "wait for them to go: --wait SECONDS"
            : "delete them; see: ringside target list, ringside backstore list"
    }
}

// SPDX-License-Identifier: MIT
import LinuxSystem
public import SystemPackage

/// The kernel's target configuration: the `target` directory of a mounted configfs.
///
/// Reading never writes. Every change is planned and checked first, carried out under advisory locks (on the
/// directory itself and, where it exists, on targetcli's lock file), and undone when it fails half way.
public struct TargetTree: Sendable {
    /// Where configfs is mounted unless the caller knows better.
    public static let defaultRoot: FilePath = "/sys/kernel/config"

    public let root: FilePath
    let fileSystem: any ConfigFileSystem
    let journal: FilePath
    /// How many units of a plan are carried out at the same time.
    let workers: Int

    var base: FilePath { root.appending("target") }

    /// How many workers there are unless the caller knows better: more gained nothing on two processors.
    public static let defaultWorkers = 8

    public init(
        root: FilePath = TargetTree.defaultRoot,
        fileSystem: any ConfigFileSystem = LinuxFileSystem(),
        journal: FilePath = TargetTree.defaultJournal,
        workers: Int = TargetTree.defaultWorkers
    ) {
        (self.root, self.fileSystem, self.journal, self.workers) = (root, fileSystem, journal, workers)
    }

    /// The directory of the vhost fabric: `vhost`, or `tcm_vhost` where a kernel has that instead.
    func fabric() throws(OperationError) -> FilePath {
        Self.fabric(among: try requireTargets())
    }

    static func fabric(among names: [String]) -> FilePath {
        names.contains("tcm_vhost") && !names.contains("vhost") ? "tcm_vhost" : "vhost"
    }

    /// The directories in `target`: `core` and the fabrics. It is there when configfs is mounted and the target core is loaded.
    @discardableResult
    func requireTargets() throws(OperationError) -> [String] {
        do throws(Errno) {
            return try fileSystem.list(base).filter { $0.kind == .directory }.map(\.name)
        } catch .noSuchFileOrDirectory {
            throw absence()
        } catch {
            throw OperationError("read", base.string, errno: error)
        }
    }

    private func absence() -> OperationError {
        let mounts: String
        do throws(Errno) {
            mounts = try fileSystem.read("/proc/mounts")
        } catch {
            mounts = ""
        }
        let isMounted = mounts.split(separator: "\n").contains { line in
            let fields = line.split(separator: " ")
            return fields.count > 2 && fields[1] == root.string && fields[2] == "configfs"
        }
        guard !isMounted else {
            return OperationError(
                "open",
                base.string,
                errno: .noSuchFileOrDirectory,
                cause: "target_core_mod is not loaded",
                hint: "load it with: ringside module load vhost_scsi"
            )
        }
        return OperationError(
            "open",
            root.string,
            errno: .noSuchFileOrDirectory,
            cause: "configfs is not mounted there",
            hint: "mount it with: modprobe configfs; mount -t configfs none \(root)"
        )
    }

    /// Runs `body` alone, after checking that this user may change the configuration and that nobody left it half way.
    func changing<Result>(_ body: () throws(OperationError) -> Result) throws(OperationError) -> Result {
        try alone { () throws(OperationError) in
            try refuseHalfway()
            return try body()
        }
    }

    /// How long a change waits for another, in seconds.
    static let patience = 10

    /// Runs `body` alone, after checking that this user may change the configuration.
    func alone<Result>(
        waiting seconds: Int = patience,
        _ body: () throws(OperationError) -> Result
    ) throws(OperationError) -> Result {
        try requireTargets()
        if let denial { throw denial }
        return try fileSystem.withLock(on: ["/run/targetcli.lock", base], waiting: seconds, body)
    }

    /// Why this user may not change the configuration; nil where that is allowed.
    var denial: OperationError? {
        do throws(Errno) {
            try fileSystem.checkWritable(base)
            return nil
        } catch {
            let needsRoot = error == .permissionDenied || error == .notPermitted
            return OperationError(
                "change",
                base.string,
                errno: error,
                cause: needsRoot ? "only root may change targets" : nil,
                hint: needsRoot ? "run it with sudo" : nil
            )
        }
    }
}

// SPDX-License-Identifier: MIT
public import LinuxSystem
public import SystemPackage

/// A module of the running kernel, as one line of `/proc/modules` shows it.
public struct LoadedModule: Equatable, Encodable, Sendable {
    /// What the kernel is doing with a module.
    public enum State: String, Encodable, Sendable {
        /// Its init function runs.
        case loading
        /// It is of use.
        case live
        /// Its exit function runs.
        case unloading
    }

    public var name: String
    /// The memory that it takes, in bytes.
    public var size: Int
    /// How many users it has, the modules that hold it among them; nil where the kernel cannot unload modules.
    public var referenceCount: Int?
    /// The modules that use it.
    public var holders: [String]
    /// Whether it can never be unloaded, for want of an exit function.
    public var isPermanent: Bool
    public var state: State
    /// Why it taints the kernel, in the letters of `Documentation/admin-guide/tainted-kernels.rst`; usually empty.
    public var taint: String

    /// Its users other than modules: open files, mounts, running threads.
    var otherUsers: Int { max(0, (referenceCount ?? 0) - holders.count) }

    /// - Parameter line: `NAME SIZE COUNT HOLDER,HOLDER,[permanent], STATE ADDRESS (TAINT)`.
    init?(_ line: Substring) {
        let words = line.split(separator: " ").map(String.init)
        guard words.count >= 5, let size = Int(words[1]),
            let state = ["Live": State.live, "Loading": .loading, "Unloading": .unloading][words[4]]
        else { return nil }
        let users = words[3] == "-" ? [] : words[3].split(separator: ",").map(String.init)
        name = words[0]
        self.size = size
        referenceCount = Int(words[2])
        holders = users.filter { $0 != "[permanent]" }
        isPermanent = users.contains("[permanent]")
        self.state = state
        taint = words.count > 6 ? words[6].filter { $0 != "(" && $0 != ")" } : ""
    }
}

/// Where the running kernel tells about its modules.
public struct RunningModules: Sendable {
    /// The list of modules.
    public var list: FilePath
    /// The kernel's log.
    public var log: FilePath

    public init(list: FilePath = "/proc/modules", log: FilePath = "/dev/kmsg") {
        self.list = list
        self.log = log
    }

    /// The loaded modules, the newest first.
    ///
    /// The corresponding command is `lsmod`.
    public func all() throws(OperationError) -> [LoadedModule] {
        do {
            return try list.readText().split(separator: "\n").compactMap { LoadedModule($0) }
        } catch Errno.noSuchFileOrDirectory {
            throw OperationError(
                "read",
                list.string,
                errno: .noSuchFileOrDirectory,
                cause: "the running kernel has no loadable modules (CONFIG_MODULES), or /proc is not mounted",
                hint: "use a test VM, whose kernel has them: ringside vm run"
            )
        } catch {
            throw OperationError("read", list.string, errno: error as? Errno)
        }
    }

    /// One loaded module.
    func module(named name: String) throws(OperationError) -> LoadedModule? {
        try all().first { $0.name == name }
    }
}

// SPDX-License-Identifier: MIT
import LinuxSystem
import Synchronization
import SystemPackage

@testable import TargetConfig

/// The target's configfs in memory, with the error numbers of the kernel: `kernel-answers.txt` holds the two together.
///
/// Paths outside configfs are plain files. One change can be made to fail, and an endpoint can hold a group.
final class FakeConfigFS: ConfigFileSystem {
    struct State {
        private(set) var nodes: [String: Node] = [:]
        /// The names in each directory.
        private var names: [String: Set<String>] = [:]
        /// How many links lead to each path.
        private(set) var exports: [FilePath: Int] = [:]
        /// The directory of the vhost fabric: some kernels call it `tcm_vhost`.
        var fabric = "vhost"
        var modules: Set<String> = ["vhost_scsi", "target_core_file", "target_core_iblock"]
        /// Groups that an endpoint holds.
        var claimed: Set<FilePath> = []
        /// Block devices that are mounted.
        var busy: Set<FilePath> = []
        /// By group and initiator, the protection type that the kernel remembers.
        var rememberedTypes: [FilePath: [String: String]] = [:]
        var isRoot = true
        /// The change, counted from 0, that fails, and how.
        var failures: [Int: Errno] = [:]
        var changes = 0
        /// From this change on nothing succeeds any more, as after a kill.
        var end: Int?
        var lockedPaths: [FilePath] = []
        /// Whether another process has the lock.
        var isLocked = false

        subscript(path: FilePath) -> Node? {
            get { nodes[path.string] }
            set {
                if let target = nodes[path.string]?.target { exports[target, default: 0] -= 1 }
                if let target = newValue?.target { exports[target, default: 0] += 1 }
                let (parent, name) = (path.removingLastComponent().string, path.lastComponent?.string ?? "")
                if newValue == nil {
                    names[parent]?.remove(name)
                } else {
                    names[parent, default: []].insert(name)
                }
                nodes[path.string] = newValue
            }
        }

        func children(of path: FilePath) -> [FilePath] {
            (names[path.string] ?? []).subtracting([""]).map { path.appending($0) }
        }
    }

    struct Node: Equatable {
        var kind: FileStatus.Kind
        /// Made by the kernel with its parent, and removed with it.
        var isDefault = false
        var value: String? = ""
        var isReadable = true
        var isWritable = true
        var size: Int64 = 0
        var target: FilePath?
    }

    static let base: FilePath = "/sys/kernel/config/target"
    let state = Mutex(State())

    init() {
        state.withLock { state in
            for path in ["/", "/tmp", "/run", "/run/ringside", "/proc", "/dev", "/proc/812", "/proc/812/fd"]
                as [FilePath]
            {
                state[path] = Node(kind: .directory, isDefault: true)
            }
            state["/proc/mounts"] = Node(kind: .file, value: "none /sys/kernel/config configfs rw 0 0\n")
            state["/proc/meminfo"] = Node(kind: .file, value: "MemFree: 1 kB\nMemAvailable:  262144 kB\n")
            state["/proc/812/comm"] = Node(kind: .file, value: "qemu-system-x86\n")
            state["/dev/null"] = Node(kind: .other)
            state["/dev/loop0"] = Node(kind: .blockDevice)
            for path in ["core", "core/alua", "core/alua/lu_gps"] as [FilePath] {
                state[Self.base.pushing(path)] = Node(kind: .directory, isDefault: true)
            }
            state[Self.base] = Node(kind: .directory, isDefault: true)
            state[Self.base.appending("version")] = Node(kind: .file, isDefault: true)
        }
    }

    /// One with the same configuration, of which `prepare` makes what a test needs.
    convenience init(copying other: FakeConfigFS, _ prepare: @Sendable (inout State) -> Void) {
        self.init()
        let copy = other.state.withLock { $0 }
        state.withLock { state in
            state = copy
            prepare(&state)
        }
    }

    var tree: TargetTree { TargetTree(fileSystem: self) }
    var changes: Int { state.withLock { $0.changes } }

    /// Every object by its path.
    var nodes: [String: Node] { state.withLock { $0.nodes } }

    /// Every path with its value: two that are equal are the same configuration.
    var snapshot: [String] {
        state.withLock { state in
            state.nodes.map { "\($0) \($1.kind) \($1.value ?? "-") \($1.target?.string ?? "")" }.sorted()
        }
    }

    func makeDirectory(_ path: FilePath) throws(Errno) {
        try change { s throws(Errno) in try s.makeDirectory(path) }
    }
    func removeDirectory(_ path: FilePath) throws(Errno) {
        try change { s throws(Errno) in try s.remove(path) }
    }
    func link(_ path: FilePath, to target: FilePath) throws(Errno) {
        try change { s throws(Errno) in try s.link(path, to: target) }
    }
    func unlink(_ path: FilePath) throws(Errno) { try change { s throws(Errno) in try s.unlink(path) } }
    func write(_ value: String, to path: FilePath) throws(Errno) {
        try change { s throws(Errno) in try s.write(value, to: path) }
    }
    func replace(_ path: FilePath, with text: String) throws(Errno) {
        try change { s throws(Errno) in
            guard s[path.removingLastComponent()] != nil else { throw .noSuchFileOrDirectory }
            s[path] = Node(kind: .file, value: text)
        }
    }
    func createFile(_ path: FilePath, size: Int64) throws(Errno) {
        try change { s throws(Errno) in
            if s[path] != nil { throw .fileExists }
            guard s[path.removingLastComponent()] != nil else { throw .noSuchFileOrDirectory }
            s[path] = Node(kind: .file, size: size)
        }
    }
    func read(_ path: FilePath) throws(Errno) -> String { try look { s throws(Errno) in try s.read(path) } }
    func readAttribute(_ path: FilePath) throws(Errno) -> String { try read(path) }
    func directory(_ path: FilePath) throws(Errno) -> any ConfigDirectory {
        try look { s throws(Errno) in
            guard let node = s[path] else { throw .noSuchFileOrDirectory }
            guard node.kind == .directory else { throw .notDirectory }
        }
        return Directory(fake: self, path: path)
    }
    func status(_ path: FilePath) throws(Errno) -> FileStatus {
        try look { s throws(Errno) in
            var end = path.lexicallyNormalized()
            if let target = s[end]?.target { end = target }
            guard let node = s[end] else { throw .noSuchFileOrDirectory }
            let inode = UInt64(truncatingIfNeeded: end.hashValue)
            return FileStatus(
                kind: node.kind,
                size: node.size,
                isEmpty: true,
                identity: .init(device: 1, inode: inode)
            )
        }
    }
    func linkTarget(_ path: FilePath) throws(Errno) -> FilePath {
        try look { s throws(Errno) in
            guard let node = s[path] else { throw .noSuchFileOrDirectory }
            guard let target = node.target else { throw .invalidArgument }
            return target
        }
    }
    func claim(_ device: FilePath) throws(Errno) {
        try look { s throws(Errno) in if s.busy.contains(device) { throw .resourceBusy } }
    }
    func checkWritable(_ path: FilePath) throws(Errno) {
        try look { s throws(Errno) in if !s.isRoot { throw .permissionDenied } }
    }
    func withLock<Result>(
        on paths: [FilePath],
        waiting seconds: Int,
        _ body: () throws(OperationError) -> Result
    ) throws(OperationError) -> Result {
        let isLocked = state.withLock { state in
            state.lockedPaths += paths
            return state.isLocked
        }
        if isLocked { throw OperationError("lock", paths[0].string, errno: .wouldBlock) }
        return try body()
    }

    private func change(_ body: (inout State) throws(Errno) -> Void) throws(Errno) {
        try state.withLock { (state) throws(Errno) in
            defer { state.changes += 1 }
            if let failure = state.failures[state.changes] { throw failure }
            if let end = state.end, state.changes >= end { throw .noSuchProcess }
            try body(&state)
        }
    }

    fileprivate func look<Result: Sendable>(_ body: (inout State) throws(Errno) -> Result) throws(Errno)
        -> Result
    {
        try state.withLock { (state) throws(Errno) in try body(&state) }
    }
}

/// A directory that is open. It is the path that stays, which nobody renames.
private struct Directory: ConfigDirectory {
    let fake: FakeConfigFS
    let path: FilePath

    func directory(_ path: String) throws(Errno) -> any ConfigDirectory {
        try fake.directory(self.path.pushing(FilePath(path)))
    }
    func list() throws(Errno) -> [(name: String, kind: FileStatus.Kind)] {
        try fake.look { [path] s throws(Errno) in
            s.children(of: path).map { ($0.lastComponent?.string ?? "", s[$0]?.kind ?? .other) }
                .sorted { $0.0 < $1.0 }
        }
    }
    func readAttribute(_ path: String) throws(Errno) -> [UInt8] {
        Array(try fake.readAttribute(self.path.pushing(FilePath(path))).utf8)
    }
    func linkTarget(_ path: String) throws(Errno) -> String {
        try fake.linkTarget(self.path.pushing(FilePath(path))).string
    }
    func directoryCount(_ path: String) throws(Errno) -> Int {
        try fake.directory(self.path.pushing(FilePath(path))).list().count { $0.kind == .directory }
    }
}

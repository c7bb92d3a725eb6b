// SPDX-License-Identifier: MIT
import CKmod
import Glibc
public import LinuxSystem
public import SystemPackage

/// The modules of one kernel: its module directory and the modprobe.d configuration that applies to it.
///
/// It answers questions about a kernel that does not run (``closure(of:)``, ``info(of:)``) and loads and unloads
/// modules of the one that does. It is not safe to share between threads.
///
/// What is unsafe in it and its extensions passes `raw`, which is valid as long as its owner, to libkmod, and takes
/// over or copies at once what comes back.
///
/// The corresponding C object is libkmod's `kmod_ctx`.
@safe public struct ModuleContext: ~Copyable {
    /// The module directory, usually `/lib/modules/VERSION`.
    public let directory: FilePath

    /// The configuration directories and files in the order in which they override each other.
    public let configPaths: [FilePath]

    /// Where the running kernel tells about its modules.
    public let running: RunningModules

    let raw: OpaquePointer

    /// What loading the indexes returned; only a look-up by name needs them.
    private let indexError: Errno?

    /// Where modprobe looks for configuration, the first that has a file of some name being the one that counts.
    public static var systemConfigPaths: [FilePath] {
        ["/etc/modprobe.d", "/run/modprobe.d", "/usr/local/lib/modprobe.d", "/lib/modprobe.d"]
    }

    /// Opens the indexes of a kernel's modules.
    ///
    /// - Parameters:
    ///   - directory: the module directory; `/lib/modules/` and the running kernel's release when nil.
    ///   - configPaths: modprobe.d directories or files; modprobe's own when nil, none when empty.
    ///   - running: where the running kernel tells about its modules.
    /// - Throws: `OperationError` when libkmod cannot make a context. A missing index is an error only once a
    ///   module is looked up by name.
    ///
    /// The corresponding C functions are `kmod_new` and `kmod_load_resources`.
    public init(
        directory: FilePath? = nil,
        configPaths: [FilePath]? = nil,
        running: RunningModules = RunningModules()
    ) throws(OperationError) {
        let paths = configPaths ?? Self.systemConfigPaths
        guard let context = unsafe Self.makeContext(directory: directory, configPaths: paths) else {
            throw OperationError("open", directory?.string ?? "/lib/modules", errno: Errno(rawValue: errno))
        }
        unsafe self.raw = unsafe context
        self.configPaths = paths
        self.running = running
        self.directory = unsafe FilePath(String(cString: kmod_get_dirname(context)))
        // Failures are told in words by the caller; the library would write them to standard error as well.
        unsafe kmod_set_log_priority(context, LOG_EMERG)
        let result = unsafe kmod_load_resources(context)
        self.indexError = result < 0 ? Errno(rawValue: -result) : nil
    }

    deinit {
        unsafe _ = kmod_unref(raw)
    }

    /// Unsafe for the C strings, which live until kmod_new has read the configuration and copied the directory.
    private static func makeContext(directory: FilePath?, configPaths: [FilePath]) -> OpaquePointer? {
        let strings = unsafe configPaths.map { unsafe strdup($0.string) }
        defer { unsafe strings.forEach { unsafe free($0) } }
        let list = unsafe strings.map { unsafe UnsafePointer($0) } + [nil]
        guard let directory else { return unsafe kmod_new(nil, list) }
        return unsafe kmod_new(directory.string, list)
    }

    /// The modules that a name, alias or `symbol:NAME` stands for; empty when the kernel has none of that name.
    func lookUp(_ name: String) throws(OperationError) -> [ModuleHandle] {
        try requireIndexes()
        var list: OpaquePointer?
        let result = unsafe kmod_module_new_from_lookup(raw, name, &list)
        guard result >= 0 else {
            throw OperationError("look up", name, errno: Errno(rawValue: -result))
        }
        return unsafe takeModules(from: list)
    }

    /// The module in a file, whatever the indexes say.
    func module(at path: FilePath) throws(OperationError) -> ModuleHandle {
        var module: OpaquePointer?
        let result = unsafe kmod_module_new_from_path(raw, path.string, &module)
        guard result >= 0, let module = unsafe module else {
            throw OperationError("open", path.string, errno: Errno(rawValue: -result))
        }
        return unsafe ModuleHandle(owning: module)
    }

    /// The module of a name, whether or not the indexes have it.
    func module(named name: String) throws(Errno) -> ModuleHandle {
        var module: OpaquePointer?
        let result = unsafe kmod_module_new_from_name(raw, name, &module)
        guard result >= 0, let module = unsafe module else { throw Errno(rawValue: -result) }
        return unsafe ModuleHandle(owning: module)
    }

    /// Whether modules can be looked up by name.
    var hasIndexes: Bool { indexError == nil }

    private func requireIndexes() throws(OperationError) {
        guard let indexError else { return }
        throw OperationError(
            "open",
            directory.appending("modules.dep.bin").string,
            errno: indexError,
            cause: "this kernel's modules are not installed or not indexed",
            hint:
                "install the package of this kernel (linux-image-\(directory.lastComponent?.string ?? "…")), "
                + "or index its modules with: depmod"
        )
    }
}

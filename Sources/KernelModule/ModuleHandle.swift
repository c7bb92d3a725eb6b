// SPDX-License-Identifier: MIT
import CKmod
import SystemPackage

/// Owns one reference to a libkmod module, which keeps the context alive as well.
///
/// What is unsafe below passes `raw`, which is valid as long as its owner, and copies strings as soon as they come.
@safe final class ModuleHandle {
    let raw: OpaquePointer

    /// Takes over the reference that a libkmod call returned.
    init(owning raw: OpaquePointer) {
        unsafe self.raw = unsafe raw
    }

    deinit {
        unsafe _ = kmod_module_unref(raw)
    }

    /// The name as the kernel spells it, taken from the index or from the file's name.
    var name: String { unsafe string(kmod_module_get_name(raw)) ?? "" }

    /// The file; none for a built-in module and for a name that is only an alias or a command.
    var path: FilePath? { unsafe string(kmod_module_get_path(raw)).map { FilePath($0) } }

    /// The options that modprobe.d and the kernel command line give it, as one line.
    var configuredOptions: String { unsafe string(kmod_module_get_options(raw)) ?? "" }

    /// The shell command that modprobe.d runs in place of loading it.
    var installCommand: String? { unsafe string(kmod_module_get_install_commands(raw)) }

    /// The shell command that modprobe.d runs in place of unloading it.
    var removeCommand: String? { unsafe string(kmod_module_get_remove_commands(raw)) }

    /// Whether modules.builtin has it.
    var isBuiltin: Bool {
        unsafe path == nil && kmod_module_get_initstate(raw) == CInt(KMOD_MODULE_BUILTIN.rawValue)
    }

    /// All modules that modules.dep says it needs, in the order to load them.
    var dependencies: [ModuleHandle] { unsafe takeModules(from: kmod_module_get_dependencies(raw)) }

    /// The modules that modprobe.d and modules.softdep want before and after it.
    var softDependencies: (before: [ModuleHandle], after: [ModuleHandle]) {
        var before: OpaquePointer?
        var after: OpaquePointer?
        guard unsafe kmod_module_get_softdeps(raw, &before, &after) >= 0 else { return ([], []) }
        return unsafe (takeModules(from: before), takeModules(from: after))
    }

    private func string(_ pointer: UnsafePointer<CChar>?) -> String? {
        unsafe pointer.map { unsafe String(cString: $0) }
    }
}

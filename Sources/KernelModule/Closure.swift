// SPDX-License-Identifier: MIT
public import LinuxSystem
import SystemPackage

extension ModuleContext {
    /// The files that loading some modules takes, in the order to load them: dependencies and soft dependencies first,
    /// each file once. Built-in modules need no file and are left out.
    ///
    /// Nothing is asked of the running kernel, so that the modules may belong to another one. A file outside the module
    /// directory finds what it depends on beside itself or in the module directory.
    ///
    /// - Parameter names: module names, aliases, or paths of `.ko` files.
    /// - Throws: `OperationError` when a name stands for nothing, a file cannot be read, or a dependency is missing.
    ///
    /// The corresponding command is `modprobe --show-depends`.
    public func closure(of names: [String]) throws(OperationError) -> [ResolvedModule] {
        let plan = try plan(for: names)
        if let missing = plan.missing.first { throw error(for: missing) }
        return plan.steps.compactMap { step in
            guard !step.isBuiltin, let path = step.path else { return nil }
            return ResolvedModule(name: step.name, path: path)
        }
    }

    func error(for missing: LoadPlan.Missing) -> OperationError {
        OperationError(
            "load",
            missing.neededBy,
            errno: .noSuchFileOrDirectory,
            cause: "it depends on \(missing.name), which is neither beside it nor in \(directory)",
            hint: "give the file of \(missing.name) as well, or put it in the same directory"
        )
    }
}

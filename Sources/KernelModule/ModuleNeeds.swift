// SPDX-License-Identifier: MIT
public import LinuxSystem
import SystemPackage

/// One module that loading another one takes.
public struct ModuleNeed: Equatable, Encodable, Sendable {
    /// Why a module is loaded.
    public enum Kind: String, Encodable, Sendable {
        /// Its symbols are used.
        case dependency
        /// It is wanted before or after, and its absence is no error.
        case soft
        /// It was asked for.
        case requested
    }

    public var name: String
    public var kind: Kind
    /// Its file; nil for a built-in module.
    public var file: String?
    public var isBuiltin: Bool
}

extension ModuleContext {
    /// What loading a module takes, in the order to load it, the module itself among it; nothing is asked of the
    /// running kernel.
    ///
    /// - Throws: `OperationError` when the name stands for nothing, a file cannot be read, or a dependency is missing.
    ///
    /// The corresponding command is `modprobe --show-depends`.
    public func needs(of name: String) throws(OperationError) -> [ModuleNeed] {
        let plan = try plan(for: [name])
        if let missing = plan.missing.first { throw error(for: missing) }
        return plan.steps.map { step in
            let kind: ModuleNeed.Kind =
                plan.requested.contains(step.name)
                ? .requested : plan.isRequired(step.name) ? .dependency : .soft
            return ModuleNeed(
                name: step.name,
                kind: kind,
                file: step.path?.string,
                isBuiltin: step.isBuiltin
            )
        }
    }

    /// The modules of the indexes that need a module, directly or not, sorted by name.
    ///
    /// - Parameter name: a module name or alias; that of a built-in module has none.
    /// - Throws: `OperationError` when the name stands for nothing.
    public func dependents(of name: String) throws(OperationError) -> [String] {
        let modules = try lookUp(name)
        if modules.isEmpty { throw notFound(name, operation: "find") }
        let wanted = Set(modules.map(\.name))
        // modules.dep has the whole closure of each module on its line.
        let lines = directory.appending("modules.dep").linesIfReadable()
        return lines.compactMap { line in
            let names = line.split { $0 == " " || $0 == ":" }.map { nameOfFile($0) }
            guard let first = names.first, names.dropFirst().contains(where: wanted.contains) else {
                return nil
            }
            return first
        }.sorted()
    }

    private func nameOfFile(_ file: Substring) -> String {
        kernelSpelling((file.split(separator: "/").last ?? file).prefix { $0 != "." })
    }
}

// SPDX-License-Identifier: MIT
import Glibc
public import LinuxSystem
import SystemPackage

/// A parameter of a loaded or built-in module, as `/sys/module/NAME/parameters` shows it.
public struct LoadedParameter: Equatable, Encodable, Sendable {
    public var name: String
    /// The kernel's word for its type, where the module's file tells it.
    public var type: String?
    /// Its value; nil where it cannot be read.
    public var value: String?
    /// Whether it can be changed while the module is loaded.
    public var isWritable: Bool
    public var summary: String?
}

extension ModuleContext {
    /// The parameters of a loaded or built-in module that sysfs shows, sorted by name.
    ///
    /// - Parameter module: its name, or its file, which then tells the types too.
    /// - Throws: `OperationError` where it is not loaded.
    public func loadedParameters(of module: String) throws(OperationError) -> [LoadedParameter] {
        let directory = try parameterDirectory(of: module)
        let known = declaredParameters(of: module)
        let names: [String]
        do throws(Errno) { names = try directory.entryNames() } catch { return [] }
        return names.map { name in
            let file = directory.appending(name)
            let declared = known.first { $0.name == name }
            return LoadedParameter(
                name: name,
                type: declared?.type,
                value: file.valueIfReadable,
                isWritable: file.isWritable,
                summary: declared?.summary
            )
        }
    }

    /// Changes parameters of a loaded or built-in module, all or none of them: each value is checked against its
    /// type first, and what was changed is changed back when the kernel refuses a later one.
    ///
    /// - Parameter assignments: `NAME=VALUE` each.
    /// - Returns: the parameters as they are afterwards.
    /// - Throws: `OperationError` that names the parameter and why its value is refused.
    public func setParameters(
        _ assignments: [String],
        of module: String,
        isDryRun: Bool = false
    ) throws(OperationError) -> [LoadedParameter] {
        let directory = try parameterDirectory(of: module)
        let known = try loadedParameters(of: module)
        var changes: [(parameter: LoadedParameter, value: String)] = []
        for assignment in assignments {
            changes.append(try change(assignment, of: module, among: known))
        }
        if isDryRun { return changes.map { change in change.parameter.with(value: change.value) } }
        for (place, change) in changes.enumerated() {
            let errno = write(change.value, to: directory.appending(change.parameter.name))
            guard let errno else { continue }
            let restored = changes[..<place].reversed().allSatisfy { earlier in
                write(earlier.parameter.value ?? "", to: directory.appending(earlier.parameter.name)) == nil
            }
            throw OperationError(
                "set",
                "\(module) \(change.parameter.name)",
                errno: errno,
                cause: "the kernel refuses '\(change.value)'",
                hint: place == 0 ? nil : restored ? "nothing is changed" : "earlier parameters stay changed"
            )
        }
        let names = Set(changes.map(\.parameter.name))
        return try loadedParameters(of: module).filter { names.contains($0.name) }
    }

    private func change(
        _ assignment: String,
        of module: String,
        among known: [LoadedParameter]
    ) throws(OperationError) -> (LoadedParameter, String) {
        let name = kernelSpelling(assignment.prefix { $0 != "=" })
        let value = String(assignment.dropFirst(name.count + 1))
        let object = "\(module) \(name)"
        guard let parameter = known.first(where: { $0.name == name }) else {
            throw OperationError(
                "set",
                object,
                errno: .noSuchFileOrDirectory,
                cause: "it has no such parameter in /sys",
                hint: known.isEmpty
                    ? "it shows none at all" : "it has: \(known.map(\.name).joined(separator: ", "))"
            )
        }
        guard parameter.isWritable else {
            throw OperationError(
                "set",
                object,
                errno: .permissionDenied,
                cause: "it can only be set when the module is loaded",
                hint: "unload it, then: ringside module load \(module) \(assignment)"
            )
        }
        if let type = parameter.type.flatMap(ParameterType.init), let fault = type.fault(in: value) {
            throw OperationError("set", object, errno: .invalidArgument, cause: "'\(value)' is \(fault)")
        }
        return (parameter, value)
    }

    private func parameterDirectory(of module: String) throws(OperationError) -> FilePath {
        let name =
            isModuleFile(module)
            ? try nameInside(self.module(at: absolute(FilePath(module)))) : kernelSpelling(module)
        let directory = FilePath("/sys/module").appending(name)
        guard directory.exists else {
            throw OperationError(
                "find",
                directory.string,
                errno: .noSuchFileOrDirectory,
                cause: "\(module) is not loaded",
                hint: "load it first, or see what it would take: ringside module info \(module)"
            )
        }
        return directory.appending("parameters")
    }

    /// What the module's file says; nothing where it is not to be found, as for one loaded from elsewhere.
    private func declaredParameters(of module: String) -> [ModuleParameter] {
        do throws(OperationError) { return try info(of: module).first?.parameters ?? [] } catch { return [] }
    }

    private func write(_ value: String, to file: FilePath) -> Errno? {
        do {
            let descriptor = try FileDescriptor.open(file, .writeOnly, options: .closeOnExec)
            // An empty write would not reach the kernel's parser.
            try descriptor.closeAfter { _ = try descriptor.writeAll((value + "\n").utf8) }
            return nil
        } catch {
            return error as? Errno ?? .ioError
        }
    }
}

extension LoadedParameter {
    fileprivate func with(value: String) -> LoadedParameter {
        var copy = self
        copy.value = value
        return copy
    }
}

extension FilePath {
    fileprivate var valueIfReadable: String? {
        do {
            let text = try readText()
            return text.hasSuffix("\n") ? String(text.dropLast()) : text
        } catch {
            return nil
        }
    }

    /// Whether its mode lets anybody write it; not where there is no such file.
    fileprivate var isWritable: Bool {
        let writers: FilePermissions = [.ownerWrite, .groupWrite, .otherWrite]
        do { return try !stat().permissions.isDisjoint(with: writers) } catch { return false }
    }
}

// SPDX-License-Identifier: MIT
public import LinuxSystem
import SystemPackage

/// What a module's file tells about it, as modinfo shows it.
public struct ModuleInfo: Equatable, Encodable, Sendable {
    /// Who signed a module.
    public struct Signature: Equatable, Encodable, Sendable {
        public var format: String
        public var signer: String?
        public var key: String?
        public var hash: String?
    }

    public var name: String
    /// The file; nil for a built-in module.
    public var file: String?
    public var isBuiltin: Bool
    public var description: String?
    public var version: String?
    public var license: String?
    public var authors: [String]
    /// The release, and the options that must agree, of the kernel that it was built for.
    public var vermagic: String?
    /// Whether it comes from the kernel's own tree.
    public var isInTree: Bool
    /// The modules whose symbols it uses.
    public var dependencies: [String]
    /// What it wants to have loaded before and after it.
    public var softDependenciesBefore: [String]
    public var softDependenciesAfter: [String]
    public var aliases: [String]
    public var firmware: [String]
    public var parameters: [ModuleParameter]
    public var signature: Signature?
    /// All fields in the order of the file, the signature's bytes left out.
    public var fields: [Field]

    public struct Field: Equatable, Encodable, Sendable {
        public var key: String
        public var value: String
    }
}

extension ModuleContext {
    /// What the files of some modules tell about them. Neither root nor a running kernel is needed.
    ///
    /// - Parameter name: a module, an alias, or the path of a `.ko` file.
    /// - Returns: one for each module that the name stands for.
    ///
    /// The corresponding C function is `kmod_module_get_info`.
    public func info(of name: String) throws(OperationError) -> [ModuleInfo] {
        if isModuleFile(name) { return [try info(of: module(at: absolute(FilePath(name))))] }
        let modules = try lookUp(name)
        if modules.isEmpty { throw notFound(name, operation: "find") }
        var infos: [ModuleInfo] = []
        for module in modules { infos.append(try info(of: module)) }
        return infos
    }

    private func info(of module: ModuleHandle) throws(OperationError) -> ModuleInfo {
        let fields = try module.fields()
        return ModuleInfo(
            name: fields["name"] ?? module.name,
            file: module.path?.string,
            isBuiltin: module.isBuiltin,
            description: fields["description"],
            version: fields["version"],
            license: fields["license"],
            authors: fields.all("author"),
            vermagic: fields["vermagic"]?.trimmed,
            isInTree: module.isBuiltin || fields["intree"] == "Y",
            dependencies: fields.dependencies,
            softDependenciesBefore: fields.softDependencies.before,
            softDependenciesAfter: fields.softDependencies.after,
            aliases: fields.all("alias"),
            firmware: fields.all("firmware"),
            parameters: fields.parameters,
            signature: fields.signature,
            fields: fields.pairs.filter { $0.key != "signature" }.map { .init(key: $0.key, value: $0.value) }
        )
    }
}

extension ModuleFields {
    fileprivate var signature: ModuleInfo.Signature? {
        guard let format = self["sig_id"] else { return nil }
        return .init(format: format, signer: self["signer"], key: self["sig_key"], hash: self["sig_hashalgo"])
    }
}

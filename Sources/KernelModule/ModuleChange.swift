// SPDX-License-Identifier: MIT

/// What became of a module between two looks at the kernel's list.
public struct ModuleChange: Equatable, Encodable, Sendable {
    public var module: String
    /// `loading`, `live`, `unloading`, or `absent`.
    public var state: String
    public var referenceCount: Int
    public var holders: [String]

    /// The modules that are not as they were: those that came or changed in the new list's order, then those that went.
    ///
    /// - Parameter names: the modules that count; all when empty.
    public static func between(
        _ before: [LoadedModule],
        _ after: [LoadedModule],
        names: [String] = []
    ) -> [ModuleChange] {
        let known = Dictionary(before.map { ($0.name, ModuleChange($0)) }) { first, _ in first }
        let changed = after.map { ModuleChange($0) }.filter { known[$0.module] != $0 }
        let left = Set(after.map(\.name))
        let gone = before.filter { !left.contains($0.name) }.map {
            ModuleChange(module: $0.name, state: "absent", referenceCount: 0, holders: [])
        }
        return (changed + gone).filter { names.isEmpty || names.contains($0.module) }
    }

    private init(module: String, state: String, referenceCount: Int, holders: [String]) {
        self.module = module
        self.state = state
        self.referenceCount = referenceCount
        self.holders = holders
    }

    init(_ module: LoadedModule) {
        self.init(
            module: module.name,
            state: module.state.rawValue,
            referenceCount: module.referenceCount ?? 0,
            holders: module.holders
        )
    }
}

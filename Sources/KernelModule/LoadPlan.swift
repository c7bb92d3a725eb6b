// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

/// The modules that a load touches, each once, in the order to load them.
struct LoadPlan {
    struct Step {
        let module: ModuleHandle
        let name: String
        let path: FilePath?
        let isBuiltin: Bool
    }

    /// A dependency that neither the indexes nor the module's own directory has.
    struct Missing {
        let name: String
        let neededBy: String
    }

    var steps: [Step] = []
    var missing: [Missing] = []
    /// The modules that were asked for, as opposed to what they need.
    var requested: [String] = []
    /// Those of them that an alias offers together with others.
    var choices: Set<String> = []
    /// The files that were asked for, by the name that their modules will have.
    var files: [String: ModuleHandle] = [:]
    /// Every module met so far, and whether the load fails without it.
    private var required: [String: Bool] = [:]

    /// True for what was asked for and its dependencies, false for soft dependencies.
    func isRequired(_ name: String) -> Bool { required[name] ?? false }

    /// True for what was not asked for but is needed.
    func isDependency(_ name: String) -> Bool { isRequired(name) && !requested.contains(name) }

    /// True for what was asked for and has no alternative.
    func isOnlyChoice(_ name: String) -> Bool { requested.contains(name) && !choices.contains(name) }

    /// Notes that `name` is needed.
    ///
    /// - Returns: whether it is new, and whether it must be looked into (again) for its dependencies.
    mutating func meet(_ name: String, isRequired: Bool) -> (isNew: Bool, isDue: Bool) {
        let known = required[name]
        if known == true || (known != nil && !isRequired) { return (false, false) }
        required[name] = isRequired
        return (known == nil, true)
    }
}

extension ModuleContext {
    /// Resolves names, aliases and files to all modules that loading them takes.
    ///
    /// - Throws: `OperationError` when a name stands for nothing or a file cannot be read.
    func plan(for names: [String]) throws(OperationError) -> LoadPlan {
        var plan = LoadPlan()
        for name in names where isModuleFile(name) {
            let module = try module(at: absolute(FilePath(name)))
            plan.files[try nameInside(module)] = module
        }
        for name in names {
            let modules = try resolve(name, in: plan)
            for module in modules {
                let name = try nameInside(module)
                plan.requested.append(name)
                if modules.count > 1 { plan.choices.insert(name) }
                try visit(module, name: name, isRequired: true, in: &plan)
            }
        }
        return plan
    }

    private func resolve(_ name: String, in plan: LoadPlan) throws(OperationError) -> [ModuleHandle] {
        if isModuleFile(name) { return [try module(at: absolute(FilePath(name)))] }
        let modules = try lookUp(name)
        if modules.isEmpty { throw notFound(name) }
        return modules
    }

    private func visit(
        _ module: ModuleHandle,
        name: String,
        isRequired: Bool,
        in plan: inout LoadPlan
    ) throws(OperationError) {
        let (isNew, isDue) = plan.meet(name, isRequired: isRequired)
        guard isDue else { return }
        let needs = try needs(of: module, name: name, in: &plan)
        for need in needs.required {
            try visit(need, name: nameInside(need), isRequired: isRequired, in: &plan)
        }
        guard isNew else { return }
        for need in needs.before { try visit(need, name: nameInside(need), isRequired: false, in: &plan) }
        plan.steps.append(.init(module: module, name: name, path: module.path, isBuiltin: module.isBuiltin))
        for need in needs.after { try visit(need, name: nameInside(need), isRequired: false, in: &plan) }
    }

    private struct Needs {
        var required: [ModuleHandle]
        var before: [ModuleHandle]
        var after: [ModuleHandle]
    }

    /// What a module of the indexes needs is in the indexes; what any other file needs, it says itself.
    private func needs(
        of module: ModuleHandle,
        name: String,
        in plan: inout LoadPlan
    ) throws(OperationError) -> Needs {
        var needs = Needs(
            required: [],
            before: module.softDependencies.before,
            after: module.softDependencies.after
        )
        guard let path = module.path, isOutOfTree(path) else {
            needs.required = module.dependencies
            return needs
        }
        let fields = try module.fields()
        for dependency in fields.dependencies {
            if let found = try find(dependency, beside: path, in: plan) {
                needs.required.append(found)
            } else {
                plan.missing.append(.init(name: dependency, neededBy: name))
            }
        }
        let soft = fields.softDependencies
        for name in soft.before { needs.before += try findSoft(name, beside: path, in: plan) }
        for name in soft.after { needs.after += try findSoft(name, beside: path, in: plan) }
        return needs
    }

    /// A module that another one needs: among the files given, beside it, or in the indexes.
    private func find(
        _ name: String,
        beside path: FilePath,
        in plan: LoadPlan
    ) throws(OperationError) -> ModuleHandle? {
        if let given = plan.files[kernelSpelling(name)] { return given }
        if let sibling = sibling(name, of: path) { return try module(at: sibling) }
        return try lookUp(name).first
    }

    private func findSoft(
        _ name: String,
        beside path: FilePath,
        in plan: LoadPlan
    ) throws(OperationError) -> [ModuleHandle] {
        if let given = plan.files[kernelSpelling(name)] { return [given] }
        if let sibling = sibling(name, of: path) { return [try module(at: sibling)] }
        return try lookUp(name)
    }
}

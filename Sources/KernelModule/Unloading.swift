// SPDX-License-Identifier: MIT
import CKmod
import Glibc
public import LinuxSystem
import OptionParsing
import SystemPackage

extension ModuleContext {
    /// Unloads modules; whatever uses them stands in the way, unless it is to go as well.
    ///
    /// Nothing is unloaded when it can be seen beforehand that one of them is in use.
    ///
    /// - Parameters:
    ///   - names: names of loaded modules, aliases, or paths of `.ko` files.
    ///   - options: what else to unload, and how long to wait.
    /// - Throws: `OperationError` that names the users, and what had been unloaded before.
    ///
    /// The corresponding C function is `kmod_module_remove_module`, the system call `delete_module`.
    public func unload(
        _ names: [String],
        options: UnloadOptions = UnloadOptions()
    ) throws(OperationError) -> UnloadReport {
        let loaded = try running.all()
        var order: [String] = []
        for name in names {
            for module in try loadedModules(for: name, among: loaded) {
                try appendWithDependents(module, of: loaded, options: options, to: &order)
            }
        }
        try refuseUsed(order, among: loaded, options: options)
        if options.isDryRun {
            let candidates = options.includesUnusedDependencies ? dependencies(of: order, among: loaded) : []
            return UnloadReport(unloaded: order, candidates: candidates)
        }
        var report = UnloadReport()
        let messages = KernelMessages(log: running.log)
        try remove(order, options: options, report: &report)
        if options.includesUnusedDependencies {
            try removeUnused(dependencies(of: order, among: loaded), report: &report)
        }
        report.kernelMessages = messages.takeNew()
        return report
    }

    /// Unloads what a load inserted, the last one first.
    ///
    /// - Throws: `OperationError` that names the first one that stays, its users, and what had been unloaded before.
    public func undo(_ load: LoadReport, patience: Duration = .zero) throws(OperationError) -> UnloadReport {
        var options = UnloadOptions()
        options.patience = patience
        return try unload(load.inserted.reversed(), options: options)
    }

    private func loadedModules(for name: String, among loaded: [LoadedModule]) throws(OperationError)
        -> [LoadedModule]
    {
        let wanted =
            isModuleFile(name) ? try nameInside(module(at: absolute(FilePath(name)))) : kernelSpelling(name)
        if let module = loaded.first(where: { $0.name == wanted }) { return [module] }
        let meant = isModuleFile(name) ? [] : try lookUpIfIndexed(name)
        let names = Set(meant.map(\.name))
        let found = loaded.filter { names.contains($0.name) }
        if found.isEmpty { throw notLoaded(name, meant: meant, loaded: loaded) }
        return found
    }

    /// A loaded module is known to the kernel, whether or not its indexes are installed.
    private func lookUpIfIndexed(_ name: String) throws(OperationError) -> [ModuleHandle] {
        hasIndexes ? try lookUp(name) : []
    }

    private func notLoaded(_ name: String, meant: [ModuleHandle], loaded: [LoadedModule]) -> OperationError {
        if meant.contains(where: \.isBuiltin) {
            return OperationError("unload", name, cause: "it is built into the kernel and cannot be unloaded")
        }
        let letters = Array(kernelSpelling(name).utf8)
        let near = loaded.map(\.name).filter {
            NearestName.edits(Array($0.utf8), letters) <= NearestName.limit(for: letters)
        }
        return OperationError(
            "unload",
            name,
            errno: .noSuchFileOrDirectory,
            cause: meant.isEmpty ? "no module of that name is loaded" : "it is not loaded",
            hint: near.isEmpty ? nil : "loaded is: \(near.prefix(3).joined(separator: ", "))"
        )
    }

    /// Users first, so that each module is free when its turn comes.
    private func appendWithDependents(
        _ module: LoadedModule,
        of loaded: [LoadedModule],
        options: UnloadOptions,
        to order: inout [String]
    ) throws(OperationError) {
        if order.contains(module.name) { return }
        if options.includesDependents {
            for holder in loaded where module.holders.contains(holder.name) {
                try appendWithDependents(holder, of: loaded, options: options, to: &order)
            }
        }
        order.append(module.name)
    }

    /// Checks what can be known before anything is unloaded.
    private func refuseUsed(
        _ order: [String],
        among loaded: [LoadedModule],
        options: UnloadOptions
    ) throws(OperationError) {
        for (place, name) in order.enumerated() {
            guard let module = loaded.first(where: { $0.name == name }) else { continue }
            let holders = module.holders.filter { !order[..<place].contains($0) }
            if module.isPermanent && !options.isForced {
                throw UnloadFailure(module, errno: .resourceBusy).error
            }
            if !holders.isEmpty { throw UnloadFailure(module, holders: holders).error }
            // A later one's other users may go with the modules before it, such as users of a crypto algorithm.
            let mayGo = place > 0 || options.patience > .zero || options.isForced
            if module.otherUsers > 0 && !mayGo { throw UnloadFailure(module).error }
        }
    }

    private func remove(
        _ order: [String],
        options: UnloadOptions,
        report: inout UnloadReport
    ) throws(OperationError) {
        let deadline = ContinuousClock.now.advanced(by: options.patience)
        for name in order {
            do throws(OperationError) {
                try remove(name, isForced: options.isForced, until: deadline)
            } catch {
                throw error.told(after: report.unloaded)
            }
            report.unloaded.append(name)
        }
    }

    /// Takes one module out, waiting until its users are gone or the time is over.
    func remove(
        _ name: String,
        isForced: Bool = false,
        until deadline: ContinuousClock.Instant
    ) throws(OperationError) {
        while true {
            do throws(OperationError) {
                return try remove(name, isForced: isForced)
            } catch {
                let mayGo = error.errno == .resourceTemporarilyUnavailable
                guard mayGo && ContinuousClock.now < deadline else { throw error }
                usleep(10_000)
            }
        }
    }

    /// Takes one module out, or runs the command that modprobe.d has in its place, and verifies that it is gone.
    ///
    /// - Throws: `OperationError` that tells why it is still there.
    func remove(_ name: String, isForced: Bool = false) throws(OperationError) {
        let command: ShellCommand
        do throws(Errno) {
            let module = try module(named: name)
            guard let line = module.removeCommand else {
                let flags = KMOD_REMOVE_NOLOG.rawValue | (isForced ? KMOD_REMOVE_FORCE.rawValue : 0)
                try Errno.check(unsafe kmod_module_remove_module(module.raw, flags))
                return
            }
            command = ShellCommand(line, module: name)
        } catch {
            throw UnloadFailure(try running.module(named: name), name: name, errno: error).error
        }
        let status = command.run()
        if try running.module(named: name) != nil { throw command.error(status: status, operation: "unload") }
    }

    /// Unloads those of some modules that have no users any more, again and again, because each may free others.
    func removeUnused(_ candidates: [String], report: inout UnloadReport) throws(OperationError) {
        var candidates = candidates
        while let unused = try running.all().first(where: { module in
            candidates.contains(module.name) && module.referenceCount == 0 && module.holders.isEmpty
        }) {
            candidates.removeAll { $0 == unused.name }
            do throws(OperationError) {
                try remove(unused.name)
                report.unloaded.append(unused.name)
            } catch {
                // Somebody may have begun to use it; then it stays.
            }
        }
    }

    /// What some modules use, directly or not, and their soft dependencies.
    private func dependencies(of names: [String], among loaded: [LoadedModule]) -> [String] {
        var found = names
        var place = 0
        while place < found.count {
            let name = found[place]
            let soft = softDependencies(of: name)
            let used = loaded.filter { $0.holders.contains(name) || soft.contains($0.name) }.map(\.name)
            found += used.filter { !found.contains($0) }
            place += 1
        }
        return Array(found.dropFirst(names.count))
    }

    private func softDependencies(of name: String) -> [String] {
        do throws(Errno) {
            let soft = try module(named: name).softDependencies
            return (soft.before + soft.after).map(\.name)
        } catch {
            return []
        }
    }
}

extension OperationError {
    /// The error of one module, with those that were unloaded before.
    fileprivate func told(after unloaded: [String]) -> OperationError {
        if unloaded.isEmpty { return self }
        var error = self
        let lines = [hint, "unloaded before: \(unloaded.joined(separator: ", "))"].compactMap { $0 }
        error.hint = lines.joined(separator: "\n")
        return error
    }
}

// SPDX-License-Identifier: MIT
import CKmod
import Glibc
public import LinuxSystem
import SystemPackage

extension ModuleContext {
    /// Loads modules with everything that they depend on, or nothing: a load that fails half way unloads again what it
    /// had loaded, in reverse order, and says so.
    ///
    /// modprobe.d is honoured as modprobe does it, with one difference: a blacklisted module is refused by its name
    /// too, not only by its aliases. Modules that are loaded already or built in are no error.
    ///
    /// - Parameters:
    ///   - names: module names, aliases, or paths of `.ko` files.
    ///   - parameters: `NAME=VALUE` for every module that was asked for; appended to those of modprobe.d.
    ///   - options: how strict to be.
    /// - Returns: what is loaded now and was not before.
    /// - Throws: `OperationError` that tells why in words, with the kernel's messages.
    ///
    /// The corresponding C function is `kmod_module_insert_module`, the system call `finit_module`.
    public func load(
        _ names: [String],
        parameters: [String] = [],
        options: LoadOptions = LoadOptions()
    ) throws(OperationError) -> LoadReport {
        let plan = try plan(for: names)
        let before = try options.isDryRun && !running.list.exists ? [] : running.all()
        var report = LoadReport(requested: plan.requested)
        let steps = try selectSteps(of: plan, besides: before, options: options, report: &report)
        try checkParameters(parameters, of: plan, options: options)
        let jobs = steps.map { step in
            let given = plan.requested.contains(step.name) ? parameters : []
            return LoadJob(step: step, parameters: words(step.module.configuredOptions, given))
        }
        if options.isDryRun {
            report.loaded = jobs.map(\.asLoaded)
            return report
        }
        let messages = KernelMessages(log: running.log)
        try run(jobs, of: plan, messages: messages, options: options, report: &report)
        report.loaded = try difference(from: before, jobs: jobs)
        return report
    }

    /// Drops the steps that need no work, and refuses what must not be loaded before anything is.
    private func selectSteps(
        of plan: LoadPlan,
        besides loaded: [LoadedModule],
        options: LoadOptions,
        report: inout LoadReport
    ) throws(OperationError) -> [LoadPlan.Step] {
        let live = Set(loaded.filter { $0.state == .live }.map(\.name))
        if let missing = plan.missing.first(where: { !live.contains(kernelSpelling($0.name)) }) {
            throw error(for: missing)
        }
        var selected: [LoadPlan.Step] = []
        for step in plan.steps {
            let isRequested = plan.requested.contains(step.name)
            if step.isBuiltin {
                report.builtin.append(step.name)
            } else if live.contains(step.name) {
                if isRequested && options.mustBeNew { throw alreadyLoaded(step.name) }
                report.alreadyLoaded.append(step.name)
            } else if !options.ignoresBlacklist && isBlacklisted(step.name) && !plan.isDependency(step.name) {
                if plan.isOnlyChoice(step.name) { throw blacklisted(step.name) }
                report.skipped.append(
                    .init(name: step.name, cause: "blacklisted in \(blacklistSource(of: step.name))")
                )
            } else {
                selected.append(step)
            }
        }
        return selected
    }

    private func alreadyLoaded(_ name: String) -> OperationError {
        OperationError("load", name, errno: .fileExists, cause: "it is loaded already")
    }

    private func checkParameters(
        _ parameters: [String],
        of plan: LoadPlan,
        options: LoadOptions
    ) throws(OperationError) {
        guard !parameters.isEmpty, !options.allowsUnknownParameters else { return }
        for step in plan.steps where plan.requested.contains(step.name) {
            try step.module.fields().check(parameters, of: step.name)
        }
    }

    private func words(_ configured: String, _ given: [String]) -> String {
        ([configured] + given.map { $0.kernelQuoted }).filter { !$0.isEmpty }.joined(separator: " ")
    }

    private func run(
        _ jobs: [LoadJob],
        of plan: LoadPlan,
        messages: borrowing KernelMessages,
        options: LoadOptions,
        report: inout LoadReport
    ) throws(OperationError) {
        var done: [String] = []
        for job in jobs {
            let failure = try insert(job, messages: messages, options: options, report: &report)
            if var failure {
                guard plan.isRequired(job.step.name) else {
                    report.skipped.append(.init(name: job.step.name, cause: failure.cause))
                    continue
                }
                let lines = [rollBack(done), failure.hint].compactMap { $0 }
                failure.hint = lines.isEmpty ? nil : lines.joined(separator: "\n")
                throw failure
            }
            done.append(job.step.name)
        }
    }

    /// Inserts one module, or runs the command that modprobe.d has in its place, and verifies that it is live.
    ///
    /// - Returns: why it is not; nil when it is.
    private func insert(
        _ job: LoadJob,
        messages: borrowing KernelMessages,
        options: LoadOptions,
        report: inout LoadReport
    ) throws(OperationError) -> OperationError? {
        let command = job.step.module.installCommand.map { ShellCommand($0, module: job.step.name) }
        let result: CInt
        if let command {
            result = command.run(parameters: job.parameters)
        } else {
            result = insert(job, options: options)
        }
        let said = messages.takeNew()
        report.kernelMessages += said
        if try running.module(named: job.step.name)?.state == .live { return nil }
        if let command { return command.error(status: result, operation: "load") }
        // The library reports success for an init function that returned -EEXIST.
        let errno = result < 0 ? Errno(rawValue: -result) : .fileExists
        var failure = LoadFailure(module: job.step.name, errno: errno, messages: said)
        failure.isLogReadable = messages.isReadable
        for symbol in failure.unknownSymbols { failure.providers[symbol] = providers(of: symbol) }
        return failure.error
    }

    private func insert(_ job: LoadJob, options: LoadOptions) -> CInt {
        let force = KMOD_INSERT_FORCE_VERMAGIC.rawValue | KMOD_INSERT_FORCE_MODVERSION.rawValue
        return unsafe kmod_module_insert_module(
            job.step.module.raw,
            options.isForced ? force : 0,
            job.parameters
        )
    }

    private func providers(of symbol: String) -> [String] {
        do {
            return try lookUp("symbol:\(symbol)").map(\.name)
        } catch {
            return []
        }
    }

    /// Unloads what a failed load had loaded; what the kernel keeps is named.
    private func rollBack(_ done: [String]) -> String? {
        if done.isEmpty { return nil }
        var kept: [String] = []
        for name in done.reversed() {
            do throws(OperationError) {
                try remove(name)
            } catch {
                kept.append(name)
            }
        }
        let gone = done.reversed().filter { !kept.contains($0) }
        let parts = [
            gone.isEmpty ? nil : "unloaded again: \(gone.joined(separator: ", "))",
            kept.isEmpty ? nil : "still loaded: \(kept.joined(separator: ", "))",
        ]
        return parts.compactMap { $0 }.joined(separator: "; ")
    }

    /// What is loaded now and was not before; `/proc/modules` has the newest first.
    private func difference(from before: [LoadedModule], jobs: [LoadJob]) throws(OperationError)
        -> [LoadReport.Loaded]
    {
        let known = Set(before.map(\.name))
        return try running.all().reversed().filter { !known.contains($0.name) }.map { module in
            jobs.first { $0.step.name == module.name }?.asLoaded ?? .init(name: module.name, parameters: "")
        }
    }
}

/// One module of a load and the parameters that it gets.
private struct LoadJob {
    let step: LoadPlan.Step
    let parameters: String

    var asLoaded: LoadReport.Loaded {
        .init(name: step.name, file: step.path?.string, parameters: parameters)
    }
}

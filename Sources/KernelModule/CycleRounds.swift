// SPDX-License-Identifier: MIT
import CKmod
import Glibc
import LinuxSystem
import SystemPackage

/// The module to be cycled, and what it depends on.
struct CyclePlan {
    let step: LoadPlan.Step
    let file: FilePath
    let dependencies: [FilePath]
    let parameters: String

    init(_ cycle: ModuleCycle, in context: borrowing ModuleContext) throws(OperationError) {
        let plan = try context.plan(for: [cycle.name])
        guard let step = plan.steps.first(where: { plan.requested == [$0.name] }) else {
            throw OperationError(
                "cycle",
                cycle.name,
                cause: "it stands for several modules: \(plan.requested)"
            )
        }
        guard let file = step.path, !step.isBuiltin else {
            throw OperationError(
                "cycle",
                step.name,
                cause: "it is built into the kernel and cannot be unloaded"
            )
        }
        let loaded = try context.running.list.exists ? context.running.all() : []
        if loaded.contains(where: { $0.name == step.name }) {
            throw OperationError(
                "cycle",
                step.name,
                cause: "it is loaded already",
                hint: "unload it first: ringside module unload \(step.name)"
            )
        }
        if !cycle.options.ignoresBlacklist && context.isBlacklisted(step.name) {
            throw context.blacklisted(step.name)
        }
        if let missing = plan.missing.first(where: { need in !loaded.contains { $0.name == need.name } }) {
            throw context.error(for: missing)
        }
        try step.module.fields().check(cycle.options.parameters, of: step.name)
        let given = cycle.options.parameters.map(\.kernelQuoted)
        parameters = ([step.module.configuredOptions] + given).filter { !$0.isEmpty }.joined(separator: " ")
        dependencies = plan.steps.filter { $0.name != step.name && !$0.isBuiltin }.compactMap(\.path)
        self.step = step
        self.file = file
    }

    func report(_ cycle: ModuleCycle) -> CycleReport {
        var report = CycleReport(
            module: step.name,
            file: file.string,
            requestedRounds: cycle.options.rounds
        )
        report.dependencies = dependencies.compactMap { $0.lastComponent?.stem }
        return report
    }
}

/// Why the rounds ended early; thrown within a round only.
private struct BadRound: Error {
    var fault: CycleFault
}

extension ModuleCycle {
    /// All of it, from the dependencies' load to their unload, in the thread that the kernel may kill.
    func work(_ progress: CycleProgress) -> Result<CycleReport, OperationError> {
        Result { () throws(OperationError) in
            let start = MonotonicClock.nanoseconds
            let context = try makeContext()
            let plan = try CyclePlan(self, in: context)
            let before = Set(try running.all().map(\.name))
            let needed =
                try plan.dependencies.isEmpty ? LoadReport() : context.load(plan.dependencies.map(\.string))
            var rounds = CycleRounds(cycle: self, plan: plan, progress: progress)
            rounds.report.dependencies = needed.inserted
            rounds.run(context)
            var report = rounds.report
            if report.fault == nil {
                var unloaded = UnloadReport()
                try context.removeUnused(needed.inserted, report: &unloaded)
            }
            let after = try running.all().map(\.name)
            report.leftLoaded = after.filter { !before.contains($0) && $0 != report.module }
            report.total = Int((MonotonicClock.nanoseconds - start) / 1000)
            return report
        }
    }
}

private struct CycleRounds {
    let cycle: ModuleCycle
    let plan: CyclePlan
    let progress: CycleProgress
    var report: CycleReport
    private var loads: [UInt64] = []
    private var unloads: [UInt64] = []
    private var rounds: [UInt64] = []

    init(cycle: ModuleCycle, plan: CyclePlan, progress: CycleProgress) {
        self.cycle = cycle
        self.plan = plan
        self.progress = progress
        report = plan.report(cycle)
    }

    mutating func run(_ context: borrowing ModuleContext) {
        let messages = KernelMessages(log: cycle.running.log)
        var watch: MemoryWatch?
        do throws(BadRound) {
            for round in 1...cycle.options.rounds {
                let start = MonotonicClock.nanoseconds
                defer { rounds.append(MonotonicClock.nanoseconds - start) }
                try passRound(round, context, messages)
                let isLast = round == cycle.options.rounds || progress.isToEnd
                if round == 1 { watch = makeWatch() } else { try measure(round, isLast: isLast, &watch) }
                report.goodRounds = round
                if isLast { break }
            }
        } catch {
            report.fault = error.fault
            report.fault?.moduleState = cycle.state(of: plan.step.name)
        }
        if report.fault == nil && report.goodRounds < 2 && report.memoryUnwatched == nil {
            report.memoryUnwatched = "one round has nothing that it could be compared with"
        }
        report.load = CycleTimes(nanoseconds: loads)
        report.unload = CycleTimes(nanoseconds: unloads)
        report.round = CycleTimes(nanoseconds: rounds)
        report.allRounds = Int(rounds.reduce(0, +) / 1000)
    }

    private mutating func makeWatch() -> MemoryWatch? {
        do {
            return try MemoryWatch(source: cycle.memory, after: 1)
        } catch {
            report.memoryUnwatched = "cannot read \(cycle.memory.slabs): \(error)"
            return nil
        }
    }

    private mutating func passRound(
        _ round: Int,
        _ context: borrowing ModuleContext,
        _ messages: borrowing KernelMessages
    ) throws(BadRound) {
        progress.enter("load", report)
        let start = MonotonicClock.nanoseconds
        let errno = context.insertAlone(plan.step.module, parameters: plan.parameters)
        let loaded = MonotonicClock.nanoseconds
        loads.append(loaded - start)
        let said = messages.takeNew()
        try refuseTrouble(round, "load", said)
        if let errno {
            let failure = LoadFailure(module: plan.step.name, errno: errno, messages: said)
            try fail(round, .load, "load", failure.error.cause, said)
        }
        progress.enter("unload", report)
        let begin = MonotonicClock.nanoseconds
        do throws(OperationError) {
            try context.remove(plan.step.name, until: .now.advanced(by: cycle.options.patience))
        } catch {
            try fail(round, .unload, "unload", error.cause, messages.takeNew())
        }
        unloads.append(MonotonicClock.nanoseconds - begin)
        try refuseTrouble(round, "unload", messages.takeNew())
        progress.enter("check", report)
    }

    private func refuseTrouble(_ round: Int, _ phase: String, _ messages: [String]) throws(BadRound) {
        if let trouble = messages.trouble { try fail(round, .kernel, phase, trouble, messages) }
    }

    private func fail(
        _ round: Int,
        _ kind: CycleFault.Kind,
        _ phase: String,
        _ cause: String,
        _ messages: [String]
    ) throws(BadRound) {
        throw BadRound(
            fault: CycleFault(
                kind: kind,
                round: round,
                lastGoodRound: round - 1,
                cause: cause,
                phase: phase,
                kernelMessages: messages
            )
        )
    }

    /// A rough look after each round; an exact one where that one is suspicious, when it is due, and at the end.
    private mutating func measure(_ round: Int, isLast: Bool, _ watch: inout MemoryWatch?) throws(BadRound) {
        let isDue = isLast || round % cycle.options.measureInterval == 0
        let lastGoodRound: Int
        let growth: [MemoryGrowth]
        do {
            guard let isSuspicious = try watch?.isSuspicious(), isDue || isSuspicious else { return }
            (lastGoodRound, growth) = try watch?.growth(after: round, isLast: isLast) ?? (round, [])
        } catch {
            report.memoryUnwatched = "a look after round \(round) failed: \(error)"
            return
        }
        if growth.isEmpty { return }
        throw BadRound(
            fault: CycleFault(
                kind: .leak,
                round: round,
                lastGoodRound: lastGoodRound,
                cause: "memory was not given back: \(growth.words)",
                phase: "unload",
                growth: growth
            )
        )
    }
}

extension [MemoryGrowth] {
    /// The largest ones as `640 × kmalloc-4k (2560 KiB)`.
    fileprivate var words: String {
        prefix(4).map { "\($0.objects) × \($0.name) (\(($0.bytes + 1023) / 1024) KiB)" }.joined(
            separator: ", "
        )
    }
}

extension ModuleContext {
    /// Inserts one module and nothing else.
    ///
    /// - Returns: why it failed; nil where the system call did not, which is when the module is live.
    fileprivate func insertAlone(_ module: ModuleHandle, parameters: String) -> Errno? {
        let result = unsafe kmod_module_insert_module(module.raw, 0, parameters)
        return result < 0 ? Errno(rawValue: -result) : nil
    }
}

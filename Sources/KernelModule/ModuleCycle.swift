// SPDX-License-Identifier: MIT
import CKmod
import Glibc
public import LinuxSystem
import Synchronization
public import SystemPackage

/// Loads and unloads one module again and again, and stops at the first round that is not as it should be.
///
/// The rounds run in this process, in a thread of their own: where the kernel kills it (an oops does), or it does not
/// come back, the caller still gets its report. What the module depends on is loaded before the first round and
/// unloaded after the last one. Grace periods are expedited meanwhile (`/sys/kernel/rcu_expedited`).
public struct ModuleCycle: Sendable {
    public var name: String
    public var options: CycleOptions
    /// As for ``ModuleContext/init(directory:configPaths:running:)``.
    public var directory: FilePath?
    public var configPaths: [FilePath]?
    var running = RunningModules()
    var memory = KernelMemory.Source()

    /// - Parameter name: a module name, an alias, or the path of a `.ko` file.
    public init(
        _ name: String,
        options: CycleOptions = CycleOptions(),
        directory: FilePath? = nil,
        configPaths: [FilePath]? = nil
    ) {
        self.name = name
        self.options = options
        self.directory = directory
        self.configPaths = configPaths
    }

    /// What would be loaded first, and the module's file.
    ///
    /// - Throws: `OperationError` where the module cannot be cycled: not found, built in, loaded already.
    public func plan() throws(OperationError) -> CycleReport {
        let context = try makeContext()
        return try CyclePlan(self, in: context).report(self)
    }

    /// Runs the rounds.
    ///
    /// - Parameter isToEnd: asked ten times a second; once it says so, the round that runs is the last one.
    /// - Returns: the report; a bad round is in its `fault`.
    /// - Throws: `OperationError` where not even the first round could begin.
    public func run(until isToEnd: () -> Bool = { false }) throws(OperationError) -> CycleReport {
        let progress = try CycleProgress(name)
        let log = KernelMessages(log: running.log)
        let expedited = ExpeditedGracePeriods()
        defer { expedited.restore() }
        let thread: SystemThread
        do throws(Errno) {
            thread = try SystemThread { progress.finish(work(progress)) }
        } catch {
            throw OperationError("start", "a thread to cycle \(name)", errno: error)
        }
        while true {
            if let outcome = progress.waitForOutcome(milliseconds: 100) { return try outcome.get() }
            if !thread.isAlive, progress.outcome == nil {
                return abandoned(progress, .killed, log.takeNew())
            }
            if progress.timeInKernel > options.timeLimit {
                return abandoned(progress, .hang, log.takeNew())
            }
            if isToEnd() { progress.end() }
        }
    }

    func makeContext() throws(OperationError) -> ModuleContext {
        try ModuleContext(directory: directory, configPaths: configPaths, running: running)
    }

    /// The report on rounds whose thread will not make one.
    private func abandoned(
        _ progress: CycleProgress,
        _ kind: CycleFault.Kind,
        _ messages: [String]
    ) -> CycleReport {
        let step = progress.current
        var report = step.report
        let trouble = messages.firstIndex { KernelTrouble($0) != nil } ?? messages.startIndex
        let said = Array(messages[trouble...])
        let cause =
            switch kind {
            case .hang: "the \(step.phase) did not end within \(options.timeLimit.components.seconds) s"
            default: said.trouble ?? "the kernel killed the \(step.phase)"
            }
        report.fault = CycleFault(
            kind: kind,
            round: report.goodRounds + 1,
            lastGoodRound: report.goodRounds,
            cause: cause,
            phase: step.phase,
            kernelMessages: said,
            moduleState: state(of: report.module)
        )
        return report
    }

    func state(of module: String) -> String {
        do throws(OperationError) {
            return try running.module(named: module)?.state.rawValue ?? "absent"
        } catch {
            return "unknown"
        }
    }
}

/// Makes the kernel wait for its processors actively, which is what makes a round take milliseconds.
private struct ExpeditedGracePeriods {
    private let file: FilePath = "/sys/kernel/rcu_expedited"
    private let before: String?

    init() {
        before = file.linesIfReadable().first.map(String.init)
        // Where it cannot be set, rounds only take longer.
        _ = Result { try file.write("1".utf8) }
    }

    func restore() { _ = Result { try before.map { try file.write($0.utf8) } } }
}

extension [String] {
    /// The worst trouble that the kernel's messages tell of, as "the kernel …: MESSAGE".
    var trouble: String? {
        let found = compactMap { message in KernelTrouble(message).map { ($0, message) } }
        guard let worst = found.map(\.0).max(), let first = found.first(where: { $0.0 == worst }) else {
            return nil
        }
        return "the kernel \(worst.words): \(first.1)"
    }
}

/// How far the rounds have come, as seen from another thread.
final class CycleProgress: Sendable {
    struct Step {
        var report: CycleReport
        var phase: String
        var since: UInt64
    }

    private let step: Mutex<Step>
    private let result = Mutex<Result<CycleReport, OperationError>?>(nil)
    private let done: EventFD
    private let ends = Atomic(false)

    init(_ name: String) throws(OperationError) {
        step = Mutex(
            Step(
                report: CycleReport(module: name, file: "", requestedRounds: 0),
                phase: "preparation",
                since: MonotonicClock.nanoseconds
            )
        )
        do throws(Errno) { done = try EventFD() } catch {
            throw OperationError("make", "eventfd", errno: error)
        }
    }

    var current: Step { step.withLock { $0 } }
    var outcome: Result<CycleReport, OperationError>? { result.withLock { $0 } }

    /// How long the kernel has been loading or unloading; looking at its memory takes its own time.
    var timeInKernel: Duration {
        let step = current
        guard ["load", "unload"].contains(step.phase) else { return .zero }
        return .nanoseconds(Int64(MonotonicClock.nanoseconds - step.since))
    }

    /// Whether the round that runs is to be the last one.
    var isToEnd: Bool { ends.load(ordering: .relaxed) }

    func end() { ends.store(true, ordering: .relaxed) }

    func enter(_ phase: String, _ report: CycleReport) {
        let now = MonotonicClock.nanoseconds
        step.withLock { $0 = Step(report: report, phase: phase, since: now) }
    }

    func finish(_ outcome: Result<CycleReport, OperationError>) {
        result.withLock { $0 = outcome }
        // A waiter that misses it looks again after its time has run out.
        _ = Result { () throws(Errno) in try done.signal() }
    }

    func waitForOutcome(milliseconds: CInt) -> Result<CycleReport, OperationError>? {
        _ = Result { () throws(Errno) in try done.wait(milliseconds: milliseconds) }
        return outcome
    }
}

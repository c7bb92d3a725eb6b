// SPDX-License-Identifier: MIT
import Dispatch
import LinuxSystem
import Synchronization
import SystemPackage

/// A plan on its way: what is done of it, and the first failure.
final class PlanRun: Sendable {
    private struct State {
        /// How many operations of each unit of each stage are done.
        var done: [[Int]]
        var failure: (operation: Operation, errno: Errno)?
        /// The next unit of the stage that nobody has begun.
        var next = 0
    }

    private let plan: Plan
    private let tree: TargetTree
    private let state: Mutex<State>
    private let hasFailed = Atomic(false)

    init(_ plan: Plan, in tree: TargetTree) {
        (self.plan, self.tree) = (plan, tree)
        state = Mutex(State(done: plan.stages.map { $0.map { _ in 0 } }))
    }

    /// Carries out every operation. When one fails, those before it are taken back in reverse order; once something is gone
    /// that cannot be brought back, the rest is carried out all the same, as far as the kernel lets.
    ///
    /// The journal is there from before the first operation until the outcome is one of the two.
    ///
    /// - Throws: an `OperationError` with the cause, as `explain` puts it, and with what became of the rest.
    func run(explain: (Operation, Errno) -> Explanation) throws(OperationError) {
        if plan.isEmpty { return }
        try tree.writeJournal(plan)
        for stage in plan.stages.indices {
            run(stage)
            guard let (operation, errno) = state.withLock({ $0.failure }) else { continue }
            // The tree is explained as it was when the operation failed.
            let explanation = explain(operation, errno)
            let outcome = settle()
            if outcome.isClean { try tree.removeJournal() }
            if outcome.isComplete { return }
            throw OperationError(
                operation.verb,
                operation.path.string,
                errno: errno,
                cause: "\(explanation.cause)\n\(outcome.words)",
                hint: outcome.isClean
                    ? explanation.hint : "try to bring it to an end with: ringside target recover"
            )
        }
        try tree.removeJournal()
    }

    private func run(_ stage: Int) {
        let units = plan.stages[stage]
        let workers = min(tree.workers, units.count)
        state.withLock { $0.next = 0 }
        guard workers > 1 else { return work(stage) }
        let group = DispatchGroup()
        for worker in 0..<workers {
            // A queue of its own, because each waits in the kernel most of the time.
            DispatchQueue(label: "target.\(worker)").async(group: group) { self.work(stage) }
        }
        group.wait()
    }

    /// Carries out units that nobody has begun until there are none or one has failed.
    private func work(_ stage: Int) {
        while !hasFailed.load(ordering: .relaxed), let unit = nextUnit(of: stage) {
            let (count, failure) = carryOut(plan.stages[stage][unit])
            state.withLock { state in
                state.done[stage][unit] = count
                state.failure = state.failure ?? failure
            }
        }
    }

    /// Carries out a unit until an operation fails, of this unit or of another.
    ///
    /// - Returns: how many of its operations are done, and its own failure. Nobody waits for a lock in between.
    private func carryOut(_ unit: Plan.Unit) -> (count: Int, failure: (Operation, Errno)?) {
        for (count, operation) in unit.enumerated() {
            if hasFailed.load(ordering: .relaxed) { return (count, nil) }
            do throws(Errno) {
                try operation.perform(in: tree.base, tree.fileSystem)
            } catch {
                hasFailed.store(true, ordering: .relaxed)
                return (count, (operation, error))
            }
        }
        return (unit.count, nil)
    }

    private func nextUnit(of stage: Int) -> Int? {
        state.withLock { state in
            guard state.next < plan.stages[stage].count else { return nil }
            state.next += 1
            return state.next - 1
        }
    }

    /// What became of the plan after a failure.
    private struct Outcome {
        var words: String
        /// The tree is the one from before, or the one that was asked for.
        var isClean: Bool
        var isComplete = false
    }

    private func settle() -> Outcome {
        let (done, left) = parts()
        guard done.contains(where: \.isLossy) else {
            let failures = tree.takeBack(done)
            guard failures.isEmpty else { return Self.outcome("could not be undone:", failures) }
            let words = done.isEmpty ? "nothing was changed" : "all \(done.count) steps before it were undone"
            return Outcome(words: words, isClean: true)
        }
        let failures = tree.finish(left)
        guard !failures.isEmpty else { return Outcome(words: "", isClean: true, isComplete: true) }
        let gone = done.map { "  \($0.path)" }
        return Outcome(
            words: (["gone:"] + gone + ["still there:"] + failures.map { "  \($0)" }).joined(separator: "\n"),
            isClean: false
        )
    }

    private static func outcome(_ title: String, _ failures: [String]) -> Outcome {
        Outcome(words: ([title] + failures.map { "  \($0)" }).joined(separator: "\n"), isClean: false)
    }

    /// The operations that are done and those that are not, both in their order.
    private func parts() -> (done: [Operation], left: [Operation]) {
        let counts = state.withLock { $0.done }
        var parts: (done: [Operation], left: [Operation]) = ([], [])
        for (units, counts) in zip(plan.stages, counts) {
            for (unit, count) in zip(units, counts) {
                parts.done += unit[..<count]
                parts.left += unit[count...]
            }
        }
        return parts
    }
}

extension Plan {
    /// Carries the plan out; see `PlanRun.run`.
    func apply(in tree: TargetTree, explain: (Operation, Errno) -> Explanation) throws(OperationError) {
        try PlanRun(self, in: tree).run(explain: explain)
    }
}

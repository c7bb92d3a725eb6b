// SPDX-License-Identifier: MIT
public import LinuxSystem
public import SystemPackage

/// How a change that was left half way came to its end.
public enum Recovery: String, Sendable, Encodable {
    /// There was none.
    case nothing
    /// The tree is the one from before the change.
    case undone
    /// The same, but something else had removed portal groups meanwhile: they are there again without a nexus.
    case remade
    /// The tree is the one that was asked for.
    case finished
}

extension TargetTree {
    /// Where the plan of the change under way stands unless the caller knows better: it goes with the kernel that it is for.
    public static let defaultJournal: FilePath = "/run/ringside/target.journal"

    /// Whether a change was left half way, or is under way.
    public var hasJournal: Bool {
        do throws(Errno) { return try fileSystem.statusIfPresent(journal) != nil } catch { return true }
    }

    /// Brings a change to its end that was left half way, by a crash or a kill: takes it back, or, where something is gone
    /// that cannot be brought back, carries the rest out.
    ///
    /// - Throws: an `OperationError` that lists what is left; the journal stays, so that it can be tried again.
    public func recover() throws(OperationError) -> Recovery {
        try alone { () throws(OperationError) in
            try removeUnfinishedJournals()
            guard let plan = try readJournal() else { return .nothing }
            let isPastReturn = try isPastReturn(plan)
            let hasRemade = isPastReturn ? false : try remakeGroups(of: plan)
            let failures = isPastReturn ? finish(plan.tail) : takeBack(plan.operations)
            guard failures.isEmpty else {
                throw OperationError(
                    "recover",
                    journal.string,
                    cause: "these steps failed:\n" + failures.map { "  \($0)" }.joined(separator: "\n"),
                    hint: "remove what is in the way, then try again; to give up what is gone: rm \(journal)"
                )
            }
            try removeJournal()
            return isPastReturn ? .finished : hasRemade ? .remade : .undone
        }
    }

    /// What `recover` would do, as lines for people in their order; changes nothing. Steps that were not carried out, or are
    /// taken back already, are among them: they change nothing then.
    ///
    /// - Throws: an `OperationError` when another change is under way, or the journal cannot be read.
    public func recoverySteps() throws(OperationError) -> [String] {
        // Who may change nothing cannot keep others from it either.
        guard denial == nil else { return try journalledSteps() }
        return try alone { () throws(OperationError) in try journalledSteps() }
    }

    private func journalledSteps() throws(OperationError) -> [String] {
        guard let plan = try readJournal() else { return [] }
        if try isPastReturn(plan) { return plan.tail.map(\.description) }
        return plan.operations.reversed().compactMap { operation in
            if case .write(_, _, replacing: nil) = operation { return nil }
            return operation.reversal
        }
    }

    /// Makes the portal groups that the plan found and left, and that are gone all the same.
    ///
    /// - Returns: whether there were any.
    private func remakeGroups(of plan: Plan) throws(OperationError) -> Bool {
        var own: Set<FilePath> = []
        var groups: Set<FilePath> = []
        for operation in plan.operations {
            switch operation {
            case .makeDirectory(let path), .removeDirectory(let path): own.insert(path)
            default: break
            }
            let parts = operation.path.components
            let isInGroup = parts.dropFirst(2).first?.string.hasPrefix("tpgt_") == true
            if isInGroup { groups.insert(FilePath(root: nil, parts.prefix(3))) }
        }
        var hasRemade = false
        for group in groups.subtracting(own) {
            do throws(Errno) {
                guard try fileSystem.statusIfPresent(base.pushing(group)) == nil else { continue }
                for count in 1...3 {
                    let parent = FilePath(root: nil, group.components.prefix(count))
                    try makeUnlessPresent(base.pushing(parent))
                }
            } catch {
                throw OperationError("mkdir", group.string, errno: error)
            }
            hasRemade = true
        }
        return hasRemade
    }

    /// - Throws: an `OperationError` where a change was left half way.
    func refuseHalfway() throws(OperationError) {
        guard hasJournal else { return }
        throw OperationError(
            "change",
            base.string,
            cause: "an earlier change was left half way; \(journal) tells which",
            hint: "bring it to its end with: ringside target recover"
        )
    }

    /// Whether something is gone that cannot be brought back.
    private func isPastReturn(_ plan: Plan) throws(OperationError) -> Bool {
        for operation in plan.tail where operation.isLossy {
            do throws(Errno) {
                if try fileSystem.statusIfPresent(base.pushing(operation.path)) == nil { return true }
            } catch {
                throw OperationError("read", operation.path.string, errno: error)
            }
        }
        return false
    }

    func writeJournal(_ plan: Plan) throws(OperationError) {
        let text = PlanText.text(of: plan)
        do throws(Errno) {
            do throws(Errno) {
                try fileSystem.replace(journal, with: text)
            } catch .noSuchFileOrDirectory {
                try fileSystem.makeDirectory(journal.removingLastComponent())
                try fileSystem.replace(journal, with: text)
            }
        } catch {
            // Where it is in its place and only its directory could not be written, it would stop the next change.
            do throws(Errno) { try fileSystem.unlink(journal) } catch { /* It is not there. */  }
            throw OperationError(
                "write",
                journal.string,
                errno: error,
                cause: "\(error.description)\nnothing was changed"
            )
        }
    }

    func removeJournal() throws(OperationError) {
        do throws(Errno) {
            try fileSystem.unlink(journal)
        } catch {
            throw OperationError(
                "remove",
                journal.string,
                errno: error,
                cause: "\(error.description)\nthe change itself has come to its end",
                hint: "remove the file"
            )
        }
    }

    /// Removes what a change that was killed while it wrote its journal left beside it: it had changed nothing yet.
    private func removeUnfinishedJournals() throws(OperationError) {
        let directory = journal.removingLastComponent()
        let start = "\(journal.lastComponent?.string ?? "")."
        do throws(Errno) {
            for (name, _) in try fileSystem.list(directory) where name.hasPrefix(start) {
                try fileSystem.unlink(directory.appending(name))
            }
        } catch .noSuchFileOrDirectory {
            // There never was a journal.
        } catch {
            throw OperationError("remove", "\(start)* in \(directory)", errno: error)
        }
    }

    private func readJournal() throws(OperationError) -> Plan? {
        guard hasJournal else { return nil }
        do throws(Errno) {
            let text = try fileSystem.read(journal)
            if let plan = PlanText.plan(in: text) { return plan }
        } catch {
            throw OperationError("read", journal.string, errno: error)
        }
        throw OperationError("read", journal.string, cause: "it is no journal of this program")
    }
}

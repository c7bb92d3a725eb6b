// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

/// Operations in the order in which they are carried out: all of them, or, as far as the kernel lets, none.
public struct Plan: Equatable, Sendable {
    public internal(set) var operations: [Operation]

    init(_ operations: [Operation] = []) { self.operations = operations }

    mutating func append(_ operation: Operation) { operations.append(operation) }

    /// Carries out every operation, and takes the earlier ones back in reverse order when one fails.
    ///
    /// Once a backstore is gone there is no way back; a failure after that goes no further and says what is left.
    ///
    /// - Throws: an `OperationError` with the cause, as `explain` puts it, and with what became of the rest.
    func apply(in tree: TargetTree, explain: (Operation, Errno) -> Explanation) throws(OperationError) {
        for (index, operation) in operations.enumerated() {
            do throws(Errno) {
                try operation.perform(in: tree.base, tree.fileSystem)
            } catch {
                // The tree is explained as it was when the operation failed.
                let explanation = explain(operation, error)
                let outcome = settle(after: index, in: tree)
                throw OperationError(
                    operation.verb,
                    operation.path.string,
                    errno: error,
                    cause: "\(explanation.cause)\n\(outcome)",
                    hint: explanation.hint
                )
            }
        }
    }

    private func settle(after failed: Int, in tree: TargetTree) -> String {
        let done = operations[..<failed]
        guard !done.contains(where: { $0.inverse == .impossible }) else {
            let rest = operations[failed...].map { "  \($0.path)" }
            let gone = done.map { "  \($0.path)" }
            return (["gone:"] + gone + ["still there:"] + rest).joined(separator: "\n")
        }
        let failures = Plan.undo(done, in: tree)
        guard !failures.isEmpty else {
            return done.isEmpty ? "nothing was changed" : "all \(done.count) steps before it were undone"
        }
        return (["could not be undone:"] + failures.map { "  \($0)" }).joined(separator: "\n")
    }

    private static func undo(_ done: ArraySlice<Operation>, in tree: TargetTree) -> [String] {
        done.reversed().compactMap { operation in
            guard case .operation(let inverse) = operation.inverse else { return nil }
            do throws(Errno) {
                try inverse.perform(in: tree.base, tree.fileSystem)
                return nil
            } catch {
                return "\(inverse): \(error.symbol)"
            }
        }
    }
}

/// A cause in words, and the next step where there is one.
struct Explanation: Equatable {
    var cause: String
    var hint: String?
}

// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

/// Operations in the order in which they are carried out: all of them, or, as far as the kernel lets, none.
///
/// Stages come one after the other. The units of a stage touch no name in common, so that they may be carried out at the
/// same time: each waits for grace periods of the kernel that nobody else has to wait for. What has no way back comes
/// last, and from there on there are only removals.
public struct Plan: Equatable, Sendable {
    /// Operations in their order.
    typealias Unit = [Operation]

    private(set) var stages: [[Unit]]

    init(stages: [[Unit]] = []) {
        self.stages = stages.map { $0.filter { !$0.isEmpty } }.filter { !$0.isEmpty }
    }

    init(_ operations: [Operation]) { self.init(stages: [[operations]]) }

    /// Every operation, in the order in which one worker carries them out.
    public var operations: [Operation] { stages.flatMap { $0.flatMap { $0 } } }

    public var isEmpty: Bool { stages.isEmpty }

    /// Adds to the last unit of the last stage.
    mutating func append(_ operation: Operation) {
        if stages.isEmpty { stages = [[[]]] }
        stages[stages.count - 1][stages[stages.count - 1].count - 1].append(operation)
    }

    mutating func append(_ operations: Unit) { for operation in operations { append(operation) } }

    /// The operations from the first that has no way back.
    var tail: ArraySlice<Operation> {
        let operations = operations
        return operations[(operations.firstIndex(where: \.isLossy) ?? operations.endIndex)...]
    }
}

/// A cause in words, and the next step where there is one.
struct Explanation: Equatable {
    var cause: String
    var hint: String?
}

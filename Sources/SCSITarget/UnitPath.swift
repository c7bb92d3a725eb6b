// SPDX-License-Identifier: MIT

/// A way by which initiators reach a unit, and may go past it with READ and WRITE.
public protocol UnitPath: AnyObject, Sendable {
    /// The initiators at its other end; ``LogicalUnit/connect(_:isContinued:)`` or `disconnect` follows a change.
    var initiators: Set<Nexus> { get }
    /// Takes over the gate for them: when the path is added, and on every change before the command that makes it
    /// returns.
    ///
    /// It must be short and must not call the unit: it stores the gate where the path's own READ and WRITE reads it.
    func open(_ gate: UnitGate)
    /// Waits until every command is answered that was taken before this.
    ///
    /// - Parameter patience: how long at most, for each of its queues; nil for without end.
    /// - Returns: whether they are.
    func flush(for patience: Duration?) -> Bool
}

/// The paths to one unit, and the gate that each was told last.
struct UnitPaths {
    private var known: [(path: any UnitPath, told: UnitGate?)] = []

    mutating func add(_ path: any UnitPath) { known.append((path, nil)) }
    mutating func remove(_ path: any UnitPath) { known.removeAll { $0.path === path } }

    /// The paths of some initiators; nil for all.
    func of(_ initiators: Set<Nexus>?) -> [any UnitPath] {
        known.map(\.path).filter { path in
            initiators.map { !$0.isDisjoint(with: path.initiators) } ?? true
        }
    }

    /// Tells each path of its gate, where that is another than before.
    mutating func tell(_ state: UnitState, of store: any BlockStore) {
        for index in known.indices {
            let gate = state.gate(of: store, for: known[index].path.initiators)
            if gate == known[index].told { continue }
            known[index].told = gate
            known[index].path.open(gate)
        }
    }
}

// SPDX-License-Identifier: MIT

/// What becomes of one object when a configuration is applied.
public struct ObjectChange: Equatable, Sendable, Encodable {
    public enum Kind: String, Sendable, Encodable, CaseIterable {
        case create, change, replace, delete, keep
    }

    public var kind: Kind
    /// `backstore disk1`, or a directory of the fabric relative to `target`.
    public var object: String
    /// What differs: `block_size 512 -> 4096`.
    public var details: [String] = []

    public var isChange: Bool { kind != .keep }
}

/// The way from the running configuration to another.
public struct ConfigurationPlan: Sendable {
    /// Every object that the configuration names, and those that go.
    public internal(set) var changes: [ObjectChange]
    public internal(set) var plan: Plan
    /// The groups that lose a LUN or go: no endpoint may hold them.
    var disturbed: [TargetPortalGroup]

    /// How many changes of each kind there are.
    public func count(_ kind: ObjectChange.Kind) -> Int { changes.count { $0.kind == kind } }
}

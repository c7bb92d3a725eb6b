// SPDX-License-Identifier: MIT

/// What a caller that carries out READ and WRITE on its own, past the unit, has to know.
///
/// It is conservative: with ``isOpen`` false, ``LogicalUnit/execute(_:from:dataOut:dataIn:)`` may still carry the
/// command out. See ``UnitPath``.
public struct UnitGate: Equatable, Sendable {
    /// True while no unit attention is pending for the caller's initiators, no reservation of others stops them, and the
    /// unit is started: any READ without protection information may be carried out.
    public var isOpen: Bool
    /// True where any WRITE without protection information may be carried out, too.
    public var isWritable: Bool
    /// True where each WRITE must be followed by a flush of the store, as with FUA, because there is no write cache for
    /// an initiator to reckon with. A SYNCHRONIZE CACHE goes to the unit then.
    public var flushesWrites: Bool
    /// The number of logical blocks.
    public var blockCount: UInt64
}

// SPDX-License-Identifier: MIT
import Synchronization

/// Logical units behind one target.
///
/// It answers for numbers that no unit has, too, and tells initiators when units come and go.
public final class TargetDevice: Sendable {
    private let units = Mutex<[UInt16: LogicalUnit]>([:])

    public init() {}

    /// The highest number that a unit can have: what flat addressing carries.
    public static let highestLUN: UInt16 = 0x3fff

    /// Gives a unit a number; every unit tells its initiators that the inventory has changed.
    ///
    /// - Returns: false where the number is taken or above ``highestLUN``; nothing is changed then.
    @discardableResult
    public func attach(_ unit: LogicalUnit, at lun: UInt16) -> Bool {
        let others: [LogicalUnit]? = units.withLock { units in
            guard lun <= Self.highestLUN, units[lun] == nil else { return nil }
            let others = Array(units.values)
            units[lun] = unit
            return others
        }
        guard let others else { return false }
        for other in others { other.announceInventory() }
        return true
    }

    /// Takes a unit away; every other unit tells its initiators that the inventory has changed.
    ///
    /// Commands that the unit is carrying out end as usual.
    @discardableResult
    public func detach(_ lun: UInt16) -> LogicalUnit? {
        let (unit, others) = units.withLock { units in
            let unit = units.removeValue(forKey: lun)
            return (unit, Array(units.values))
        }
        if unit != nil { for other in others { other.announceInventory() } }
        return unit
    }

    /// The unit with a number.
    public subscript(lun: UInt16) -> LogicalUnit? { units.withLock { $0[lun] } }

    /// The numbers that units have, in order.
    public var luns: [UInt16] { units.withLock { $0.keys.sorted() } }

    /// Whether a unit has a number.
    public func has(_ unit: LogicalUnit) -> Bool { units.withLock { $0.values.contains { $0 === unit } } }

    /// Whether a unit's blocks have protection information.
    public var hasProtection: Bool { units.withLock { $0.values.contains { $0.protectionType != nil } } }

    /// Makes an initiator known to every unit: see ``LogicalUnit/connect(_:isContinued:)``.
    public func connect(_ nexus: Nexus, isContinued: Bool = false) {
        forEach { $0.connect(nexus, isContinued: isContinued) }
    }

    /// Forgets an initiator that is gone: see ``LogicalUnit/disconnect(_:)``.
    public func disconnect(_ nexus: Nexus) { forEach { $0.disconnect(nexus) } }

    /// I_T NEXUS RESET: see ``LogicalUnit/reset(of:)``.
    public func reset(of nexus: Nexus) { forEach { $0.reset(of: nexus) } }

    private func forEach(_ body: (LogicalUnit) -> Void) {
        for unit in units.withLock({ Array($0.values) }) { body(unit) }
    }

    /// Carries out one command for the unit `lun`, or answers for it where there is none.
    ///
    /// For the other parameters see ``LogicalUnit/execute(_:from:dataOut:dataIn:)``.
    ///
    /// - Parameter information: the protection information that goes beside the data.
    public func execute(
        _ cdb: Span<UInt8>,
        lun: UInt16,
        from nexus: Nexus,
        information: SeparateInformation = SeparateInformation(),
        dataOut: Span<UInt8>,
        dataIn: inout MutableSpan<UInt8>
    ) -> CommandOutcome {
        let block = CommandBlock(cdb)
        // Only one command tells the inventory.
        let luns = block.opcode == ReportLUNsCommand.opcode ? self.luns : []
        guard let unit = self[lun] else {
            return AbsentUnit.answer(block, luns: luns, dataIn: &dataIn)
        }
        let outcome = unit.execute(
            block,
            from: nexus,
            luns: luns,
            information,
            dataOut: dataOut,
            dataIn: &dataIn
        )
        // Who has the inventory needs not be told by any unit that it has changed.
        if block.opcode == ReportLUNsCommand.opcode && outcome.status == .good {
            forEach { $0.dropInventoryChange(for: nexus) }
        }
        return outcome
    }
}

extension LogicalUnit {
    fileprivate func announceInventory() { change { $0.announce(.reportedLUNsChanged) } }

    fileprivate func dropInventoryChange(for nexus: Nexus) {
        change { $0.drop(.reportedLUNsChanged, of: nexus) }
    }
}

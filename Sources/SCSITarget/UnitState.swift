// SPDX-License-Identifier: MIT
import SystemPackage

/// What initiators can set, and the size, as a command finds them.
struct UnitSettings: Equatable, Sendable {
    var blockCount: UInt64
    /// WCE of the caching mode page: written data may wait for a SYNCHRONIZE CACHE.
    var writeCache: Bool
    /// SWP of the control mode page.
    var softwareWriteProtect = false
    /// D_SENSE of the control mode page.
    var descriptorSense = false
    /// ATO of the control mode page: the application tag is the initiators'.
    var applicationTagOwned = false
    /// False after START STOP UNIT with START 0.
    var isStarted = true
}

/// All that a logical unit remembers between commands.
struct UnitState {
    var settings: UnitSettings
    /// The unit attentions that each initiator has yet to be told, oldest first; an entry for each that is known.
    var attentions: [Nexus: [Sense]] = [:]
    /// The initiator that holds the unit by RESERVE.
    var legacyHolder: Nexus?
    var reservations: PersistentReservations
    /// What the store failed by when it was to make writes safe; nothing that was written before is, from then on.
    var loss: Errno?
    /// What the observers of the gate were told last.
    var toldGate: UnitGate?

    /// Adds an initiator that is not known yet, and what it is told first.
    mutating func meet(_ nexus: Nexus, _ news: [Sense] = [.powerOn]) {
        if attentions[nexus] == nil { attentions[nexus] = news }
    }

    /// Establishes a unit attention for every initiator but one.
    mutating func announce(_ sense: Sense, except nexus: Nexus? = nil) {
        for other in attentions.keys where other != nexus { announce(sense, to: other) }
    }

    /// Establishes a unit attention for one initiator that is known.
    mutating func announce(_ sense: Sense, to nexus: Nexus) {
        guard let pending = attentions[nexus], !pending.contains(sense) else { return }
        attentions[nexus] = pending + [sense]
    }

    /// Takes the oldest unit attention of an initiator, which is told it now.
    mutating func takeAttention(of nexus: Nexus) -> Sense? {
        guard let first = attentions[nexus]?.first else { return nil }
        attentions[nexus]?.removeFirst()
        return first
    }

    /// Forgets a unit attention that an initiator has learnt about in another way.
    mutating func drop(_ sense: Sense, of nexus: Nexus) {
        attentions[nexus]?.removeAll { $0 == sense }
    }

    /// What the caller's own path for READ and WRITE may do.
    func gate(of store: any BlockStore) -> UnitGate {
        let isFree = legacyHolder == nil && reservations.reservation == nil
        let isOpen = settings.isStarted && isFree && attentions.values.allSatisfy { $0.isEmpty }
        return UnitGate(
            isOpen: isOpen,
            isWritable: isOpen && loss == nil && !store.isReadOnly && !settings.softwareWriteProtect,
            flushesWrites: store.hasWriteCache && !settings.writeCache,
            blockCount: settings.blockCount
        )
    }
}

extension UnitState {
    /// Whether another initiator's reservation stops a command.
    func refuses(_ conflict: CommandRow.Conflict, from nexus: Nexus) -> Bool {
        if conflict == .never { return false }
        if let legacyHolder, legacyHolder != nexus { return true }
        return reservations.refuses(conflict, from: nexus)
    }
}

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
    /// What the settings are after a reset, but for the number of blocks.
    let defaults: UnitSettings
    var settings: UnitSettings
    /// The unit attentions that each initiator has yet to be told, oldest first; an entry for each that is known.
    var attentions: [Nexus: [Sense]] = [:]
    /// The initiator that holds the unit by RESERVE.
    var legacyHolder: Nexus?
    var reservations: PersistentReservations
    /// What the store failed by when it was to make writes safe; nothing that was written before is, from then on.
    var loss: Errno?
    /// The initiators that may go by a write cache that was switched off before the process began: see
    /// ``LogicalUnit/connect(_:isContinued:)``.
    var doubters: Set<Nexus> = []
    /// Of initiators that went, whether they reckoned with a write cache.
    private var reckoned: [Nexus: Bool] = [:]

    init(settings: UnitSettings, reservations: PersistentReservations) {
        (defaults, self.settings, self.reservations) = (settings, settings, reservations)
    }

    /// Adds an initiator that is not known yet. The first of all, if it is new, finds the unit as after a reset.
    mutating func meet(_ nexus: Nexus, isContinued: Bool = false) {
        if attentions[nexus] != nil { return }
        if isContinued {
            if settings.writeCache && reckoned[nexus] != true { doubters.insert(nexus) }
        } else if attentions.isEmpty {
            restoreDefaults()
        }
        attentions[nexus] = isContinued ? [] : [.powerOn]
    }

    /// Removes an initiator that is gone.
    mutating func part(from nexus: Nexus) {
        if attentions.removeValue(forKey: nexus) == nil { return }
        let doubts = doubters.remove(nexus) != nil
        reckoned[nexus] = settings.writeCache && !doubts
        if legacyHolder == nexus { legacyHolder = nil }
    }

    /// Sets everything that initiators can set as it was at first.
    mutating func restoreDefaults() {
        let blocks = settings.blockCount
        settings = defaults
        settings.blockCount = blocks
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

    /// Whether each write is made safe before it is answered.
    var isWrittenThrough: Bool { !settings.writeCache || !doubters.isEmpty }

    /// What the own path for READ and WRITE of some initiators may do.
    func gate(of store: any BlockStore, for initiators: Set<Nexus>) -> UnitGate {
        let isOpen = settings.isStarted && initiators.allSatisfy { admits(.reading, from: $0) }
        let isWritable = isOpen && initiators.allSatisfy { admits(.writing, from: $0) }
        return UnitGate(
            isOpen: isOpen,
            isWritable: isWritable && loss == nil && !store.isReadOnly && !settings.softwareWriteProtect,
            flushesWrites: store.hasWriteCache && isWrittenThrough,
            blockCount: settings.blockCount
        )
    }

    private func admits(_ conflict: CommandRow.Conflict, from nexus: Nexus) -> Bool {
        attentions[nexus]?.isEmpty == true && !refuses(conflict, from: nexus)
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

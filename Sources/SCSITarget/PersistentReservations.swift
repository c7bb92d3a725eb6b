// SPDX-License-Identifier: MIT

/// The kinds of persistent reservations, by their number in SPC-4.
enum ReservationType: UInt8, Sendable {
    case writeExclusive = 1
    case exclusiveAccess = 3
    case writeExclusiveRegistrants = 5
    case exclusiveAccessRegistrants = 6
    case writeExclusiveAllRegistrants = 7
    case exclusiveAccessAllRegistrants = 8

    /// Whether reads of others are stopped, too.
    var stopsReads: Bool {
        switch self {
        case .exclusiveAccess, .exclusiveAccessRegistrants, .exclusiveAccessAllRegistrants: true
        default: false
        }
    }

    /// Whether every registered initiator may do what the holder may.
    var admitsRegistrants: Bool { rawValue >= 5 }
    /// Whether every registered initiator holds the reservation.
    var isHeldByAll: Bool { rawValue >= 7 }
}

/// Who is registered with a unit by which key, and who has reserved it: as PERSISTENT RESERVE OUT leaves it.
struct PersistentReservations: Equatable, Sendable {
    struct Registration: Equatable, Sendable {
        let nexus: Nexus
        var key: UInt64
    }

    struct Reservation: Equatable, Sendable {
        var type: ReservationType
        /// Who made it; with a type that all registrants hold, it does not matter.
        var holder: Nexus
    }

    /// More are refused, with INSUFFICIENT REGISTRATION RESOURCES.
    static let mostRegistrations = 128

    /// PRGENERATION.
    var generation: UInt32 = 0
    /// In the order in which they came.
    var registrations: [Registration] = []
    var reservation: Reservation?
    /// Whether all this survives the process (APTPL of the last registration).
    var isKept = false

    /// Who is registered.
    var nexuses: Set<Nexus> { Set(registrations.map(\.nexus)) }

    func key(of nexus: Nexus) -> UInt64? { registrations.first { $0.nexus == nexus }?.key }

    /// Whether an initiator holds the reservation, alone or with all.
    func isHolder(_ nexus: Nexus) -> Bool {
        guard let reservation else { return false }
        return reservation.type.isHeldByAll ? key(of: nexus) != nil : reservation.holder == nexus
    }

    /// Whether the reservation stops a command.
    func refuses(_ conflict: CommandRow.Conflict, from nexus: Nexus) -> Bool {
        guard let reservation, conflict == .reading || conflict == .writing else { return false }
        if isHolder(nexus) || reservation.type.admitsRegistrants && key(of: nexus) != nil { return false }
        return conflict == .writing || reservation.type.stopsReads
    }

    /// Registers an initiator, or gives it another key.
    mutating func register(_ nexus: Nexus, key: UInt64) throws(Refusal) {
        if let index = registrations.firstIndex(where: { $0.nexus == nexus }) {
            registrations[index].key = key
        } else {
            guard registrations.count < Self.mostRegistrations else {
                throw .check(.insufficientRegistrationResources)
            }
            registrations.append(Registration(nexus: nexus, key: key))
        }
    }

    /// Removes an initiator's registration, and its reservation with it.
    ///
    /// - Returns: the type of the reservation that ended, if one did.
    mutating func unregister(_ nexus: Nexus) -> ReservationType? {
        let wasHolder = isHolder(nexus)
        registrations.removeAll { $0.nexus == nexus }
        guard let reservation, wasHolder, !reservation.type.isHeldByAll || registrations.isEmpty else {
            return nil
        }
        self.reservation = nil
        return reservation.type
    }
}

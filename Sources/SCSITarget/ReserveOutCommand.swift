// SPDX-License-Identifier: MIT

/// PERSISTENT RESERVE OUT: registering, reserving, and taking over from others.
enum ReserveOutCommand {
    static let rows: [CommandRow] = Action.allCases.map { action in
        CommandRow(
            0x5f,
            "PERSISTENT RESERVE OUT, \(action.name)",
            action: action.rawValue,
            usage: [0, 0xff, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x04],
            .withReserve,
            body: .take { (command, dataOut) throws(Refusal) in
                let parameters = try ReserveParameters(command, dataOut, action)
                let removed = try command.unit.changeReservations(kept: parameters.isKept) {
                    (state) throws(Refusal) in
                    try carryOut(action, parameters, for: command.nexus, on: &state)
                }
                if action == .preemptAndAbort { try command.settle(removed) }
                return parameters.byteCount
            }
        )
    }

    enum Action: UInt16, CaseIterable, Sendable {
        case register, reserve, release, clear, preempt, preemptAndAbort, registerAndIgnore, registerAndMove

        var name: String {
            switch self {
            case .register: "REGISTER"
            case .reserve: "RESERVE"
            case .release: "RELEASE"
            case .clear: "CLEAR"
            case .preempt: "PREEMPT"
            case .preemptAndAbort: "PREEMPT AND ABORT"
            case .registerAndIgnore: "REGISTER AND IGNORE EXISTING KEY"
            case .registerAndMove: "REGISTER AND MOVE"
            }
        }
    }

    private static func carryOut(
        _ action: Action,
        _ parameters: ReserveParameters,
        for nexus: Nexus,
        on state: inout UnitState
    ) throws(Refusal) {
        let registered = state.reservations.key(of: nexus)
        switch action {
        case .register where (registered ?? 0) != parameters.key: throw .reservationConflict
        case .register, .registerAndIgnore: return try register(nexus, parameters.newKey, on: &state)
        default: break
        }
        // All else is for the registered, with their key.
        guard registered == parameters.key else { throw .reservationConflict }
        switch action {
        case .reserve: try reserve(nexus, parameters, on: &state)
        case .release: try release(nexus, parameters, on: &state)
        case .clear: clear(nexus, on: &state)
        case .preempt, .preemptAndAbort: try preempt(nexus, parameters, on: &state)
        default: try move(nexus, parameters, on: &state)
        }
    }

    private static func register(_ nexus: Nexus, _ key: UInt64, on state: inout UnitState) throws(Refusal) {
        if key != 0 {
            try state.reservations.register(nexus, key: key)
        } else {
            if state.reservations.key(of: nexus) == nil { return }
            let ended = state.reservations.unregister(nexus)
            if let ended, ended.admitsRegistrants { state.announceToRegistrants(.reservationsReleased) }
        }
        state.reservations.generation &+= 1
    }

    private static func reserve(
        _ nexus: Nexus,
        _ parameters: ReserveParameters,
        on state: inout UnitState
    ) throws(Refusal) {
        let type = try parameters.type()
        guard let held = state.reservations.reservation else {
            state.reservations.reservation = .init(type: type, holder: nexus)
            return
        }
        guard state.reservations.isHolder(nexus), held.type == type else { throw .reservationConflict }
    }

    private static func release(
        _ nexus: Nexus,
        _ parameters: ReserveParameters,
        on state: inout UnitState
    ) throws(Refusal) {
        let type = try parameters.type()
        guard let held = state.reservations.reservation, state.reservations.isHolder(nexus) else { return }
        guard held.type == type else { throw .check(.invalidRelease) }
        state.reservations.reservation = nil
        if held.type.admitsRegistrants { state.announceToRegistrants(.reservationsReleased, except: nexus) }
    }

    private static func clear(_ nexus: Nexus, on state: inout UnitState) {
        state.announceToRegistrants(.reservationsPreempted, except: nexus)
        state.reservations.registrations = []
        state.reservations.reservation = nil
        state.reservations.generation &+= 1
    }

    /// Removes the registrations of a key, and takes over the reservation where that key holds it.
    ///
    /// Commands of those who are removed that are on their way end as usual: they came first.
    private static func preempt(
        _ nexus: Nexus,
        _ parameters: ReserveParameters,
        on state: inout UnitState
    ) throws(Refusal) {
        let type = try parameters.type()
        let victim = parameters.newKey
        let held = state.reservations.reservation
        let takesOver: Bool
        if let held, held.type.isHeldByAll {
            takesOver = victim == 0
        } else {
            if victim == 0 { throw .check(.invalidParameter(byte: 8)) }
            takesOver = held.map { state.reservations.key(of: $0.holder) == victim } ?? false
        }
        let removed = state.reservations.registrations.filter {
            $0.nexus != nexus && (victim == 0 || $0.key == victim)
        }
        let isOwnKey = state.reservations.key(of: nexus) == victim
        if removed.isEmpty && !takesOver && !isOwnKey { throw .reservationConflict }
        state.reservations.registrations.removeAll { removed.contains($0) }
        for one in removed { state.announce(.registrationsPreempted, to: one.nexus) }
        if takesOver {
            state.reservations.reservation = .init(type: type, holder: nexus)
            if let held, held.type != type, held.type.admitsRegistrants {
                state.announceToRegistrants(.reservationsReleased, except: nexus)
            }
        }
        state.reservations.generation &+= 1
    }

    /// Registers another initiator and gives it the reservation.
    private static func move(
        _ nexus: Nexus,
        _ parameters: ReserveParameters,
        on state: inout UnitState
    ) throws(Refusal) {
        guard let held = state.reservations.reservation, held.holder == nexus, !held.type.isHeldByAll else {
            throw .reservationConflict
        }
        if parameters.newKey == 0 { throw .check(.invalidParameter(byte: 8)) }
        let heir = state.attentions.keys.first { TransportID.encode($0) == parameters.transportID }
        guard let heir, heir != nexus else { throw .check(.invalidParameter(byte: 24)) }
        try state.reservations.register(heir, key: parameters.newKey)
        state.reservations.reservation = .init(type: held.type, holder: heir)
        if parameters.unregisters { state.reservations.registrations.removeAll { $0.nexus == nexus } }
        state.reservations.generation &+= 1
    }
}

extension Command {
    /// How long one initiator's command waits for others', which a store that hangs may hold up, and which may wait for
    /// it in turn.
    private static let patience = Duration.seconds(10)

    /// Waits until nothing of those who lost their registration is under way. Where that takes too long the command
    /// fails: they may still write.
    fileprivate func settle(_ removed: Set<Nexus>) throws(Refusal) {
        let others = removed.subtracting([nexus])
        if !unit.settle(of: others, for: Self.patience) { throw .check(.internalTargetFailure) }
    }
}

extension UnitState {
    fileprivate mutating func announceToRegistrants(_ sense: Sense, except nexus: Nexus? = nil) {
        for one in reservations.registrations where one.nexus != nexus { announce(sense, to: one.nexus) }
    }
}

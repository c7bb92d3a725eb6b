// SPDX-License-Identifier: MIT

/// RESERVE and RELEASE of SPC-2, by which one initiator has the unit for itself.
enum ReserveCommands {
    static let rows: [CommandRow] = [
        CommandRow(0x16, "RESERVE(6)", usage: [0, 0, 0, 0, 0x04], .withReserve, body: .act(reserve)),
        CommandRow(0x17, "RELEASE(6)", usage: [0, 0, 0, 0, 0x04], .never, body: .act(release)),
        CommandRow(
            0x56,
            "RESERVE(10)",
            usage: [0, 0, 0, 0, 0, 0, 0, 0, 0x04],
            .withReserve,
            body: .act(reserve)
        ),
        CommandRow(
            0x57,
            "RELEASE(10)",
            usage: [0, 0, 0, 0, 0, 0, 0, 0, 0x04],
            .never,
            body: .act(release)
        ),
    ]

    @Sendable
    private static func reserve(_ command: Command) throws(Refusal) {
        try refuseThirdParty(command)
        try command.unit.change { (state) throws(Refusal) in
            if try !isPersistent(state, command.nexus) { state.legacyHolder = command.nexus }
        }
    }

    @Sendable
    private static func release(_ command: Command) throws(Refusal) {
        try refuseThirdParty(command)
        try command.unit.change { (state) throws(Refusal) in
            if try isPersistent(state, command.nexus) { return }
            if state.legacyHolder == command.nexus { state.legacyHolder = nil }
        }
    }

    /// Extents and third parties are from before SPC-3.
    private static func refuseThirdParty(_ command: Command) throws(Refusal) {
        if command.block[1] & 0x13 != 0 { throw .check(.invalidField(byte: 1, bit: 4)) }
    }

    /// Whether persistent reservations are in use: then the registered are told GOOD and nothing changes (CRH), and
    /// others are refused.
    private static func isPersistent(_ state: UnitState, _ nexus: Nexus) throws(Refusal) -> Bool {
        if state.reservations.registrations.isEmpty { return false }
        guard state.reservations.key(of: nexus) != nil else { throw .reservationConflict }
        return true
    }
}

// SPDX-License-Identifier: MIT

/// PERSISTENT RESERVE IN: who is registered, and who has reserved the unit.
enum ReserveInCommand {
    static let rows: [CommandRow] = [
        row(0x00, "PERSISTENT RESERVE IN, READ KEYS", keys),
        row(0x01, "PERSISTENT RESERVE IN, READ RESERVATION", reservation),
        row(0x02, "PERSISTENT RESERVE IN, REPORT CAPABILITIES", capabilities),
        row(0x03, "PERSISTENT RESERVE IN, READ FULL STATUS", fullStatus),
    ]

    private static func row(
        _ action: UInt16,
        _ name: String,
        _ answer: @escaping @Sendable (PersistentReservations, LogicalUnit) -> [UInt8]
    ) -> CommandRow {
        let usage: [UInt8] = [0, 0, 0, 0, 0, 0, 0xff, 0xff, 0x04]
        return CommandRow(
            0x5e,
            name,
            action: action,
            usage: usage,
            .withReserve,
            body: .answer { command in
                let bytes = answer(command.unit.change { $0.reservations }, command.unit)
                return ShortAnswer(bytes, allocation: command.block.length(at: 7, bytes: 2))
            }
        )
    }

    /// The generation, the length of what follows, and that.
    private static func list(_ state: PersistentReservations, _ body: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(bigEndian: state.generation)
        bytes.append(bigEndian: UInt32(body.count))
        return bytes + body
    }

    @Sendable
    private static func keys(_ state: PersistentReservations, _ unit: LogicalUnit) -> [UInt8] {
        var body: [UInt8] = []
        for registration in state.registrations { body.append(bigEndian: registration.key) }
        return list(state, body)
    }

    @Sendable
    private static func reservation(_ state: PersistentReservations, _ unit: LogicalUnit) -> [UInt8] {
        guard let reservation = state.reservation else { return list(state, []) }
        var body: [UInt8] = []
        // All registrants hold it by no key.
        let key = reservation.type.isHeldByAll ? 0 : state.key(of: reservation.holder) ?? 0
        body.append(bigEndian: key)
        body += [0, 0, 0, 0, 0, reservation.type.rawValue, 0, 0]
        return list(state, body)
    }

    /// CRH and ATP_C; PTPL_C and PTPL_A where reservations are kept; TMV with all six types.
    @Sendable
    private static func capabilities(_ state: PersistentReservations, _ unit: LogicalUnit) -> [UInt8] {
        let isKept = unit.reservationFile != nil
        return [0, 8, isKept ? 0x15 : 0x14, state.isKept ? 0x81 : 0x80, 0xea, 0x01, 0, 0]
    }

    @Sendable
    private static func fullStatus(_ state: PersistentReservations, _ unit: LogicalUnit) -> [UInt8] {
        var body: [UInt8] = []
        for registration in state.registrations {
            let isHolder = state.isHolder(registration.nexus)
            body.append(bigEndian: registration.key)
            body += [0, 0, 0, 0, isHolder ? 0x01 : 0, isHolder ? state.reservation?.type.rawValue ?? 0 : 0]
            body += [0, 0, 0, 0]
            body.append(bigEndian: TargetPort.relativeIdentifier)
            let name = TransportID.encode(registration.nexus)
            body.append(bigEndian: UInt32(name.count))
            body += name
        }
        return list(state, body)
    }
}

/// An initiator port's name as SPC-4 has it for iSCSI: the name alone, ended and filled with NULs.
enum TransportID {
    static func encode(_ nexus: Nexus) -> [UInt8] {
        let name = Array(nexus.name.utf8)
        let size = max(20, (name.count + 4) / 4 * 4)
        var bytes: [UInt8] = [0x05, 0]
        bytes.append(bigEndian: UInt16(size))
        return bytes + name + [UInt8](repeating: 0, count: size - name.count)
    }
}

// SPDX-License-Identifier: MIT

/// One command of the command set: an operation code, with its service action where it has some.
final class CommandRow: Sendable {
    /// How a command stands to other initiators' reservations, from the tables of SPC-4 and SBC-3.
    enum Conflict: Sendable {
        /// It is always allowed.
        case never
        /// Persistent reservations do not stop it, the older RESERVE does.
        case withReserve
        /// An exclusive access reservation stops it.
        case reading
        /// A write exclusive reservation stops it, too.
        case writing
    }

    /// When a command is there.
    enum Presence: Sendable {
        case always
        /// On a store that can deallocate.
        case withUnmap

        func holds(on unit: LogicalUnit) -> Bool {
            switch self {
            case .always: true
            case .withUnmap: unit.store.canUnmap && !unit.store.isReadOnly
            }
        }
    }

    let opcode: UInt8
    let action: UInt16?
    let name: String
    /// The CDB usage data: the bits that the unit heeds, as many bytes as the command has.
    let usage: [UInt8]
    let conflict: Conflict
    let presence: Presence
    /// Whether it needs a started unit.
    let needsMedium: Bool
    /// Whether it is carried out although a unit attention is pending.
    let passesAttention: Bool
    let body: CommandBody

    init(
        _ opcode: UInt8,
        _ name: String,
        action: UInt16? = nil,
        usage: [UInt8],
        _ conflict: Conflict,
        presence: Presence = .always,
        needsMedium: Bool = false,
        passesAttention: Bool = false,
        body: CommandBody
    ) {
        self.opcode = opcode
        self.name = name
        self.action = action
        self.usage = Self.usage(opcode, action, usage)
        self.conflict = conflict
        self.presence = presence
        self.needsMedium = needsMedium
        self.passesAttention = passesAttention
        self.body = body
    }

    /// The service action stands in the usage data as it is.
    private static func usage(_ opcode: UInt8, _ action: UInt16?, _ rest: [UInt8]) -> [UInt8] {
        var usage = [opcode] + rest
        guard let action else { return usage }
        if opcode == 0x7f {
            usage.put(bigEndian: action, at: 8)
        } else {
            usage[1] = usage[1] & 0xe0 | UInt8(action)
        }
        return usage
    }
}

/// All commands of the unit, by operation code and service action.
enum CommandTable {
    static let rows: [CommandRow] = [
        InquiryCommand.rows, ReportLUNsCommand.rows, UnitStatusCommands.rows, CapacityCommands.rows,
        TransferCommands.rows, VerificationCommands.rows, CacheCommands.rows, ProvisioningCommands.rows,
        ModeCommands.rows, ReportCommands.rows, ReserveInCommand.rows, ReserveOutCommand.rows,
        ReserveCommands.rows,
    ].flatMap { $0 }.sorted { ($0.opcode, $0.action ?? 0) < ($1.opcode, $1.action ?? 0) }

    private static let byOpcode = [UInt8: [CommandRow]](grouping: rows) { $0.opcode }

    /// The rows of an operation code that the unit has.
    static func rows(for opcode: UInt8, on unit: LogicalUnit) -> [CommandRow] {
        (byOpcode[opcode] ?? []).filter { $0.presence.holds(on: unit) }
    }

    /// The row of a command.
    ///
    /// - Throws: INVALID COMMAND OPERATION CODE, or INVALID FIELD IN CDB for an unknown service action.
    static func row(for block: CommandBlock, on unit: LogicalUnit) throws(Refusal) -> CommandRow {
        guard let rows = byOpcode[block.opcode], rows[0].presence.holds(on: unit) else {
            throw .check(.invalidOperationCode)
        }
        let row = rows.first { $0.action == nil || $0.action == block.serviceAction }
        guard let row else { throw .check(.invalidField(byte: block.opcode == 0x7f ? 8 : 1, bit: 4)) }
        return row
    }
}

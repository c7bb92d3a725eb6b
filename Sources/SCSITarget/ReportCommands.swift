// SPDX-License-Identifier: MIT

/// What MAINTENANCE IN reports: the target port group, the commands, the task management functions.
enum ReportCommands {
    static let rows: [CommandRow] = [
        row("REPORT TARGET PORT GROUPS", action: 0x0a, byte1: 0xe0, byte2: 0, .withReserve, portGroups),
        row("REPORT SUPPORTED OPERATION CODES", action: 0x0c, byte1: 0, byte2: 0x87, .reading, commands),
        row(
            "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS",
            action: 0x0d,
            byte1: 0,
            byte2: 0x80,
            .reading,
            tasks
        ),
    ]

    private static func row(
        _ name: String,
        action: UInt16,
        byte1: UInt8,
        byte2: UInt8,
        _ conflict: CommandRow.Conflict,
        _ body: @escaping @Sendable (Command) throws(Refusal) -> ShortAnswer
    ) -> CommandRow {
        let choice: [UInt8] = action == 0x0c ? [0xff, 0xff, 0xff] : [0, 0, 0]
        let usage = [byte1, byte2] + choice + [0xff, 0xff, 0xff, 0xff, 0x00, 0x04]
        return CommandRow(0xa3, name, action: action, usage: usage, conflict, body: .answer(body))
    }

    /// One group with one port, active and optimized.
    @Sendable
    private static func portGroups(_ command: Command) throws(Refusal) -> ShortAnswer {
        let format = command.block[1] >> 5
        guard format <= 1 else { throw .check(.invalidField(byte: 1, bit: 7)) }
        // AO_SUP is the one state.
        var body: [UInt8] = format == 1 ? [0x10, 0, 0, 0] : []
        body += [0x00, 0x01]
        body.append(bigEndian: TargetPort.group)
        body += [0, 0, 0, 1, 0, 0]
        body.append(bigEndian: TargetPort.relativeIdentifier)
        var bytes: [UInt8] = []
        bytes.append(bigEndian: UInt32(body.count))
        return ShortAnswer(bytes + body, allocation: command.block.length(at: 6, bytes: 4))
    }

    /// ABORT TASK, ABORT TASK SET, CLEAR TASK SET, LOGICAL UNIT RESET, QUERY TASK; QUERY TASK SET, I_T NEXUS RESET:
    /// what virtio-scsi carries.
    @Sendable
    private static func tasks(_ command: Command) throws(Refusal) -> ShortAnswer {
        let allocation = command.block.length(at: 6, bytes: 4)
        guard allocation >= 4 else { throw .check(.invalidField(byte: 6)) }
        var bytes: [UInt8] = [0xdc, 0x03, 0, 0]
        // REPD: no timeouts are known.
        if command.block.bit(7, of: 2) { bytes = [0xdc, 0x03, 0, 12] + [UInt8](repeating: 0, count: 12) }
        return ShortAnswer(bytes, allocation: allocation)
    }

    @Sendable
    private static func commands(_ command: Command) throws(Refusal) -> ShortAnswer {
        let hasTimeouts = command.block.bit(7, of: 2)
        let bytes =
            switch command.block[2] & 0x07 {
            case 0: allCommands(of: command.unit, hasTimeouts)
            case 1, 2, 3: try oneCommand(command, hasTimeouts)
            default: throw .check(.invalidField(byte: 2, bit: 2))
            }
        return ShortAnswer(bytes, allocation: command.block.length(at: 6, bytes: 4))
    }

    private static func allCommands(of unit: LogicalUnit, _ hasTimeouts: Bool) -> [UInt8] {
        var descriptors: [UInt8] = []
        for row in CommandTable.rows where row.presence.holds(on: unit) {
            descriptors += [row.opcode, 0]
            descriptors.append(bigEndian: row.action ?? 0)
            descriptors += [0, (hasTimeouts ? 0x02 : 0) | (row.action != nil ? 0x01 : 0)]
            descriptors.append(bigEndian: UInt16(row.usage.count))
            if hasTimeouts { descriptors += noTimeouts }
        }
        var bytes: [UInt8] = []
        bytes.append(bigEndian: UInt32(descriptors.count))
        return bytes + descriptors
    }

    /// The command timeouts descriptor, with no timeout indicated.
    private static let noTimeouts: [UInt8] = [0x00, 0x0a] + [UInt8](repeating: 0, count: 10)

    private static func oneCommand(_ command: Command, _ hasTimeouts: Bool) throws(Refusal) -> [UInt8] {
        let rows = CommandTable.rows(for: command.block[3], on: command.unit)
        let action = UInt16(command.block.number(at: 4, bytes: 2))
        let hasActions = rows.contains { $0.action != nil }
        switch command.block[2] & 0x07 {
        case 1 where hasActions: throw .check(.invalidField(byte: 2, bit: 2))
        case 2 where !rows.isEmpty && !hasActions: throw .check(.invalidField(byte: 2, bit: 2))
        default: break
        }
        // SUPPORT: 1 is no, 3 is yes, as the standard has it.
        guard let row = rows.first(where: { $0.action == nil || $0.action == action }) else {
            return [0x00, 0x01, 0, 0]
        }
        var bytes: [UInt8] = [0x00, (hasTimeouts ? 0x80 : 0) | 0x03]
        bytes.append(bigEndian: UInt16(row.usage.count))
        return bytes + row.usage + (hasTimeouts ? noTimeouts : [])
    }
}

// SPDX-License-Identifier: MIT

/// Whether the unit is ready, what it has to tell, starting and stopping it.
enum UnitStatusCommands {
    static let requestSense: UInt8 = 0x03

    static let rows = [
        CommandRow(
            0x00,
            "TEST UNIT READY",
            usage: [0x00, 0x00, 0x00, 0x00, 0x04],
            .withReserve,
            needsMedium: true,
            body: .act { _ in }
        ),
        CommandRow(
            requestSense,
            "REQUEST SENSE",
            usage: [0x01, 0x00, 0x00, 0xff, 0x04],
            .never,
            passesAttention: true,
            body: .answer(sense)
        ),
        CommandRow(
            0x1b,
            "START STOP UNIT",
            usage: [0x01, 0x00, 0x0f, 0xf7, 0x04],
            .withReserve,
            body: .act(startStop)
        ),
        CommandRow(
            0x1e,
            "PREVENT ALLOW MEDIUM REMOVAL",
            usage: [0x00, 0x00, 0x00, 0x03, 0x04],
            .withReserve,
            body: .act(preventAllow)
        ),
    ]

    @Sendable
    private static func sense(_ command: Command) throws(Refusal) -> ShortAnswer {
        let attention = command.unit.change { $0.takeAttention(of: command.nexus) }
        let sense = attention ?? (command.settings.isStarted ? .none : .notReadyStopped)
        let bytes = sense.encoded(descriptors: command.block.bit(0, of: 1))
        return ShortAnswer(bytes, allocation: Int(command.block[4]))
    }

    @Sendable
    private static func startStop(_ command: Command) throws(Refusal) {
        let condition = command.block[4] >> 4
        let starts = command.block.bit(0, of: 4)
        if condition != 0 || !starts { try command.refuseConflict(.writing) }
        guard [0x0, 0x1, 0x2, 0x3, 0x7, 0xa, 0xb].contains(condition) else {
            throw .check(.invalidField(byte: 4, bit: 7))
        }
        // Power conditions make no difference here.
        if condition != 0 { return }
        // The medium cannot be loaded or ejected.
        if command.block.bit(1, of: 4) { throw .check(.invalidField(byte: 4, bit: 1)) }
        if !starts && !command.block.bit(2, of: 4) { try command.flush() }
        command.unit.change { $0.settings.isStarted = starts }
    }

    /// Nothing can be removed: prevention is granted and changes nothing.
    @Sendable
    private static func preventAllow(_ command: Command) throws(Refusal) {
        if command.block[4] & 0x03 != 0 { try command.refuseConflict(.writing) }
    }
}

// SPDX-License-Identifier: MIT

/// READ CAPACITY: how many blocks of what size.
enum CapacityCommands {
    static let rows = [
        CommandRow(
            0x25,
            "READ CAPACITY(10)",
            usage: [0x00, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x01, 0x04],
            .withReserve,
            needsMedium: true,
            body: .answer(ten)
        ),
        CommandRow(
            0x9e,
            "READ CAPACITY(16)",
            action: 0x10,
            usage: [0x1f] + [UInt8](repeating: 0xff, count: 12) + [0x01, 0x04],
            .withReserve,
            needsMedium: true,
            body: .answer(sixteen)
        ),
    ]

    @Sendable
    private static func ten(_ command: Command) throws(Refusal) -> ShortAnswer {
        // Without PMI the address means nothing.
        if !command.block.bit(0, of: 8) && command.block.address != 0 { throw .check(.invalidField(byte: 2)) }
        var bytes: [UInt8] = []
        bytes.append(bigEndian: UInt32(clamping: command.settings.blockCount - 1))
        bytes.append(bigEndian: UInt32(command.blockSize))
        return ShortAnswer(bytes, allocation: bytes.count)
    }

    @Sendable
    private static func sixteen(_ command: Command) throws(Refusal) -> ShortAnswer {
        if !command.block.bit(0, of: 14) && command.block.address != 0 {
            throw .check(.invalidField(byte: 2))
        }
        var bytes: [UInt8] = []
        bytes.append(bigEndian: command.settings.blockCount - 1)
        bytes.append(bigEndian: UInt32(command.blockSize))
        // P_TYPE and PROT_EN; a physical block is of 4 KiB; LBPME and LBPRZ.
        bytes.append(command.unit.protection.map { ($0.type.rawValue - 1) << 1 | 0x01 } ?? 0)
        bytes.append(command.blockSize == 512 ? 3 : 0)
        let unmaps = CommandRow.Presence.withUnmap.holds(on: command.unit)
        bytes += [unmaps ? (command.unit.unmapsToZeroes ? 0xc0 : 0x80) : 0, 0x00]
        bytes += [UInt8](repeating: 0, count: 32 - bytes.count)
        return ShortAnswer(bytes, allocation: command.block.length(at: 10, bytes: 4))
    }
}

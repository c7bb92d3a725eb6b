// SPDX-License-Identifier: MIT

/// REPORT LUNS: which units the target has.
enum ReportLUNsCommand {
    static let opcode: UInt8 = 0xa0

    static let rows = [
        CommandRow(
            opcode,
            "REPORT LUNS",
            usage: [0x00, 0xff, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0x00, 0x04],
            .never,
            passesAttention: true,
            body: .answer(run)
        )
    ]

    @Sendable
    private static func run(_ command: Command) throws(Refusal) -> ShortAnswer {
        try answer(command.block, luns: command.luns)
    }

    static func answer(_ block: CommandBlock, luns: [UInt16]) throws(Refusal) -> ShortAnswer {
        // 0: units with simple addresses; 1: well-known units, of which there are none; 2: both.
        guard block[2] <= 2 else { throw .check(.invalidField(byte: 2)) }
        let allocation = block.length(at: 6, bytes: 4)
        guard allocation >= 16 else { throw .check(.invalidField(byte: 6)) }
        let listed = block[2] == 1 ? [] : luns
        var bytes: [UInt8] = []
        bytes.append(bigEndian: UInt32(listed.count * 8))
        bytes += [0, 0, 0, 0]
        for lun in listed { bytes += address(of: lun) }
        return ShortAnswer(bytes, allocation: allocation)
    }

    /// The unit's number in eight bytes: by peripheral addressing up to 255, else by flat addressing.
    private static func address(of lun: UInt16) -> [UInt8] {
        let method: UInt8 = lun < 256 ? 0x00 : 0x40
        return [method | UInt8(lun >> 8), UInt8(truncatingIfNeeded: lun), 0, 0, 0, 0, 0, 0]
    }
}

/// What the target answers under a number that no unit has.
enum AbsentUnit {
    static func answer(
        _ block: CommandBlock,
        luns: [UInt16],
        dataIn: inout MutableSpan<UInt8>
    ) -> CommandOutcome {
        do throws(Refusal) {
            let transfer = try answer(block, luns: luns).send(into: &dataIn)
            return CommandOutcome(dataInCount: transfer.dataIn, wanted: transfer.wanted)
        } catch .check(let sense) {
            return CommandOutcome(status: .checkCondition, sense: sense.encoded())
        } catch {
            return CommandOutcome(status: .busy)
        }
    }

    private static func answer(_ block: CommandBlock, luns: [UInt16]) throws(Refusal) -> ShortAnswer {
        switch block.opcode {
        case InquiryCommand.opcode where block[1] & 0x03 == 0 && block[2] == 0:
            // The target can have no device here, of no known type.
            let bytes: [UInt8] = [0x7f, 0x00, 0x06, 0x12, 31] + [UInt8](repeating: 0, count: 31)
            return ShortAnswer(bytes, allocation: block.length(at: 3, bytes: 2))
        case ReportLUNsCommand.opcode:
            return try ReportLUNsCommand.answer(block, luns: luns)
        case UnitStatusCommands.requestSense:
            let bytes = Sense.logicalUnitNotSupported.encoded(descriptors: block.bit(0, of: 1))
            return ShortAnswer(bytes, allocation: Int(block[4]))
        default: throw .check(.logicalUnitNotSupported)
        }
    }
}

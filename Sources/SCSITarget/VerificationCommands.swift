// SPDX-License-Identifier: MIT
import SystemPackage

/// VERIFY, WRITE AND VERIFY, and COMPARE AND WRITE: what is stored against the initiator's data.
enum VerificationCommands {
    static let rows: [CommandRow] = [
        verify(0x2f, "VERIFY(10)", [0xf6] + four + [0x3f, 0xff, 0xff, 0x04]),
        verify(0xaf, "VERIFY(12)", [0xf6] + four + four + [0x3f, 0x04]),
        verify(0x8f, "VERIFY(16)", [0xf6] + four + four + four + [0x3f, 0x04]),
        writeAndVerify(0x2e, "WRITE AND VERIFY(10)", [0xf6] + four + [0x3f, 0xff, 0xff, 0x04]),
        writeAndVerify(0xae, "WRITE AND VERIFY(12)", [0xf6] + four + four + [0x3f, 0x04]),
        writeAndVerify(0x8e, "WRITE AND VERIFY(16)", [0xf6] + four + four + four + [0x3f, 0x04]),
        CommandRow(
            0x89,
            "COMPARE AND WRITE",
            usage: [0xf8] + four + four + [0, 0, 0, 0xff, 0x3f, 0x04],
            .writing,
            needsMedium: true,
            body: .take(compareAndWrite)
        ),
    ]

    private static let four = [UInt8](repeating: 0xff, count: 4)

    private static func verify(_ opcode: UInt8, _ name: String, _ usage: [UInt8]) -> CommandRow {
        CommandRow(opcode, name, usage: usage, .reading, needsMedium: true, body: .take(verify))
    }

    private static func writeAndVerify(_ opcode: UInt8, _ name: String, _ usage: [UInt8]) -> CommandRow {
        CommandRow(opcode, name, usage: usage, .writing, needsMedium: true, body: .take(writeAndVerify))
    }

    /// BYTCHK 0 reads, 1 compares all bytes, 3 compares every block with the one that was sent.
    @Sendable
    private static func verify(_ command: Command, _ dataOut: Span<UInt8>) throws(Refusal) -> Int {
        let range = try command.transferRange()
        let sent: UInt64
        switch command.block[1] >> 1 & 0x3 {
        case 0: sent = 0
        case 1: sent = range.count
        case 3:
            // Which tags one block for all would have is nowhere said.
            try command.refuseInformation()
            sent = min(1, range.count)
        default: throw .check(.invalidField(byte: 1, bit: 2))
        }
        if sent == 0 {
            try compare(command, range, dataOut.extracting(first: 0))
            return 0
        }
        return try command.takeBlocks(dataOut, Int(sent)) { (data, tuples) throws(Refusal) in
            try command.checkSent(data, tuples, range.part(from: 0, most: sent))
            try compare(command, range, data, tuples)
        }
    }

    @Sendable
    private static func writeAndVerify(_ command: Command, _ dataOut: Span<UInt8>) throws(Refusal) -> Int {
        let check = command.block[1] >> 1 & 0x3
        guard check <= 1 else { throw .check(.invalidField(byte: 1, bit: 2)) }
        try command.refuseWriteProtected()
        let range = try command.transferRange()
        return try command.takeBlocks(dataOut, Int(range.count)) { (data, tuples) throws(Refusal) in
            try command.checkSent(data, tuples, range)
            try command.write(data, at: range, tuples)
            try command.flushIfForced(true)
            try compare(command, range, data.extracting(first: check == 1 ? data.count : 0))
        }
    }

    /// Reads what is stored and compares it with `data`, which starts again where it ends, and with its protection
    /// information, as far as the command wants that; with none of it, reads only.
    private static func compare(
        _ command: Command,
        _ range: BlockRange,
        _ data: Span<UInt8>,
        _ sent: [UInt8] = []
    ) throws(Refusal) {
        let mask = try command.comparedInformation
        try command.forEachPart(of: range) { (part, tuples, first) throws(Refusal) in
            if data.isEmpty { return }
            let start = first * range.blockSize
            var position = start % data.count
            for index in part.indices {
                if part[index] != data[position] { throw .check(.miscompare(at: start + index)) }
                position += 1
                if position == data.count { position = 0 }
            }
            if sent.isEmpty { return }
            for index in tuples.indices {
                let difference = tuples[index] ^ sent[first * ProtectionTuple.byteCount + index]
                if difference & mask[index % ProtectionTuple.byteCount] != 0 {
                    throw .check(.miscompare(at: start + index / ProtectionTuple.byteCount * range.blockSize))
                }
            }
        }
    }

    /// Writes the second half of the data where the first is what is stored.
    @Sendable
    private static func compareAndWrite(_ command: Command, _ dataOut: Span<UInt8>) throws(Refusal) -> Int {
        try command.refuseWriteProtected()
        try command.refuseInformation()
        let range = try command.blocks(command.block.address, UInt64(command.block[13]))
        let half = range.byteCount
        // What is sent in excess would be taken for a half that it is not.
        guard dataOut.count == 2 * half else { throw .check(.invalidField(byte: 13)) }
        try command.unit.modifying { () throws(Refusal) in
            try compare(command, range, dataOut.extracting(first: half))
            try command.write(dataOut.extracting(half..<2 * half), at: range)
        }
        try command.flushIfForced(command.forcesUnitAccess)
        return 2 * half
    }
}

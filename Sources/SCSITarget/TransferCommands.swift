// SPDX-License-Identifier: MIT
import SystemPackage

/// READ and WRITE in all their sizes, and ORWRITE.
enum TransferCommands {
    static let rows: [CommandRow] = [
        read(0x08, "READ(6)", usage: [0x1f, 0xff, 0xff, 0xff, 0x04]),
        read(0x28, "READ(10)", usage: [0xf8] + address10 + [0x3f, 0xff, 0xff, 0x04]),
        read(0xa8, "READ(12)", usage: [0xf8] + address10 + length32 + [0x3f, 0x04]),
        read(0x88, "READ(16)", usage: [0xf8] + address16 + length32 + [0x3f, 0x04]),
        read(0x7f, "READ(32)", action: 0x09, usage: variableLength),
        write(0x0a, "WRITE(6)", usage: [0x1f, 0xff, 0xff, 0xff, 0x04]),
        write(0x2a, "WRITE(10)", usage: [0xf8] + address10 + [0x3f, 0xff, 0xff, 0x04]),
        write(0xaa, "WRITE(12)", usage: [0xf8] + address10 + length32 + [0x3f, 0x04]),
        write(0x8a, "WRITE(16)", usage: [0xf8] + address16 + length32 + [0x3f, 0x04]),
        write(0x7f, "WRITE(32)", action: 0x0b, usage: variableLength),
        CommandRow(
            0x8b,
            "ORWRITE(16)",
            usage: [0xf8] + address16 + length32 + [0x3f, 0x04],
            .writing,
            needsMedium: true,
            body: .take(orwrite)
        ),
    ]

    private static let address10 = [UInt8](repeating: 0xff, count: 4)
    private static let address16 = [UInt8](repeating: 0xff, count: 8)
    private static let length32 = [UInt8](repeating: 0xff, count: 4)
    private static let variableLength: [UInt8] =
        [0x04, 0, 0, 0, 0, 0x3f, 0x18, 0xff, 0xff, 0xf8, 0] + address16
        + [UInt8](repeating: 0xff, count: 8) + length32

    private static func read(
        _ opcode: UInt8,
        _ name: String,
        action: UInt16? = nil,
        usage: [UInt8]
    ) -> CommandRow {
        CommandRow(opcode, name, action: action, usage: usage, .reading, needsMedium: true, body: .fill(read))
    }

    private static func write(
        _ opcode: UInt8,
        _ name: String,
        action: UInt16? = nil,
        usage: [UInt8]
    ) -> CommandRow {
        CommandRow(
            opcode,
            name,
            action: action,
            usage: usage,
            .writing,
            needsMedium: true,
            body: .take(write)
        )
    }

    @Sendable
    private static func read(
        _ command: Command,
        _ dataIn: inout MutableSpan<UInt8>
    ) throws(Refusal) -> Transfer {
        try command.giveBlocks(try command.transferRange(), &dataIn)
    }

    @Sendable
    private static func write(_ command: Command, _ dataOut: Span<UInt8>) throws(Refusal) -> Int {
        try command.refuseWriteProtected()
        let range = try command.transferRange()
        let taken = try command.takeBlocks(dataOut, Int(range.count)) { (data, tuples) throws(Refusal) in
            try command.checkSent(data, tuples, range)
            try command.write(data, at: range, tuples)
        }
        try command.flushIfForced(command.forcesUnitAccess)
        return taken
    }

    /// Sets the bits of the initiator's data in what is stored.
    @Sendable
    private static func orwrite(_ command: Command, _ dataOut: Span<UInt8>) throws(Refusal) -> Int {
        try command.refuseWriteProtected()
        let range = try command.transferRange()
        try command.refuseInformation()
        try command.checkData(dataOut, range.byteCount)
        try command.unit.modifying { () throws(Refusal) in
            try command.forEachPart(of: range) { (part, _, start) throws(Refusal) in
                var bytes = copy part
                let offset = start * range.blockSize
                for index in bytes.indices { bytes[index] |= dataOut[offset + index] }
                let count = UInt64(bytes.count / range.blockSize)
                try command.write(bytes.span, at: range.part(from: UInt64(start), most: count))
            }
        }
        try command.flushIfForced(command.forcesUnitAccess)
        return range.byteCount
    }
}

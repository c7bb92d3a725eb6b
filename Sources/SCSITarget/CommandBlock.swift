// SPDX-License-Identifier: MIT

/// A command descriptor block: 32 bytes, zeroes behind its end.
struct CommandBlock: Sendable {
    private var bytes = InlineArray<32, UInt8>(repeating: 0)

    /// Copies up to 32 bytes.
    init(_ cdb: Span<UInt8>) {
        for index in 0..<min(cdb.count, 32) { bytes[index] = cdb[index] }
    }

    subscript(index: Int) -> UInt8 { bytes[index] }

    var opcode: UInt8 { bytes[0] }

    /// Whether one bit of a byte is set.
    func bit(_ bit: UInt8, of byte: Int) -> Bool { bytes[byte] >> bit & 1 != 0 }

    /// The number in `count` bytes from `offset` on, highest byte first.
    func number(at offset: Int, bytes count: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in offset..<offset + count { value = value << 8 | UInt64(bytes[index]) }
        return value
    }

    /// A length in bytes, of one to four bytes.
    func length(at offset: Int, bytes count: Int) -> Int { Int(number(at: offset, bytes: count)) }

    /// The service action where `opcode` has some: in the low bits of byte 1, or in bytes 8 and 9 of a long block.
    var serviceAction: UInt16 {
        opcode == 0x7f ? UInt16(number(at: 8, bytes: 2)) : UInt16(bytes[1] & 0x1f)
    }

    /// The size that the operation code's group stands for.
    private var size: Int {
        switch opcode >> 5 {
        case 0: 6
        case 1, 2: 10
        case 4: 16
        case 5: 12
        default: 32
        }
    }

    /// Whether it has 32 bytes, with a service action.
    var isLong: Bool { size == 32 }

    /// The CONTROL byte, the last one; of a long block the second.
    var control: UInt8 { bytes[size == 32 ? 1 : size - 1] }

    /// The LOGICAL BLOCK ADDRESS field of a command for the medium.
    var address: UInt64 {
        switch size {
        case 6: number(at: 1, bytes: 3) & 0x1f_ffff
        case 10, 12: number(at: 2, bytes: 4)
        case 16: number(at: 2, bytes: 8)
        default: number(at: 12, bytes: 8)
        }
    }

    /// The TRANSFER LENGTH field of a command for the medium, in blocks; 0 in six bytes stands for 256.
    var blocks: UInt64 {
        switch size {
        case 6: bytes[4] == 0 ? 256 : UInt64(bytes[4])
        case 10: number(at: 7, bytes: 2)
        case 12: number(at: 6, bytes: 4)
        case 16: number(at: 10, bytes: 4)
        default: number(at: 28, bytes: 4)
        }
    }

    /// The byte with the protection, DPO and FUA bits.
    var flagsByte: Int { size == 32 ? 10 : 1 }

    /// The first byte of the TRANSFER LENGTH field.
    var lengthByte: Int {
        switch size {
        case 6: 4
        case 10: 7
        case 12: 6
        case 16: 10
        default: 28
        }
    }
}

// SPDX-License-Identifier: MIT

/// A SCSI command: its descriptor block, up to 16 bytes, and the data that goes with it.
public struct SCSICommand: Equatable, Sendable {
    /// Which way the data goes, as the initiator sees it, and how many bytes.
    public enum Transfer: Equatable, Sendable {
        case none
        case fromDevice(Int)
        case toDevice(Int)
    }

    /// The command's name in the standards, such as `READ(10)`.
    public let name: StaticString
    /// Bytes 0 to 7 of the descriptor block, byte 0 in the highest bits.
    public let first: UInt64
    /// Bytes 8 to 15.
    public let second: UInt64
    public let transfer: Transfer

    init(_ name: StaticString, _ first: UInt64, _ second: UInt64 = 0, _ transfer: Transfer = .none) {
        self.name = name
        self.first = first
        self.second = second
        self.transfer = transfer
    }

    public static func == (left: SCSICommand, right: SCSICommand) -> Bool {
        left.first == right.first && left.second == right.second && left.transfer == right.transfer
    }
}

extension SCSICommand {
    /// TEST UNIT READY: does the logical unit take commands that access its medium?
    public static let testUnitReady = SCSICommand("TEST UNIT READY", 0)

    /// INQUIRY for the standard data.
    public static func inquiry(byteCount: UInt8) -> SCSICommand {
        SCSICommand("INQUIRY", 0x12 << 56 | UInt64(byteCount) << 24, 0, .fromDevice(Int(byteCount)))
    }

    /// REPORT LUNS for all logical units but the well-known ones.
    public static func reportLUNs(byteCount: UInt32) -> SCSICommand {
        let count = UInt64(byteCount)
        return SCSICommand("REPORT LUNS", 0xa0 << 56 | count >> 16, count << 48, .fromDevice(Int(byteCount)))
    }

    /// READ CAPACITY(10), whose last address is `0xffffffff` where it takes more than 32 bits.
    public static let readCapacity10 = SCSICommand("READ CAPACITY(10)", 0x25 << 56, 0, .fromDevice(8))

    /// READ CAPACITY(16): the service action 10h of SERVICE ACTION IN(16).
    public static let readCapacity16 = SCSICommand(
        "READ CAPACITY(16)",
        0x9e10 << 48,
        32 << 16,
        .fromDevice(32)
    )

    /// READ of `blocks` blocks from `address` on: READ(10) where the numbers fit it, else READ(16).
    public static func read(address: UInt64, blocks: UInt32, blockSize: Int) -> SCSICommand {
        let transfer = Transfer.fromDevice(Int(blocks) * blockSize)
        let block = fitsTen(address, blocks) ? ten(0x28, address, blocks) : sixteen(0x88, address, blocks)
        return SCSICommand(fitsTen(address, blocks) ? "READ(10)" : "READ(16)", block.0, block.1, transfer)
    }

    /// WRITE of `blocks` blocks from `address` on: WRITE(10) where the numbers fit it, else WRITE(16).
    public static func write(address: UInt64, blocks: UInt32, blockSize: Int) -> SCSICommand {
        let transfer = Transfer.toDevice(Int(blocks) * blockSize)
        let block = fitsTen(address, blocks) ? ten(0x2a, address, blocks) : sixteen(0x8a, address, blocks)
        return SCSICommand(fitsTen(address, blocks) ? "WRITE(10)" : "WRITE(16)", block.0, block.1, transfer)
    }

    private static func fitsTen(_ address: UInt64, _ blocks: UInt32) -> Bool {
        address <= UInt64(UInt32.max) && blocks <= UInt32(UInt16.max)
    }

    private static func ten(_ opcode: UInt64, _ address: UInt64, _ blocks: UInt32) -> (UInt64, UInt64) {
        (opcode << 56 | address << 16 | UInt64(blocks >> 8), UInt64(blocks & 0xff) << 56)
    }

    private static func sixteen(_ opcode: UInt64, _ address: UInt64, _ blocks: UInt32) -> (UInt64, UInt64) {
        (opcode << 56 | address >> 16, address << 48 | UInt64(blocks) << 16)
    }
}

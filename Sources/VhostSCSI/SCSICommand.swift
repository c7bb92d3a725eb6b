// SPDX-License-Identifier: MIT
internal import CVirtioSCSI

/// A SCSI command and the data that goes with it.
public struct SCSICommand: Equatable, Sendable {
    /// What the logical unit is asked to do.
    public enum Operation: Equatable, Sendable {
        /// TEST UNIT READY: does it take commands that access its medium?
        case testUnitReady
        /// INQUIRY for the standard data.
        case inquiry
        /// REPORT LUNS for all logical units but the well-known ones.
        case reportLUNs
        /// READ CAPACITY(10), whose last address is `0xffffffff` where it takes more than 32 bits.
        case readCapacity10
        /// READ CAPACITY(16).
        case readCapacity16
        /// READ(10), or READ(16) where the numbers do not fit it.
        case read(address: UInt64, blocks: UInt32)
        /// WRITE(10), or WRITE(16) where the numbers do not fit it.
        case write(address: UInt64, blocks: UInt32)
        /// Any command, by its descriptor block of up to 32 bytes.
        case raw([UInt8], isWrite: Bool)
    }

    public let operation: Operation
    /// The size of the data in bytes; its direction follows from the operation.
    public let byteCount: Int

    /// True where the data goes to the device.
    var isWrite: Bool {
        switch operation {
        case .write, .raw(_, isWrite: true): true
        default: false
        }
    }

    public static let testUnitReady = SCSICommand(operation: .testUnitReady, byteCount: 0)
    public static let inquiry = SCSICommand(operation: .inquiry, byteCount: SCSIInquiry.byteCount)
    public static let readCapacity10 = SCSICommand(operation: .readCapacity10, byteCount: 8)
    public static let readCapacity16 = SCSICommand(operation: .readCapacity16, byteCount: 32)

    /// - Parameter byteCount: the most to answer, at least 16.
    public static func reportLUNs(byteCount: Int) -> SCSICommand {
        SCSICommand(operation: .reportLUNs, byteCount: byteCount)
    }

    public static func read(address: UInt64, blocks: UInt32, blockSize: Int) -> SCSICommand {
        SCSICommand(operation: .read(address: address, blocks: blocks), byteCount: Int(blocks) * blockSize)
    }

    public static func write(address: UInt64, blocks: UInt32, blockSize: Int) -> SCSICommand {
        SCSICommand(operation: .write(address: address, blocks: blocks), byteCount: Int(blocks) * blockSize)
    }

    /// Any command.
    ///
    /// - Parameters:
    ///   - block: its descriptor block, up to 32 bytes; missing ones are zero.
    ///   - byteCount: the size of its data.
    ///   - isWrite: whether the data goes to the device.
    public static func raw(_ block: [UInt8], byteCount: Int, isWrite: Bool) -> SCSICommand {
        SCSICommand(operation: .raw(block, isWrite: isWrite), byteCount: byteCount)
    }

    /// The command's name in the standards.
    public var name: String {
        switch operation {
        case .testUnitReady: "TEST UNIT READY"
        case .inquiry: "INQUIRY"
        case .reportLUNs: "REPORT LUNS"
        case .readCapacity10: "READ CAPACITY(10)"
        case .readCapacity16: "READ CAPACITY(16)"
        case .read(let address, let blocks): Self.fitsTen(address, blocks) ? "READ(10)" : "READ(16)"
        case .write(let address, let blocks): Self.fitsTen(address, blocks) ? "WRITE(10)" : "WRITE(16)"
        case .raw(let block, _): "command \(String(block.first ?? 0, radix: 16))h"
        }
    }

    /// Writes the descriptor block to the 32 bytes of `block`.
    func encode(into block: inout MutableRawSpan) {
        precondition(block.byteCount == Int(VSCSI_CDB_SIZE))
        unsafe block.withUnsafeMutableBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            // The core writes exactly the 32 bytes that are there.
            unsafe encode(at: start.assumingMemoryBound(to: UInt8.self))
        }
    }

    private func encode(at block: UnsafeMutablePointer<UInt8>) {
        switch operation {
        case .testUnitReady: unsafe vscsi_cdb_test_unit_ready(block)
        case .inquiry: unsafe vscsi_cdb_inquiry(block, UInt16(byteCount))
        case .reportLUNs: unsafe vscsi_cdb_report_luns(block, UInt32(byteCount))
        case .readCapacity10: unsafe vscsi_cdb_read_capacity_10(block)
        case .readCapacity16: unsafe vscsi_cdb_read_capacity_16(block)
        case .read(let address, let blocks):
            if Self.fitsTen(address, blocks) {
                unsafe vscsi_cdb_read_10(block, UInt32(address), UInt16(blocks))
            } else {
                unsafe vscsi_cdb_read_16(block, address, blocks)
            }
        case .write(let address, let blocks):
            if Self.fitsTen(address, blocks) {
                unsafe vscsi_cdb_write_10(block, UInt32(address), UInt16(blocks))
            } else {
                unsafe vscsi_cdb_write_16(block, address, blocks)
            }
        case .raw(let bytes, _):
            for index in 0..<Int(VSCSI_CDB_SIZE) {
                unsafe block[index] = index < bytes.count ? bytes[index] : 0
            }
        }
    }

    private static func fitsTen(_ address: UInt64, _ blocks: UInt32) -> Bool {
        address <= UInt64(UInt32.max) && blocks <= UInt32(UInt16.max)
    }
}

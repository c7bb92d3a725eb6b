// SPDX-License-Identifier: MIT

/// Why a logical unit refused a command, from its sense data.
public struct SCSISense: Equatable, Sendable, CustomStringConvertible {
    /// The sense key, 0 to 15.
    public let key: UInt8
    /// The additional sense code.
    public let code: UInt8
    /// The additional sense code qualifier.
    public let qualifier: UInt8

    public init(key: UInt8, code: UInt8, qualifier: UInt8) {
        self.key = key
        self.code = code
        self.qualifier = qualifier
    }

    /// Reads sense data in the fixed (70h, 71h) or the descriptor format (72h, 73h).
    ///
    /// - Returns: nil where `bytes` are neither, or too short.
    public init?(_ bytes: [UInt8]) {
        switch bytes.first.map({ $0 & 0x7f }) {
        case 0x70 where bytes.count >= 14, 0x71 where bytes.count >= 14:
            self.init(key: bytes[2] & 0x0f, code: bytes[12], qualifier: bytes[13])
        case 0x72 where bytes.count >= 4, 0x73 where bytes.count >= 4:
            self.init(key: bytes[1] & 0x0f, code: bytes[2], qualifier: bytes[3])
        default: return nil
        }
    }

    /// The logical unit has news (a reset, a change), told once; the command was not executed.
    public var isUnitAttention: Bool { key == 6 }

    /// Key and code in words, with the numbers: `ILLEGAL REQUEST, logical unit not supported (5h/25h/00h)`.
    public var description: String {
        let numbers = "(\(hex(key, 1))h/\(hex(code, 2))h/\(hex(qualifier, 2))h)"
        let words = Self.words[UInt16(code) << 8 | UInt16(qualifier)] ?? Self.words[UInt16(code) << 8]
        return [Self.keys[Int(key)], words.map { ", \($0)" } ?? "", " ", numbers].joined()
    }

    private func hex(_ number: UInt8, _ digits: Int) -> String {
        let text = String(number, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }

    private static let keys = [
        "NO SENSE", "RECOVERED ERROR", "NOT READY", "MEDIUM ERROR", "HARDWARE ERROR", "ILLEGAL REQUEST",
        "UNIT ATTENTION", "DATA PROTECT", "BLANK CHECK", "VENDOR SPECIFIC", "COPY ABORTED", "ABORTED COMMAND",
        "RESERVED", "VOLUME OVERFLOW", "MISCOMPARE", "COMPLETED",
    ]

    /// What the kernel's target reports, and the commonest of what devices behind it do.
    private static let words: [UInt16: String] = [
        0x0400: "logical unit not ready", 0x0401: "logical unit is becoming ready",
        0x0800: "logical unit communication failure", 0x0c00: "write error",
        0x0e03: "the data's length is not the one in the command", 0x1001: "block guard check failed",
        0x1002: "block application tag check failed", 0x1003: "block reference tag check failed",
        0x1100: "unrecovered read error", 0x1a00: "parameter list length error",
        0x1d00: "miscompare while verifying", 0x2000: "invalid command operation code",
        0x2100: "logical block address out of range", 0x2400: "invalid field in the command",
        0x2500: "logical unit not supported", 0x2600: "invalid field in the parameter list",
        0x2700: "write protected", 0x2800: "the medium may have changed",
        0x2900: "power on or reset occurred",
        0x2a01: "mode parameters changed", 0x2a09: "capacity changed", 0x2c00: "command sequence error",
        0x3a00: "medium not present", 0x3f03: "inquiry data has changed",
        0x3f0e: "reported LUNs data has changed",
        0x4400: "internal target failure", 0x4900: "invalid message error",
        0x5500: "system resource failure",
    ]
}

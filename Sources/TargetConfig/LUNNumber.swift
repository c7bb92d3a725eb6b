// SPDX-License-Identifier: MIT
public import LinuxSystem

/// The number of a logical unit, 0…16383: `target/vhost/<WWPN>/tpgt_<tag>/lun/lun_<number>`.
///
/// The kernel makes a directory for any 64-bit number, but virtio-scsi addresses 14 bits: a higher one is unreachable.
public struct LUNNumber: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The highest number that a guest can address.
    public static let highest: UInt16 = 0x3fff

    public let rawValue: UInt16

    public var description: String { String(rawValue) }

    /// - Parameter rawValue: at most `highest`.
    init(_ rawValue: UInt16) { self.rawValue = rawValue }

    /// Reads a decimal number.
    ///
    /// - Throws: an `OperationError` that says why `text` is no LUN.
    public init(_ text: String) throws(OperationError) {
        guard let number = Decimal.value(of: text) else {
            throw OperationError("parse", "LUN '\(text)'", cause: "is not a decimal number")
        }
        guard number <= UInt64(Self.highest) else {
            throw OperationError(
                "parse",
                "LUN '\(text)'",
                cause: "is above \(Self.highest), the highest that virtio-scsi can address"
            )
        }
        rawValue = UInt16(number)
    }

    public static func < (left: LUNNumber, right: LUNNumber) -> Bool { left.rawValue < right.rawValue }

    var directory: String { "lun_\(rawValue)" }

    /// The number that the kernel reads from a directory's name, where a guest can address it.
    ///
    /// It takes `0x` and a leading zero as C does: `lun_0x10` and `lun_020` are two more spellings of 16.
    init?(directory: String) {
        guard directory.hasPrefix("lun_") else { return nil }
        let digits = Substring(directory.utf8.dropFirst(4))
        let number =
            digits.hasPrefix("0x") || digits.hasPrefix("0X")
            ? UInt16(digits.dropFirst(2), radix: 16)
            : UInt16(digits, radix: digits.hasPrefix("0") ? 8 : 10)
        guard let number, number <= Self.highest else { return nil }
        rawValue = number
    }
}

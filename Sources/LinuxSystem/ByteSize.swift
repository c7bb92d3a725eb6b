// SPDX-License-Identifier: MIT

/// A size in bytes, written as a number with an optional K, M, G or T (powers of 1024): `64M`.
public struct ByteSize: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let bytes: Int64

    public init(bytes: Int64) { self.bytes = bytes }

    /// Reads `512`, `64K`, `64M`, `1G` or `2T`.
    ///
    /// - Throws: an `OperationError` that says why `text` is no size.
    public init(_ text: String) throws(OperationError) {
        let suffix = text.last.flatMap { "KMGT".firstIndex(of: Character($0.uppercased())) }
        let shift = suffix.map { 10 * ("KMGT".distance(from: "KMGT".startIndex, to: $0) + 1) } ?? 0
        let digits = suffix == nil ? text : String(text.dropLast())
        guard let number = Decimal.value(of: digits) else {
            throw OperationError(
                "parse",
                "size '\(text)'",
                cause: "is not a number with an optional K, M, G or T",
                hint: "for example 64M"
            )
        }
        guard number > 0 else { throw OperationError("parse", "size '\(text)'", cause: "is zero") }
        guard number <= UInt64(Int64.max) >> UInt64(shift) else {
            throw OperationError("parse", "size '\(text)'", cause: "does not fit 63 bits")
        }
        bytes = Int64(number) << Int64(shift)
    }

    public static func < (left: ByteSize, right: ByteSize) -> Bool { left.bytes < right.bytes }

    /// The shortest exact spelling: `64M`, and `1000` where no unit divides it.
    public var description: String {
        for (unit, shift) in [("T", 40), ("G", 30), ("M", 20), ("K", 10)] as [(String, Int64)] {
            let count = bytes >> shift
            if count > 0, count << shift == bytes { return "\(count)\(unit)" }
        }
        return String(bytes)
    }
}

/// Decimal digits and nothing else: no sign, no blank, no `0x`.
package enum Decimal {
    /// The value of `text`, or the largest number there is when it is larger still; nil when `text` is no number.
    package static func value(of text: String) -> UInt64? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return UInt64(text) ?? .max
    }
}

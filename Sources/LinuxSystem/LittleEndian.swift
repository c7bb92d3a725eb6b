// SPDX-License-Identifier: MIT

extension FixedWidthInteger {
    /// The number's bytes, the least significant one first.
    package var littleEndianBytes: [UInt8] {
        (0..<Self.bitWidth / 8).map { UInt8(truncatingIfNeeded: self >> ($0 * 8)) }
    }
}

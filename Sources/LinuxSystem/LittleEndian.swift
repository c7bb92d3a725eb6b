// SPDX-License-Identifier: MIT

extension FixedWidthInteger {
    /// The number's bytes, the least significant one first.
    package var littleEndianBytes: [UInt8] {
        (0..<Self.bitWidth / 8).map { UInt8(truncatingIfNeeded: self >> ($0 * 8)) }
    }

    /// The number whose bytes begin at `offset`, which the caller has checked, the least significant one first.
    package init(littleEndian bytes: [UInt8], at offset: Int) {
        self = (0..<Self.bitWidth / 8).reduce(0) {
            $0 | Self(truncatingIfNeeded: bytes[offset + $1]) << ($1 * 8)
        }
    }
}

// SPDX-License-Identifier: MIT
import CBlockGuard

/// The guard of T10 protection information.
public enum BlockGuard {
    /// The CRC-16 of SBC-3 over a block: polynomial 8BB7h, nothing reflected, nothing inverted.
    ///
    /// The corresponding function of the kernel is `crc_t10dif`.
    public static func word(_ block: Span<UInt8>) -> UInt16 {
        // C reads the span's own bytes and keeps nothing.
        unsafe block.withUnsafeBytes { bytes in unsafe block_guard(bytes.baseAddress, UInt64(bytes.count)) }
    }
}

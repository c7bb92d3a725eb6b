// SPDX-License-Identifier: MIT
internal import CVirtioLoad

/// Data that differs in every 8 bytes of a logical unit, so that a block in the wrong place shows.
enum DataPattern {
    /// The pattern as bytes.
    ///
    /// - Parameters:
    ///   - position: where they start in the unit, a multiple of 8.
    ///   - count: how many, a multiple of 8.
    ///
    /// The C counterpart is `vload_pattern_fill`.
    static func bytes(seed: UInt64, position: UInt64, count: Int) -> [UInt8] {
        var words = [UInt64](repeating: 0, count: count / 8)
        // The array has as many words as are told.
        unsafe vload_pattern_fill(&words, UInt64(words.count), seed, position)
        return unsafe words.withUnsafeBytes { unsafe Array($0) }
    }
}

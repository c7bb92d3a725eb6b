// SPDX-License-Identifier: MIT

/// Data that differs in every 8 bytes of a logical unit, so that a block in the wrong place shows.
///
/// The word at byte `8 * n` of the logical unit is `(n + seed) * step`: with an odd step no two words are equal.
public struct DataPattern: Equatable, Sendable {
    private static let step: UInt64 = 0x9e37_79b9_7f4a_7c15

    public let seed: UInt64

    public init(seed: UInt64) { self.seed = seed }

    /// Writes the pattern's words.
    ///
    /// - Parameter position: where the words start in the logical unit, in bytes, a multiple of 8.
    public func fill(_ words: inout MutableSpan<UInt64>, position: UInt64) {
        var word = first(position)
        for index in words.indices {
            words[index] = word
            word &+= Self.step
        }
    }

    /// Compares `words` with the pattern.
    ///
    /// - Parameter position: where the words start in the logical unit, in bytes, a multiple of 8.
    /// - Returns: the offset in bytes of the first byte that differs; nil where none does.
    public func mismatch(_ words: Span<UInt64>, position: UInt64) -> Int? {
        var word = first(position)
        var difference: UInt64 = 0
        for index in words.indices {
            difference |= words[index] ^ word
            word &+= Self.step
        }
        return difference == 0 ? nil : firstMismatch(words, position)
    }

    private func firstMismatch(_ words: Span<UInt64>, _ position: UInt64) -> Int? {
        var word = first(position)
        for index in words.indices {
            let difference = (words[index] ^ word).littleEndian
            if difference != 0 { return index * 8 + difference.trailingZeroBitCount / 8 }
            word &+= Self.step
        }
        return nil
    }

    private func first(_ position: UInt64) -> UInt64 { (position / 8 &+ seed) &* Self.step }
}

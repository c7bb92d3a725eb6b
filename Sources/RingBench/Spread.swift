// SPDX-License-Identifier: MIT

/// The middle of some numbers, and how far they lie apart.
public struct Spread: Codable, Equatable, Sendable {
    public var median: Double
    public var least: Double
    public var most: Double

    /// Of any numbers in any order; `nil` for none.
    public init?(_ numbers: [Double]) {
        let sorted = numbers.sorted()
        guard let least = sorted.first, let most = sorted.last else { return nil }
        let middle = sorted.count / 2
        self.least = least
        self.most = most
        median = sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    /// Whether a number can be in both.
    public func overlaps(_ other: Spread) -> Bool { least <= other.most && other.least <= most }
}

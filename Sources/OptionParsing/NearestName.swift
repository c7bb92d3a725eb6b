// SPDX-License-Identifier: MIT

/// Finds the name that a mistyped one was meant to be.
package enum NearestName {
    /// The one of `names` with the fewest edits to `name`, where few enough letters differ to call it a typo.
    static func of(_ name: String, among names: [String]) -> String? {
        let wanted = Array(name.utf8)
        let ranked = names.map { (name: $0, edits: edits(wanted, Array($0.utf8))) }
        guard let best = ranked.min(by: { $0.edits < $1.edits }) else { return nil }
        return best.edits <= limit(for: wanted) ? best.name : nil
    }

    /// How many edits of a name count as a typo.
    package static func limit(for name: [UInt8]) -> Int { max(1, name.count / 3) }

    /// How many letters must be inserted, deleted, replaced or swapped with their neighbour to make `a` of `b`.
    package static func edits(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...b.count)
        for (i, letter) in a.enumerated() {
            var row = [i + 1]
            for (j, other) in b.enumerated() {
                var cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (letter == other ? 0 : 1))
                if i > 0, j > 0, letter == b[j - 1], a[i - 1] == other {
                    cost = min(cost, beforeLast[j - 1] + 1)
                }
                row.append(cost)
            }
            (beforeLast, last) = (last, row)
        }
        return last[b.count]
    }
}

// SPDX-License-Identifier: MIT

/// Finds the name that a mistyped one was meant to be.
enum NearestName {
    /// The one of `names` with the fewest edits to `name`, where few enough letters differ to call it a typo.
    static func of(_ name: String, among names: [String]) -> String? {
        let ranked = names.map { (name: $0, edits: edits(Array(name), Array($0))) }
        guard let best = ranked.min(by: { $0.edits < $1.edits }) else { return nil }
        return best.edits <= max(1, name.count / 3) ? best.name : nil
    }

    /// The Levenshtein distance, row by row.
    private static func edits(_ left: [Character], _ right: [Character]) -> Int {
        var previous = Array(0...right.count)
        for (row, letter) in left.enumerated() {
            var current = [row + 1]
            for (column, other) in right.enumerated() {
                let substituted = previous[column] + (letter == other ? 0 : 1)
                current.append(min(substituted, previous[column + 1] + 1, current[column] + 1))
            }
            previous = current
        }
        return previous[right.count]
    }
}

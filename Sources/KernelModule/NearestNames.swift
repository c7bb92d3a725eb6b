// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

extension ModuleContext {
    /// The error for a name that stands for nothing, with the names that come close.
    func notFound(_ name: String, operation: String = "load") -> OperationError {
        let nearest = nearestNames(to: name)
        return OperationError(
            operation,
            name,
            errno: .noSuchFileOrDirectory,
            cause: "no module or alias of that name in \(directory)",
            hint: nearest.isEmpty ? nil : "did you mean \(nearest.joined(separator: ", "))?"
        )
    }

    /// Up to three modules and aliases that are a few letters off `name` or begin with it, the nearest first.
    func nearestNames(to name: String) -> [String] {
        let wanted = Array(kernelSpelling(name).utf8)
        let limit = max(1, wanted.count / 3)
        let ranked = knownNames().compactMap { known -> (distance: Int, name: String)? in
            let letters = Array(known.utf8)
            if wanted.count >= 4 && letters.starts(with: wanted) { return (limit, known) }
            guard abs(letters.count - wanted.count) <= limit else { return nil }
            let distance = editDistance(wanted, letters)
            return distance <= limit ? (distance, known) : nil
        }
        return ranked.sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }.prefix(3).map(\.name)
    }

    /// Every module of the indexes and every alias without a pattern, in the kernel's spelling.
    private func knownNames() -> Set<String> {
        var names: Set<String> = []
        for index in ["modules.dep", "modules.builtin"] {
            for line in directory.appending(index).linesIfReadable() {
                let file = line.prefix { $0 != ":" }
                let base = file.split(separator: "/").last ?? file
                names.insert(kernelSpelling(base.prefix { $0 != "." }))
            }
        }
        for line in directory.appending("modules.alias").linesIfReadable() {
            let words = line.split(separator: " ")
            guard words.count == 3, !words[1].utf8.contains(where: { $0 == 0x2a || $0 == 0x3a }) else {
                continue
            }
            names.insert(kernelSpelling(words[1]))
        }
        return names
    }
}

/// How many letters must be inserted, deleted, replaced or swapped with their neighbour to make `a` of `b`.
func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var beforeLast: [Int] = []
    var last = Array(0...b.count)
    for (i, letter) in a.enumerated() {
        var row = [i + 1]
        for (j, other) in b.enumerated() {
            var cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (letter == other ? 0 : 1))
            if i > 0, j > 0, letter == b[j - 1], a[i - 1] == other { cost = min(cost, beforeLast[j - 1] + 1) }
            row.append(cost)
        }
        (beforeLast, last) = (last, row)
    }
    return last[b.count]
}

// SPDX-License-Identifier: MIT
import LinuxSystem
import OptionParsing
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
        let limit = NearestName.limit(for: wanted)
        let ranked = knownNames().compactMap { known -> (distance: Int, name: String)? in
            let letters = Array(known.utf8)
            if wanted.count >= 4 && letters.starts(with: wanted) { return (limit, known) }
            guard abs(letters.count - wanted.count) <= limit else { return nil }
            let distance = NearestName.edits(wanted, letters)
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

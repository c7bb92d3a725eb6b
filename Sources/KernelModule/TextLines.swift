// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

extension FilePath {
    /// The lines of a text file; none when there is no such file or it cannot be read.
    ///
    /// For files whose absence means that they have nothing to say.
    func linesIfReadable() -> [Substring] {
        do {
            return try readText().split(separator: "\n")
        } catch {
            return []
        }
    }
}

extension String {
    /// The words with one space between.
    var trimmed: String { split(separator: " ").joined(separator: " ") }
}

extension StringProtocol {
    /// What stands between the first `start` and the next `end` behind it.
    func between(_ start: String, _ end: String) -> String? {
        guard let opening = firstRange(of: start),
            let closing = self[opening.upperBound...].firstRange(of: end)
        else { return nil }
        return String(self[opening.upperBound..<closing.lowerBound])
    }
}

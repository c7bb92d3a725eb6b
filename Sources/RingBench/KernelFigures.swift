// SPDX-License-Identifier: MIT
public import LinuxSystem
public import SystemPackage

/// What the module `ring_selftest` found in the running kernel, as its debugfs file tells.
public struct KernelFigures: Codable, Equatable, Sendable {
    /// The cost of a chain there.
    public struct Figure: Codable, Equatable, Sendable {
        public var name: String
        public var nanoseconds: Double
    }

    /// Where the module puts the file.
    public static let defaultPath: FilePath = "/sys/kernel/debug/ring_selftest"

    /// Vectors that passed.
    public var passed: Int
    /// Vectors that failed.
    public var failed: Int
    /// The first of those, and why.
    public var failures: [String]
    public var figures: [Figure]
    /// Why there are no figures, as a positive errno: a chain did not come as it should, or there was no memory.
    public var timingError: CInt?

    /// - Throws: `OperationError` where the file is not there, with how to get it, or says something else.
    public init(reading path: FilePath = defaultPath) throws(OperationError) {
        let text: String
        do {
            text = try path.readText()
        } catch {
            throw OperationError(
                "read",
                "\(path)",
                errno: error as? Errno,
                hint: "load the module of kmod/ring_selftest, and mount debugfs"
            )
        }
        guard let figures = Self(parsing: text) else {
            throw OperationError("read", "\(path)", cause: "ring_selftest writes no \(text.prefix(80))")
        }
        self = figures
    }

    /// Lines `FAILED vector: why`, `vectors: 7 passed, 0 failed`, and `what: 12.3 ns` or `timing: error -5`; `nil` for
    /// anything else.
    init?(parsing text: String) {
        (failures, figures) = ([], [])
        var counts: [Int]?
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.first == "FAILED" {
                failures.append(String(line.dropFirst("FAILED ".count)))
            } else if words.first == "vectors:" {
                counts = words.compactMap { Int($0) }
            } else if line.hasPrefix(Self.noTiming), let errno = CInt(line.dropFirst(Self.noTiming.count)) {
                timingError = errno
            } else if let figure = Self.figure(line) {
                figures.append(figure)
            } else {
                return nil
            }
        }
        guard let counts, counts.count == 2 else { return nil }
        (passed, failed) = (counts[0], counts[1])
    }

    private static let noTiming = "timing: error -"

    private static func figure(_ line: Substring) -> Figure? {
        let parts = line.split(separator: ":")
        guard parts.count == 2, parts[1].hasSuffix(" ns"),
            let nanoseconds = Double(parts[1].dropLast(3).drop { $0 == " " })
        else { return nil }
        return Figure(name: String(parts[0]), nanoseconds: nanoseconds)
    }
}

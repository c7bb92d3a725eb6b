// SPDX-License-Identifier: MIT
internal import LinuxSystem
public import SystemPackage

/// Where figures come from, without which they say little.
public struct BenchMachine: Codable, Equatable, Sendable {
    /// The processor's name.
    public var model: String
    /// How many processors this process may run on.
    public var processors: Int
    /// Whether a hypervisor runs it, which may move its processors about.
    public var isVirtual: Bool
    /// The kernel's release.
    public var kernel: String
    /// What the C code was built with.
    public var compiler: String

    /// This machine, as procfs tells of it.
    public init(procfs: FilePath = "/proc", allowed: [Int]) throws {
        let processor = try procfs.appending("cpuinfo").readText()
        func value(_ key: String) -> Substring? {
            processor.split(separator: "\n").first { $0.hasPrefix(key) }?.split(separator: ":").dropFirst()
                .first
        }
        model = value("model name").map { Self.words($0) } ?? "unknown processor"
        isVirtual = value("flags")?.split(separator: " ").contains("hypervisor") ?? false
        processors = allowed.count
        kernel = Self.words(try procfs.appending("sys/kernel/osrelease").readText()[...])
        compiler = Self.compiler
    }

    private static func words(_ text: Substring) -> String {
        text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    /// One line of it.
    public var summary: String {
        let count = processors == 1 ? "one processor only" : "\(processors) processors"
        return "\(model), \(count)\(isVirtual ? " of a virtual machine" : ""), Linux \(kernel), \(compiler)"
    }
}

// SPDX-License-Identifier: MIT
internal import LinuxSystem
public import SystemPackage

/// The processors that driver and device run on.
public struct ProcessorPair: Codable, Equatable, Sendable, CustomStringConvertible {
    /// How two processors are related, as far as the kernel knows.
    public enum Relation: String, Codable, Sendable {
        case separateCores = "separate cores"
        case siblings = "SMT siblings of one core"
        case same = "one and the same"
        case unknown = "relation unknown"
    }

    /// Number of the driver's.
    public var driver: Int
    /// Number of the device's.
    public var device: Int
    public var relation: Relation

    public var description: String { "\(driver) and \(device) (\(relation.rawValue))" }

    /// The given two.
    public init(driver: Int, device: Int, sysfs: FilePath = "/sys") throws {
        self.driver = driver
        self.device = device
        relation = try Self.relation(driver, device, sysfs)
    }

    /// The first that this process may run on, and the first of them that is on another core; failing that, a
    /// sibling; failing that, the same one.
    public init(choosingFrom allowed: [Int], sysfs: FilePath = "/sys") throws {
        let driver = allowed.first ?? 0
        let others = try allowed.dropFirst().map { try Self(driver: driver, device: $0, sysfs: sysfs) }
        let apart = others.first { $0.relation != .siblings }
        self = try apart ?? others.first ?? Self(driver: driver, device: driver, sysfs: sysfs)
    }

    private static func relation(_ driver: Int, _ device: Int, _ sysfs: FilePath) throws -> Relation {
        if driver == device { return .same }
        let list = sysfs.appending("devices/system/cpu/cpu\(driver)/topology/thread_siblings_list")
        // A kernel without the file knows nothing about siblings.
        guard list.exists, let siblings = numbers(list: try list.readText()) else { return .unknown }
        return siblings.contains(device) ? .siblings : .separateCores
    }

    /// The processors that this process may run on: `Cpus_allowed_list` of `/proc/self/status`.
    public static func allowed(procfs: FilePath = "/proc") throws -> [Int] {
        let status = try procfs.appending("self/status").readText()
        let line = status.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed_list:") }
        return line.flatMap { numbers(list: String($0.dropFirst("Cpus_allowed_list:".count))) } ?? [0]
    }

    /// The numbers of a list as the kernel prints it: `0-3,8`.
    static func numbers(list: String) -> [Int]? {
        var numbers: [Int] = []
        for field in list.split(whereSeparator: { ", \t\n".contains($0) }) {
            let ends = field.split(separator: "-").map { Int($0) }
            guard let low = ends.first ?? nil, let high = ends.last ?? nil, ends.count <= 2, low <= high
            else {
                return nil
            }
            numbers += low...high
        }
        return numbers
    }
}

// SPDX-License-Identifier: MIT
import LinuxSystem
import TargetConfig

/// A target as a tree of lines.
struct TargetDrawing: CustomStringConvertible, Encodable {
    var target: Target
    /// Backstores by path.
    var backstores: [String: Backstore]
    /// Counters by the path of the LUN.
    var statistics: [String: LUNStatistics] = [:]
    /// Who may hold the endpoint, by the path of the group; none where it is not set. A group that was not asked is absent.
    var holders: [String: [String]] = [:]

    private enum CodingKeys: CodingKey { case target, statistics, holders }

    var description: String { lines.joined(separator: "\n") }

    private var lines: [String] {
        [target.path]
            + Self.branches(target.groups) { group in
                let nexus = group.nexus.map { "nexus \($0)" } ?? "no nexus: no endpoint can be set"
                let items = [[nexus + endpoint(of: group)]] + group.luns.map { [describe($0)] }
                return [Self.name(group.path)] + Self.branches(items) { $0 }
            }
    }

    private func endpoint(of group: TargetPortalGroup) -> String {
        guard let holders = holders[group.path] else { return "" }
        guard !holders.isEmpty else { return ", no endpoint set" }
        return ", endpoint set (\(holders.joined(separator: "; ")))"
    }

    private func describe(_ lun: LogicalUnit) -> String {
        guard let path = lun.backstore else { return "\(Self.name(lun.path)) -> nothing" }
        let backstore = backstores[path].map { " (\(BackstoreDrawing(backstore: $0)))" } ?? ""
        return "\(Self.name(lun.path)) -> \(path)\(backstore)\(counters(of: lun))"
    }

    private func counters(of lun: LogicalUnit) -> String {
        guard let statistics = statistics[lun.path], statistics.commands > 0 else { return "" }
        let (read, written) = (statistics.readMegabytes, statistics.writtenMegabytes)
        return ": \(statistics.commands) commands, \(read)M read, \(written)M written"
    }

    private static func name(_ path: String) -> String {
        path.split(separator: "/").last.map { String($0) } ?? path
    }

    private static func branches<Item>(_ items: [Item], _ lines: (Item) -> [String]) -> [String] {
        items.enumerated().flatMap { index, item in
            let isLast = index == items.count - 1
            return lines(item).enumerated().map { number, line in
                (number == 0 ? (isLast ? "└─ " : "├─ ") : (isLast ? "   " : "│  ")) + line
            }
        }
    }
}

/// What a backstore is made of, in a few words.
struct BackstoreDrawing: CustomStringConvertible {
    var backstore: Backstore

    var description: String {
        let kinds = ["rd_mcp": "ramdisk", "fileio": "file", "iblock": "block"]
        var words = [kinds[backstore.plugin] ?? backstore.plugin]
        if let size = backstore.size, size > 0 { words.append("\(ByteSize(bytes: size))") }
        if let file = backstore.file ?? backstore.configuration { words.append(file) }
        if let mode = backstore.mode, mode != .synchronous { words.append(mode.rawValue) }
        if backstore.isReadOnly { words.append("readonly") }
        if backstore.isNullIO { words.append("nullio") }
        if !backstore.isEnabled { words.append("not enabled") }
        return words.joined(separator: " ")
    }
}

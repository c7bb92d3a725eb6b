// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

/// A plan as lines of text: `stage`, `unit`, and one line for each operation, whose fields tabs separate.
///
/// The steps that rebuild a backstore follow its removal, with a `+` before each.
enum PlanText {
    private static let head = "ringside plan 1"
    private static let end = "end"

    static func text(of plan: Plan) -> String {
        var text = head + "\n"
        for stage in plan.stages {
            text += "stage\n"
            for unit in stage {
                text += "unit\n"
                for operation in unit { write(operation, to: &text) }
            }
        }
        return text + end + "\n"
    }

    private static func write(_ operation: Operation, to text: inout String, prefix: String = "") {
        text += prefix + fields(of: operation).map(escaped).joined(separator: "\t") + "\n"
        if case .removeBackstore(_, let rebuild) = operation {
            for step in rebuild { write(step, to: &text, prefix: "+") }
        }
    }

    private static func fields(of operation: Operation) -> [String] {
        switch operation {
        case .makeDirectory(let path): ["mkdir", path.string]
        case .removeDirectory(let path): ["rmdir", path.string]
        case .removeBackstore(let path, _): ["free", path.string]
        case .write(let value, let path, let old): ["write", path.string, value] + (old.map { [$0] } ?? [])
        case .link(let path, let target): ["link", path.string, target.string]
        case .unlink(let path, let target): ["unlink", path.string, target.string]
        case .createFile(let path, let size): ["create", path.string, String(size.bytes)]
        }
    }

    /// The plan; nil where `text` is none, or only the beginning of one.
    static func plan(in text: String) -> Plan? {
        let lines = text.split(separator: "\n")
        guard lines.first == head[...], lines.last == end[...] else { return nil }
        var stages: [[Plan.Unit]] = []
        for line in lines.dropFirst().dropLast() {
            switch line {
            case "stage": stages.append([])
            case "unit" where !stages.isEmpty: stages[stages.count - 1].append([])
            default:
                guard let last = stages.indices.last, let unit = stages[last].indices.last else { return nil }
                guard add(line, to: &stages[last][unit]) else { return nil }
            }
        }
        return Plan(stages: stages)
    }

    private static func add(_ line: Substring, to unit: inout Plan.Unit) -> Bool {
        guard line.hasPrefix("+") else {
            guard let operation = operation(line) else { return false }
            unit.append(operation)
            return true
        }
        guard let step = operation(line.dropFirst()), case .removeBackstore(let path, let steps) = unit.last
        else {
            return false
        }
        unit[unit.count - 1] = .removeBackstore(path, rebuild: steps + [step])
        return true
    }

    private static func operation(_ line: Substring) -> Operation? {
        let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(unescaped)
        guard fields.count > 1 else { return nil }
        let path = FilePath(fields[1])
        switch (fields[0], fields.count) {
        case ("mkdir", 2): return .makeDirectory(path)
        case ("rmdir", 2): return .removeDirectory(path)
        case ("free", 2): return .removeBackstore(path, rebuild: [])
        case ("write", 3): return .write(fields[2], to: path, replacing: nil)
        case ("write", 4): return .write(fields[2], to: path, replacing: fields[3])
        case ("link", 3): return .link(path, to: FilePath(fields[2]))
        case ("unlink", 3): return .unlink(path, from: FilePath(fields[2]))
        case ("create", 3): return Int64(fields[2]).map { .createFile(path, size: ByteSize(bytes: $0)) }
        default: return nil
        }
    }

    private static func escaped(_ field: String) -> String {
        guard field.utf8.contains(where: { $0 == 0x5c || $0 == 0x09 || $0 == 0x0a }) else { return field }
        return field.replacing("\\", with: "\\\\").replacing("\t", with: "\\t").replacing("\n", with: "\\n")
    }

    private static func unescaped(_ field: Substring) -> String {
        var text = ""
        var isEscaped = false
        for character in field {
            if isEscaped {
                text.append(character == "t" ? "\t" : character == "n" ? "\n" : character)
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else {
                text.append(character)
            }
        }
        return text
    }
}

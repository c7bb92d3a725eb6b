// SPDX-License-Identifier: MIT
import LinuxSystem

/// A file that says what to run in which machines: the part of YAML that this takes.
///
/// Keys stand at the start of a line; a value is a word, a quoted string, a list in brackets, or a list with a dash on
/// each line below. Everything else is an error that names the line.
struct MatrixFile: Equatable {
    indirect enum Value: Equatable {
        case text(String)
        case list([Value])
    }

    var command: [String] = []
    /// Releases or images; nil for the newest installed one.
    var kernels: [String?] = [nil]
    var processors = [1]
    /// The modules of each machine.
    var modules: [[String]] = [[]]
    var append: [String] = []

    init(_ text: String) throws {
        for (key, value, line) in try Self.entries(text) {
            switch key {
            case "command": command = try Self.command(value, line)
            case "kernels": kernels = try value.texts(line).map { $0 }
            case "cpus": processors = try value.texts(line).map { try Self.count($0, line) }
            case "modules": modules = try value.items.map { try $0.texts(line) }
            case "append": append = try value.texts(line)
            default:
                throw Self.error(
                    line,
                    "unknown key '\(key)'; there are: command, kernels, cpus, modules, append"
                )
            }
        }
        if command.isEmpty { throw Self.error(1, "there is no command") }
        for (key, isEmpty) in [
            ("kernels", kernels.isEmpty), ("cpus", processors.isEmpty), ("modules", modules.isEmpty),
        ] where isEmpty {
            throw Self.error(1, "\(key) is an empty list, which leaves no machine")
        }
    }

    private static func command(_ value: Value, _ line: Int) throws -> [String] {
        if case .text(let text) = value { return ["sh", "-c", text] }
        return try value.texts(line)
    }

    private static func count(_ text: String, _ line: Int) throws -> Int {
        guard let number = Int(text), (1...64).contains(number) else {
            throw error(line, "cpus: '\(text)' is not between 1 and 64")
        }
        return number
    }

    static func error(_ line: Int, _ cause: String) -> OperationError {
        OperationError("read", "matrix file", cause: "line \(line): \(cause)")
    }

    /// Every key with its value and its line.
    private static func entries(_ text: String) throws -> [(String, Value, Int)] {
        var entries: [(key: String, value: Value?, items: [Value], line: Int)] = []
        for (place, raw) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let content = withoutComment(String(raw))
            let words = content.trimmed
            if words.isEmpty || words == "---" { continue }
            if words.hasPrefix("- ") {
                guard !entries.isEmpty, entries[entries.count - 1].value == nil else {
                    throw error(place + 1, "an item without a list")
                }
                var parser = ValueParser(String(words.dropFirst(2)), line: place + 1)
                entries[entries.count - 1].items.append(try parser.whole())
                continue
            }
            guard !content.hasPrefix(" "), let colon = words.firstIndex(of: ":") else {
                throw error(place + 1, "neither 'key: value' nor '- item'")
            }
            let rest = String(words[words.index(after: colon)...]).trimmed
            var parser = ValueParser(rest, line: place + 1)
            entries.append((String(words[..<colon]), rest.isEmpty ? nil : try parser.whole(), [], place + 1))
        }
        return entries.map { ($0.key, $0.value ?? .list($0.items), $0.line) }
    }

    /// A comment begins at the start or behind a space, outside quotes.
    private static func withoutComment(_ line: String) -> String {
        var quote: Character?
        var last: Character = " "
        for (index, letter) in zip(line.indices, line) {
            if letter == quote {
                quote = nil
            } else if quote == nil, letter == "\"" || letter == "'" {
                quote = letter
            } else if quote == nil, letter == "#", last == " " {
                return String(line[..<index])
            }
            last = letter
        }
        return line
    }
}

extension MatrixFile.Value {
    /// A list's items; a single value is a list of one.
    fileprivate var items: [Self] {
        if case .list(let items) = self { return items }
        return [self]
    }

    fileprivate func texts(_ line: Int) throws -> [String] {
        try items.map { item in
            guard case .text(let text) = item else { throw MatrixFile.error(line, "a list within this list") }
            return text
        }
    }
}

/// Reads one value of one line.
private struct ValueParser {
    private var rest: Substring
    private let line: Int

    init(_ text: String, line: Int) {
        rest = text[...]
        self.line = line
    }

    /// The value that takes the whole line; a plain word may hold anything there.
    mutating func whole() throws -> MatrixFile.Value {
        if let first = rest.first, "[\"'".contains(first) {
            let value = try next()
            skipSpace()
            if rest.isEmpty { return value }
            throw MatrixFile.error(line, "more behind the value: '\(rest)'")
        }
        return .text(String(rest))
    }

    private mutating func next() throws -> MatrixFile.Value {
        skipSpace()
        switch rest.first {
        case "[": return try list()
        case "\"", "'": return try quoted()
        default:
            let word = rest.prefix { !",[]".contains($0) }
            rest = rest.dropFirst(word.count)
            return .text(String(word).trimmed)
        }
    }

    private mutating func list() throws -> MatrixFile.Value {
        rest.removeFirst()
        var items: [MatrixFile.Value] = []
        while true {
            skipSpace()
            if rest.first == "]" {
                rest.removeFirst()
                return .list(items)
            }
            if rest.isEmpty { throw MatrixFile.error(line, "a list without its end") }
            items.append(try next())
            skipSpace()
            if rest.first == "," { rest.removeFirst() }
        }
    }

    private mutating func quoted() throws -> MatrixFile.Value {
        let quote = rest.removeFirst()
        guard let end = rest.firstIndex(of: quote) else {
            throw MatrixFile.error(line, "a string without its end")
        }
        defer { rest = rest[rest.index(after: end)...] }
        return .text(String(rest[..<end]))
    }

    private mutating func skipSpace() { rest = rest.drop { $0 == " " } }
}

extension String {
    fileprivate var trimmed: String {
        String(drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
    }
}

// SPDX-License-Identifier: MIT
import ArgumentParser
import FoundationEssentials
import Glibc
import SystemPackage

/// `--json`, for every command that prints a result.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Print one JSON object for machines instead of text for people.")
    var json = false

    /// Prints `value` as JSON, or the text that `describe` makes of it.
    func print<Value: Encodable>(_ value: Value, describe: (Value) -> String) throws {
        guard json else { return Terminal.write(describe(value)) }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        Terminal.write(String(decoding: try encoder.encode(value), as: UTF8.self))
    }
}

extension OutputOptions {
    /// Prints `value` as JSON on one line, for commands that go on printing.
    func printLine(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        try Terminal.print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }
}

/// Columns for people: each as wide as its widest cell, two spaces between, numbers to the right.
struct Table: CustomStringConvertible {
    var columns: [String]
    var rows: [[String]]

    var description: String {
        let lines = [columns] + rows
        let widths = columns.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        let numeric = columns.indices.map { column in
            rows.allSatisfy { $0[column].isEmpty || startsWithDigit($0[column]) }
        }
        return lines.map { cells in
            let padded = columns.indices.map { column -> String in
                let fill = String(repeating: " ", count: widths[column] - cells[column].count)
                return numeric[column] ? fill + cells[column] : cells[column] + fill
            }
            return trimmingEnd(padded.joined(separator: "  "))
        }.joined(separator: "\n")
    }

    private func startsWithDigit(_ cell: String) -> Bool { cell.first?.isNumber ?? false }

    private func trimmingEnd(_ line: String) -> String {
        String(line.reversed().drop { $0 == " " }.reversed())
    }
}

/// Standard output and standard error, unbuffered, so that their order is the order of the calls.
enum Terminal {
    static func write(_ text: String) { write(text, to: .standardOutput) }

    static func writeError(_ text: String) { write(text, to: .standardError) }

    /// True where progress may be drawn: a person watches standard error.
    static var showsProgress: Bool { isatty(STDERR_FILENO) == 1 }

    /// Writes a line to standard output; throws where the reader is gone, for those who have something to clean up.
    static func print(_ text: String) throws {
        _ = try FileDescriptor.standardOutput.writeAll((text + "\n").utf8)
    }

    /// Says what goes on, to a person only, on a line that the next one takes the place of.
    static func showProgress(_ text: String) {
        if showsProgress { write("\r\u{1b}[K\(text)…", terminator: "", to: .standardError) }
    }

    /// Takes away what `showProgress` said last.
    static func endProgress() {
        if showsProgress { write("\r\u{1b}[K", terminator: "", to: .standardError) }
    }

    private static func write(_ text: String, terminator: String = "\n", to descriptor: FileDescriptor) {
        do {
            try descriptor.writeAll((text + terminator).utf8)
        } catch {
            // The reader is gone, as in `ringside … | head`: nobody is left to tell.
            Glibc.exit(1)
        }
    }
}

/// A word as a shell takes it.
func shellQuoted(_ word: String) -> String {
    let plain = !word.isEmpty && word.allSatisfy { $0.isLetter || $0.isNumber || "-_./=:,@+%".contains($0) }
    if plain { return word }
    return "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
}

extension Sequence<UInt8> {
    /// Two hexadecimal digits for each byte.
    var hexadecimalPairs: [String] { map { ($0 < 16 ? "0" : "") + String($0, radix: 16) } }
}

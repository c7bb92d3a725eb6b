// SPDX-License-Identifier: MIT
import ArgumentParser
import Testing

@testable import ringside

/// What the help shows under EXAMPLES is what the parser takes.
struct ExampleTests {
    @Test func theParserTakesEveryExample() {
        let commands = Self.commands(Ringside.self).flatMap { Self.examples(of: $0) }
        #expect(commands.count > 100)
        for words in commands where !Self.cannotBeParsedHere(words) {
            do {
                _ = try Ringside.parseAsRoot(Array(words.dropFirst()))
            } catch {
                Issue.record("\(words.joined(separator: " ")): \(Ringside.message(for: error))")
            }
        }
    }

    /// A terminal is not there; and the parser's debug build ends the process over two lists of arguments, one of them
    /// behind `--`.
    private static func cannotBeParsedHere(_ words: [String]) -> Bool {
        words.contains("--tty") || words.starts(with: ["ringside", "vhost", "open"])
    }

    /// Each command, and those below it.
    private static func commands(_ root: any ParsableCommand.Type) -> [any ParsableCommand.Type] {
        [root] + root.configuration.subcommands.flatMap(commands)
    }

    private static func examples(of command: any ParsableCommand.Type) -> [[String]] {
        let discussion = command.configuration.discussion.replacing("\\\n", with: " ")
        let lines = discussion.split(separator: "\n", omittingEmptySubsequences: false)
        guard let start = lines.firstIndex(where: { $0.contains("EXAMPLES") }) else { return [] }
        return lines[start...].flatMap { ShellLine($0).commands }.filter { $0.first == "ringside" }
    }
}

/// A line as a shell takes it apart: commands, and the words of each without quotes and redirections.
private struct ShellLine {
    private(set) var commands: [[String]] = []
    private var words: [String] = []
    private var word: String?
    private var quote: Character?
    private var isRedirection = false

    init(_ text: Substring) {
        for character in text { take(character) }
        endCommand()
    }

    private mutating func take(_ character: Character) {
        switch character {
        case quote: quote = nil
        case _ where quote != nil: word?.append(character)
        case "'", "\"":
            quote = character
            word = word ?? ""
        case " ": endWord()
        case "|", ";", "&": endCommand()
        case "<", ">":
            // A number before it is the descriptor's.
            if word?.allSatisfy(\.isNumber) == true { word = nil }
            endWord()
            isRedirection = true
        default: word = (word ?? "") + String(character)
        }
    }

    private mutating func endWord() {
        guard let ended = word else { return }
        if !isRedirection { words.append(ended) }
        (word, isRedirection) = (nil, false)
    }

    private mutating func endCommand() {
        endWord()
        if !words.isEmpty { commands.append(words) }
        words = []
    }
}

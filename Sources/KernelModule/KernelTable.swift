// SPDX-License-Identifier: MIT

/// One of the kernel's tables, read line by line and word by word.
///
/// Bytes, because characters cost an emulated processor milliseconds in each round.
struct KernelTable {
    private let bytes: [UInt8]
    /// Where the next word of this line is looked for.
    private var place = 0
    /// Where the next line begins.
    private var next = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    private static let space = UInt8(ascii: " ")
    private static let newline = UInt8(ascii: "\n")

    /// Goes to the next line; false at the table's end.
    mutating func nextLine() -> Bool {
        place = next
        while next < bytes.count && bytes[next] != Self.newline { next += 1 }
        next += 1
        return place < bytes.count
    }

    /// Passes over what the line goes on with, if it is `text`.
    mutating func skip(_ text: [UInt8]) -> Bool {
        skipSpaces()
        guard bytes[place...].starts(with: text) else { return false }
        place += text.count
        return true
    }

    mutating func skipWord() { _ = wordRange() }

    /// The line's next word; empty at its end.
    mutating func word() -> String { String(decoding: bytes[wordRange()], as: UTF8.self) }

    /// The line's next word, where it is a number.
    mutating func number() -> Int? {
        let range = wordRange()
        var number = 0
        for byte in bytes[range] {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            number = number &* 10 &+ Int(byte - UInt8(ascii: "0"))
        }
        return range.isEmpty ? nil : number
    }

    private mutating func wordRange() -> Range<Int> {
        skipSpaces()
        let start = place
        while place < bytes.count && bytes[place] > Self.space { place += 1 }
        return start..<place
    }

    private mutating func skipSpaces() {
        while place < bytes.count && bytes[place] == Self.space { place += 1 }
    }
}

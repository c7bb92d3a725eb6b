// SPDX-License-Identifier: MIT
import LinuxSystem

/// A tree of values as YAML and JSON write it, without types of its own: a scalar is a text that was quoted or not.
public struct Document: Sendable, Equatable {
    public indirect enum Value: Sendable, Equatable {
        /// A number, a truth value, null or a word when it is plain; always a text when it is not.
        case scalar(String, isPlain: Bool)
        case list([Document])
        case map([(key: String, value: Document)])

        public static func == (left: Value, right: Value) -> Bool {
            switch (left, right) {
            case (.scalar(let one, let isPlain), .scalar(let other, let wasPlain)):
                one == other && isPlain == wasPlain
            case (.list(let one), .list(let other)): one == other
            case (.map(let one), .map(let other)): one.elementsEqual(other, by: ==)
            default: false
            }
        }
    }

    public var value: Value
    /// Where it begins in its text, counted from 1; 0 for one that was not read.
    public var line = 0

    public static func == (left: Document, right: Document) -> Bool { left.value == right.value }

    init(_ value: Value, line: Int = 0) { (self.value, self.line) = (value, line) }

    static func text(_ text: String) -> Document { Document(.scalar(text, isPlain: false)) }
    static func plain(_ word: some CustomStringConvertible) -> Document {
        Document(.scalar("\(word)", isPlain: true))
    }
    static func list(_ items: [Document]) -> Document { Document(.list(items)) }
    static func map(_ pairs: [(key: String, value: Document)]) -> Document { Document(.map(pairs)) }

    /// The value of a key; nil where it is absent or this is no map.
    subscript(key: String) -> Document? {
        guard case .map(let pairs) = value else { return nil }
        return pairs.first { $0.key == key }?.value
    }

    func failure(_ cause: String, hint: String? = nil) -> OperationError {
        OperationError("read", "line \(line)", cause: cause, hint: hint)
    }

    /// The scalar's text; `what` names it in the error where this is none.
    func scalar(_ what: String) throws(OperationError) -> String {
        guard case .scalar(let text, _) = value else {
            throw failure("\(what) is a list or a map, not one value")
        }
        return text
    }

    /// The items of a list; none for nothing at all.
    func items(_ what: String) throws(OperationError) -> [Document] {
        if isNull { return [] }
        guard case .list(let items) = value else { throw failure("\(what) is not a list") }
        return items
    }

    /// The pairs of a map; none for nothing at all.
    func pairs(_ what: String) throws(OperationError) -> [(key: String, value: Document)] {
        if isNull { return [] }
        guard case .map(let pairs) = value else { throw failure("\(what) is not a map") }
        return pairs
    }

    var isNull: Bool {
        guard case .scalar(let text, isPlain: true) = value else { return false }
        return ["", "~", "null"].contains(text)
    }

    /// Checks that a map has no other keys than these.
    func expect(_ keys: [String], in what: String) throws(OperationError) {
        for pair in try pairs(what) where !keys.contains(pair.key) {
            throw pair.value.failure(
                "'\(pair.key)' is no key of \(what)",
                hint: "the keys are \(keys.joined(separator: ", "))"
            )
        }
    }
}

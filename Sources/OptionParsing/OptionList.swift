// SPDX-License-Identifier: MIT

/// A list of `key=value` pairs in the syntax of QEMU's options: `id=vhost-scsi0,wwpn=naa.500140500000001,tpgt=1`.
///
/// A comma ends a pair; two commas stand for one comma inside a value, so any value can be written. A key occurs
/// once: where QEMU lets the last one win without a word, a repeated key is an error here.
public struct OptionList: Equatable, Sendable {
    /// One pair.
    public struct Option: Equatable, Sendable {
        public let key: String
        /// The value with its doubled commas made single.
        public let value: String
        /// Where the key starts in the text, in characters from 1.
        public let position: Int
    }

    /// The pairs in the order of the text.
    public let options: [Option]

    /// Parses `text`.
    ///
    /// - Parameters:
    ///   - text: the pairs; empty text is an empty list.
    ///   - known: the keys that are accepted.
    public init(_ text: String, known: [String]) throws(OptionError) {
        var options: [Option] = []
        for field in Self.fields(of: text) {
            let option = try Self.option(field, known: known)
            if let first = options.first(where: { $0.key == option.key }) {
                throw OptionError(
                    .repeated(first: first.position),
                    key: option.key,
                    position: option.position
                )
            }
            options.append(option)
        }
        self.options = options
    }

    /// The value of `key`, or nil where the text does not give it.
    public subscript(key: String) -> String? { option(key)?.value }

    /// The pair of `key`, or nil where the text does not give it.
    public func option(_ key: String) -> Option? { options.first { $0.key == key } }

    /// The value of `key` as a whole number, or nil where the text does not give it.
    ///
    /// - Returns: a number that `Number` holds, written in decimal, or in hexadecimal after `0x`.
    public func number<Number: FixedWidthInteger>(_ key: String, as: Number.Type) throws(OptionError)
        -> Number?
    {
        guard let option = option(key) else { return nil }
        let digits = option.value
        let hexadecimal = digits.hasPrefix("0x")
        let number = hexadecimal ? Number(digits.dropFirst(2), radix: 16) : Number(digits)
        if let number, !digits.contains("+") { return number }
        let range = "\(Number.min) to \(Number.max)"
        throw OptionError(.notANumber(value: digits, range: range), key: key, position: option.position)
    }

    private typealias Field = (text: Substring, position: Int)

    /// Splits at single commas; a doubled comma stays, doubled, in its field.
    private static func fields(of text: String) -> [Field] {
        var fields: [Field] = []
        var start = text.startIndex
        var position = 1
        while start < text.endIndex {
            let end = fieldEnd(in: text, from: start)
            let field = text[start..<end]
            fields.append((field, position))
            position += field.count + 1
            start = end < text.endIndex ? text.index(after: end) : end
        }
        if text.last == ",", fields.last?.text.hasSuffix(",,") != true { fields.append(("", position)) }
        return fields
    }

    private static func fieldEnd(in text: String, from start: String.Index) -> String.Index {
        var index = start
        while index < text.endIndex {
            let next = text.index(after: index)
            guard text[index] == "," else {
                index = next
                continue
            }
            guard next < text.endIndex, text[next] == "," else { return index }
            index = text.index(after: next)
        }
        return index
    }

    private static func option(_ field: Field, known: [String]) throws(OptionError) -> Option {
        guard !field.text.isEmpty else { throw OptionError(.empty, key: "", position: field.position) }
        let sign = field.text.firstIndex(of: "=") ?? field.text.endIndex
        let key = String(field.text[..<sign])
        guard known.contains(key) else {
            let nearest = NearestName.of(key, among: known)
            throw OptionError(.unknown(nearest: nearest, known: known), key: key, position: field.position)
        }
        let value = unescaped(field.text[sign...].dropFirst())
        guard !value.isEmpty else { throw OptionError(.noValue, key: key, position: field.position) }
        return Option(key: key, value: value, position: field.position)
    }

    private static func unescaped(_ text: Substring) -> String {
        var value = ""
        var skipsComma = false
        for character in text {
            if skipsComma, character == "," {
                skipsComma = false
                continue
            }
            value.append(character)
            skipsComma = character == ","
        }
        return value
    }
}

extension OptionList: CustomStringConvertible {
    /// The list in its own syntax; parsing it gives the same pairs.
    public var description: String {
        options.map { option in
            let value = option.value.split(separator: ",", omittingEmptySubsequences: false).joined(
                separator: ",,"
            )
            return "\(option.key)=\(value)"
        }.joined(separator: ",")
    }
}

// SPDX-License-Identifier: MIT

/// Why an option list is refused: what is wrong, with which key, and where.
public struct OptionError: Error, Equatable, CustomStringConvertible, Sendable {
    /// What is wrong with the option.
    public enum Problem: Equatable, Sendable {
        /// Nothing stands between two commas, or after the last one.
        case empty
        /// The key is not one of those that are accepted.
        case unknown(nearest: String?, known: [String])
        /// The key stands alone, or nothing follows its equals sign.
        case noValue
        /// The key occurred before, at position `first`.
        case repeated(first: Int)
        /// The value is not a whole number in `range`.
        case notANumber(value: String, range: String)
    }

    public let problem: Problem
    /// The key, empty where there is none.
    public let key: String
    /// Where the option starts in the text, in characters from 1.
    public let position: Int

    init(_ problem: Problem, key: String, position: Int) {
        self.problem = problem
        self.key = key
        self.position = position
    }

    public var description: String {
        let place =
            key.isEmpty ? "option at character \(position)" : "option \"\(key)\" at character \(position)"
        return "\(place): \(words)"
    }

    private var words: String {
        switch problem {
        case .empty:
            "nothing stands between the commas (write two commas for one comma in a value)"
        case .unknown(let nearest?, _):
            "no such option; did you mean \"\(nearest)\"?"
        case .unknown(nil, let known):
            "no such option; there are \(known.joined(separator: ", "))"
        case .noValue:
            "no value; write \(key)=VALUE"
        case .repeated(let first):
            "given before, at character \(first)"
        case .notANumber(let value, let range):
            "\"\(value)\" is not a whole number from \(range)"
        }
    }
}

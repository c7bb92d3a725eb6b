// SPDX-License-Identifier: MIT

/// Something that is not as it must be.
package struct Mismatch: Error, Equatable, Sendable {
    /// What was looked at.
    package let what: String
    /// What it must be, bytes in hexadecimal.
    package let expected: String
    /// What it is.
    package let received: String
}

/// A step of the set-up that the device refused: the errno's name, or "refused" where a socket gives no reason.
struct StepRefusal: Error, Equatable {
    let name: String
}

/// How a case ended.
package enum Verdict: Equatable, Sendable {
    case passes
    /// Not as it must be, in a way that is known of this implementation.
    case differs(Mismatch, reason: String)
    case fails(Mismatch)
    /// It could not be tried.
    case skipped(String)

    /// One word for it.
    package var word: String {
        switch self {
        case .passes: "passes"
        case .differs: "differs"
        case .fails: "FAILS"
        case .skipped: "skipped"
        }
    }
}

/// A case and how it ended.
package struct CaseResult: Sendable {
    package let conformanceCase: ConformanceCase
    package let verdict: Verdict
    package let milliseconds: Int
}

/// Throws a mismatch unless the two are equal.
func expect<Value: Equatable>(_ what: String, _ expected: Value, _ received: Value) throws(Mismatch) {
    guard expected != received else { return }
    var (wanted, found) = (inHexadecimal(expected), inHexadecimal(received))
    // Of long blocks, the bytes from the first difference on.
    if let expected = expected as? [UInt8], let received = received as? [UInt8],
        max(wanted.count, found.count) > 100
    {
        let start = zip(expected, received).prefix { $0 == $1 }.count
        wanted = "from byte \(start) on: \(inHexadecimal(Array(expected.dropFirst(start).prefix(16))))"
        found = "from byte \(start) on: \(inHexadecimal(Array(received.dropFirst(start).prefix(16))))"
    }
    throw Mismatch(what: what, expected: wanted, received: found)
}

/// Throws a mismatch unless `isRight`.
func expect(_ what: String, _ expected: String, _ received: Any, _ isRight: Bool) throws(Mismatch) {
    if !isRight { throw Mismatch(what: what, expected: expected, received: inHexadecimal(received)) }
}

/// Bytes in hexadecimal, with runs of one byte told by their length; anything else as it is.
func inHexadecimal(_ value: Any) -> String {
    guard let bytes = value as? [UInt8] else { return "\(value)" }
    var words: [String] = []
    var rest = bytes[...]
    while let first = rest.first {
        let run = rest.prefix { $0 == first }.count
        let digits = String(first, radix: 16)
        let word = digits.count == 1 ? "0" + digits : digits
        words += run > 4 ? ["\(word)×\(run)"] : Array(repeating: word, count: run)
        rest = rest.dropFirst(run)
    }
    return words.isEmpty ? "nothing" : words.joined(separator: " ")
}

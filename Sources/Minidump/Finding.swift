// SPDX-License-Identifier: MIT

/// Something about a dump that its reader should know.
public struct Finding: Sendable, Encodable, Equatable, CustomStringConvertible {
    public enum Severity: String, Sendable, Encodable { case error, warning, note }

    /// An error means that bytes or names are wrong or missing.
    public var severity: Severity
    /// A short word for programs, such as `missing` or `header-overflow`; it stays the same between releases.
    public var code: String
    /// The region, subsystem or table that it is about.
    public var object: String
    public var text: String

    public var description: String { "\(severity.rawValue): \(object): \(text) [\(code)]" }

    static func error(_ code: String, _ object: String, _ text: String) -> Finding {
        Finding(severity: .error, code: code, object: object, text: text)
    }

    static func warning(_ code: String, _ object: String, _ text: String) -> Finding {
        Finding(severity: .warning, code: code, object: object, text: text)
    }

    static func note(_ code: String, _ object: String, _ text: String) -> Finding {
        Finding(severity: .note, code: code, object: object, text: text)
    }
}

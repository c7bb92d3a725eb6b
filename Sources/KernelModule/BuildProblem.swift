// SPDX-License-Identifier: MIT

/// What a compiler or modpost found wrong with a module's source.
public struct BuildProblem: Equatable, Encodable, Sendable {
    public enum Kind: String, Encodable, Sendable {
        case error, warning
    }

    public var kind: Kind
    /// The source file, or the module for what modpost finds; nil where neither is named.
    public var file: String?
    public var line: Int?
    public var message: String

    /// The problem that one line of the build's output tells of; nil for any other line.
    public init?(_ text: some StringProtocol) {
        let text = String(text)
        guard let found = Self.compiler(text) ?? Self.modpost(text) ?? Self.make(text) else { return nil }
        self = found
    }

    private init(_ kind: Kind, _ file: String?, _ line: Int?, _ message: String) {
        (self.kind, self.file, self.line, self.message) = (kind, file, line, message)
    }

    /// `FILE:LINE:COLUMN: error: MESSAGE`.
    private static func compiler(_ text: String) -> BuildProblem? {
        for (mark, kind) in [
            (": error: ", Kind.error), (": fatal error: ", .error), (": warning: ", .warning),
        ] {
            guard let range = text.firstRange(of: mark) else { continue }
            let place = text[..<range.lowerBound].split(separator: ":")
            guard place.count >= 2, let line = Int(place[1]) else { continue }
            return BuildProblem(kind, String(place[0]), line, String(text[range.upperBound...]))
        }
        return nil
    }

    /// `ERROR: modpost: "SYMBOL" [MODULE.ko] undefined!`, and whatever else it says.
    private static func modpost(_ text: String) -> BuildProblem? {
        for (mark, kind) in [("ERROR: modpost: ", Kind.error), ("WARNING: modpost: ", .warning)] {
            guard text.hasPrefix(mark) else { continue }
            let message = String(text.dropFirst(mark.count))
            if let symbol = message.between("\"", "\""), message.hasSuffix("] undefined!") {
                let cause = "\(symbol) is not exported by this kernel or any of its modules"
                return BuildProblem(kind, message.between("[", "]"), nil, cause)
            }
            return BuildProblem(kind, nil, nil, message)
        }
        return nil
    }

    /// `make[1]: *** …`: only of use where nothing before it said why.
    private static func make(_ text: String) -> BuildProblem? {
        guard text.hasPrefix("make"), let range = text.firstRange(of: ": *** ") else { return nil }
        return BuildProblem(.error, nil, nil, "make: \(text[range.upperBound...])")
    }

    /// The problems in all of a build's output, each once; make's own only where there is no other error.
    public static func all(in output: String) -> [BuildProblem] {
        var found: [BuildProblem] = []
        for problem in output.split(separator: "\n").compactMap({ BuildProblem($0) })
        where !found.contains(problem) {
            found.append(problem)
        }
        let told = found.filter { !$0.message.hasPrefix("make: ") }
        return told.contains { $0.kind == .error } ? told : found
    }
}

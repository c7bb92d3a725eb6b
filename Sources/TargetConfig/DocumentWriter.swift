// SPDX-License-Identifier: MIT

extension Document {
    /// The document as YAML, in blocks of two blanks, ending in a line end.
    public var yaml: String {
        var text = ""
        writeYAML(to: &text, indent: 0)
        return text
    }

    private func writeYAML(to text: inout String, indent: Int) {
        let margin = String(repeating: " ", count: indent)
        switch value {
        case .scalar: text += yamlScalar + "\n"
        case .list(let items):
            for item in items {
                text += margin + "-"
                item.writeYAMLValue(to: &text, indent: indent)
            }
        case .map(let pairs):
            for (key, value) in pairs {
                text += margin + Document.text(key).yamlScalar + ":"
                value.writeYAMLValue(to: &text, indent: indent)
            }
        }
    }

    private func writeYAMLValue(to text: inout String, indent: Int) {
        switch value {
        case .scalar: text += " " + yamlScalar + "\n"
        case .list(let items) where items.isEmpty: text += " []\n"
        case .map(let pairs) where pairs.isEmpty: text += " {}\n"
        default:
            text += "\n"
            writeYAML(to: &text, indent: indent + 2)
        }
    }

    private var yamlScalar: String {
        guard case .scalar(let text, let isPlain) = value else { return "" }
        return isPlain || Self.canStandPlain(text) ? text : Self.quoted(text, isASCII: false)
    }

    /// Whether YAML reads the text back as it is, and nobody can take it for a truth value or null.
    private static func canStandPlain(_ text: String) -> Bool {
        let words = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"]
        guard let first = text.utf8.first, !words.contains(text.lowercased()) else { return false }
        let isPlain = text.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte | 0x20)
                || "/._,=+-:".utf8.contains(byte)
        }
        return isPlain && first != UInt8(ascii: "-") && first != UInt8(ascii: ",")
            && first != UInt8(ascii: "=")
            && first != UInt8(ascii: ":") && text.utf8.last != UInt8(ascii: ":")
    }

    /// The document as JSON with its maps in the order of their keys, as Python's `json.dumps(…, sort_keys=True, indent=2)`
    /// writes it.
    public var json: String {
        var text = ""
        writeJSON(to: &text, margin: "\n")
        return text
    }

    private func writeJSON(to text: inout String, margin: String) {
        switch value {
        case .scalar(let word, let isPlain): text += isPlain && isJSONWord ? word : Self.quoted(word)
        case .list(let items):
            Self.writeJSON(items, in: ("[", "]"), to: &text, margin) { item, text, margin in
                item.writeJSON(to: &text, margin: margin)
            }
        case .map(let pairs):
            Self.writeJSON(pairs.sorted { $0.key < $1.key }, in: ("{", "}"), to: &text, margin) {
                pair,
                text,
                margin in
                text += Self.quoted(pair.key) + ": "
                pair.value.writeJSON(to: &text, margin: margin)
            }
        }
    }

    private static func writeJSON<Item>(
        _ items: [Item],
        in brackets: (String, String),
        to text: inout String,
        _ margin: String,
        _ write: (Item, inout String, String) -> Void
    ) {
        text += brackets.0
        for (index, item) in items.enumerated() {
            text += (index == 0 ? "" : ",") + margin + "  "
            write(item, &text, margin + "  ")
        }
        text += (items.isEmpty ? "" : margin) + brackets.1
    }

    /// Whether a plain scalar is a number, a truth value or null to JSON.
    private var isJSONWord: Bool {
        guard case .scalar(let text, _) = value else { return false }
        if ["null", "true", "false"].contains(text) { return true }
        let digits = text.first == "-" ? text.dropFirst() : text[...]
        let isCanonical = digits.count == 1 || !digits.hasPrefix("0")
        return !digits.isEmpty && isCanonical && digits.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }

    /// The text between quotation marks. In ASCII JSON reads it; what is beyond 16 bits YAML takes only as it is.
    private static func quoted(_ text: String, isASCII: Bool = true) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x22, 0x5c: quoted += "\\\(scalar)"
            case 0x0a: quoted += "\\n"
            case 0x0d: quoted += "\\r"
            case 0x09: quoted += "\\t"
            case 0x20..<0x7f: quoted.unicodeScalars.append(scalar)
            case 0xa1... where !isASCII: quoted.unicodeScalars.append(scalar)
            default: for unit in String(scalar).utf16 { quoted += escape(unit) }
            }
        }
        return quoted + "\""
    }

    private static func escape(_ unit: UInt16) -> String {
        let digits = String(unit, radix: 16)
        return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    }
}

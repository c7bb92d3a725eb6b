// SPDX-License-Identifier: MIT
public import LinuxSystem

/// The name of a target port, or of the initiator port behind its nexus, in its one canonical spelling.
///
/// | kind  | spelling                                                        |
/// | ----- | --------------------------------------------------------------- |
/// | `naa` | `naa.` and 16 or 32 hexadecimal digits                          |
/// | `fc`  | `fc.` and 16 hexadecimal digits                                 |
/// | `iqn` | `iqn.YYYY-MM.` and a reversed domain, then `:` and any own part |
///
/// The kernel takes far more (`naa.zzzz`, `x.naa.1`, blanks) because it looks for the prefix anywhere in the name;
/// what is taken here, libvirt and targetcli can read as well. Letters become lower case. The corresponding configfs
/// object is the directory `target/vhost/<WWPN>`; the corresponding ABI field is `vhost_scsi_target.vhost_wwpn`.
public struct WWPN: Hashable, Sendable, CustomStringConvertible {
    /// The transport protocol that the prefix stands for. A nexus must be of its target's kind.
    public enum Kind: String, Sendable, CaseIterable {
        case naa, fc, iqn

        var prefix: String {
            switch self {
            case .naa: "naa."
            case .fc: "fc."
            case .iqn: "iqn."
            }
        }
    }

    /// The longest name in bytes: the ABI's field holds 224 with its terminator.
    public static let longest = 223

    public let kind: Kind
    /// The canonical name with its prefix.
    public let name: String

    public var description: String { name }

    /// Reads a name and makes it canonical.
    ///
    /// - Throws: an `OperationError` that says which rule `text` breaks.
    public init(_ text: String) throws(OperationError) {
        let isCanonical = text.utf8.allSatisfy { $0 < 0x80 && !(0x41...0x5a).contains($0) }
        let name = isCanonical ? text : text.lowercased()
        func fail(_ cause: String, hint: String? = nil) -> OperationError {
            OperationError("parse", "WWPN '\(text)'", cause: cause, hint: hint)
        }
        guard let kind = Kind.allCases.first(where: { name.hasPrefix($0.prefix) }) else {
            throw fail("begins with none of naa., fc. and iqn.", hint: "for example naa.5001405c0ffee001")
        }
        guard name.utf8.count <= Self.longest else {
            throw fail("has \(name.utf8.count) bytes; the vhost ABI carries \(Self.longest)")
        }
        if let cause = Self.fault(in: name, kind: kind) { throw fail(cause) }
        (self.kind, self.name) = (kind, name)
    }

    /// The name of a nexus for a target: always the same for the same target and tag, and of its kind.
    ///
    /// - Parameters:
    ///   - target: the target port.
    ///   - tag: the target portal group's tag.
    public init(nexusOf target: WWPN, tag: TPGTag) {
        let digits = StableHash.hexadecimal("\(target.name):\(tag)")
        kind = target.kind
        switch target.kind {
        case .naa: name = "naa.5001405" + digits.suffix(9)
        case .fc: name = "fc.2" + digits.suffix(15)
        case .iqn: name = "iqn.2003-01.org.linux-iscsi.nexus:" + digits
        }
    }

    /// A name of 16 or 32 digits that are known to be right.
    init(naa digits: String) { (kind, name) = (.naa, "naa.\(digits)") }

    private static func fault(in name: String, kind: Kind) -> String? {
        let rest = name.dropFirst(kind.rawValue.count + 1)
        switch kind {
        case .naa: return digitFault(rest, lengths: [16, 32])
        case .fc: return digitFault(rest, lengths: [16])
        case .iqn: return iqnFault(rest)
        }
    }

    private static func digitFault(_ rest: Substring, lengths: [Int]) -> String? {
        let isHexadecimal = rest.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
        if isHexadecimal && lengths.contains(rest.utf8.count) { return nil }
        if let other = rest.first(where: { !Self.isHexadecimal($0) }) {
            return "'\(other)' is not a hexadecimal digit"
        }
        let allowed = lengths.map(String.init).joined(separator: " or ")
        return "has \(rest.count) digits after its prefix, not \(allowed)"
    }

    private static func iqnFault(_ rest: Substring) -> String? {
        let parts = rest.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let fields = parts[0].split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard isYearAndMonth(fields[0]), fields.count == 2, isDomain(fields[1]) else {
            return "an iqn. name is iqn.YYYY-MM.REVERSED-DOMAIN[:OWN-PART]"
        }
        if parts.count == 2, parts[1].isEmpty { return "nothing follows the ':'" }
        if let other = rest.first(where: { !isNameCharacter($0) }) {
            return "'\(other)' is none of a-z, 0-9, '.', '-' and ':'"
        }
        // The kernel searches the whole name for these, in this order, before it looks for iqn.
        let stolen = ["naa.", "fc."].first { rest.contains($0) }
        return stolen.map { "contains '\($0)', by which the kernel takes it for another protocol" }
    }

    private static func isYearAndMonth(_ text: Substring) -> Bool {
        let digits = text.split(separator: "-", omittingEmptySubsequences: false)
        guard digits.count == 2, digits[0].count == 4, digits[1].count == 2 else { return false }
        guard digits.allSatisfy({ $0.allSatisfy(isDigit) }) else { return false }
        return Int(digits[1]).map { (1...12).contains($0) } ?? false
    }

    private static func isDomain(_ text: Substring) -> Bool {
        text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            !label.isEmpty && label.allSatisfy { isNameCharacter($0) && $0 != "." && $0 != ":" }
        }
    }

    private static func isNameCharacter(_ character: Character) -> Bool {
        isByte(character, "a"..."z") || isDigit(character) || ".-:".contains(character)
    }

    private static func isHexadecimal(_ character: Character) -> Bool {
        isByte(character, "a"..."f") || isDigit(character)
    }

    private static func isDigit(_ character: Character) -> Bool { isByte(character, "0"..."9") }

    /// Characters compare by their first scalar, so that a letter with a combining mark lies between two letters.
    private static func isByte(_ character: Character, _ range: ClosedRange<Character>) -> Bool {
        character.utf8.count == 1 && range.contains(character)
    }
}

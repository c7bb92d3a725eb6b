// SPDX-License-Identifier: MIT

/// A parameter's type, as `module_param()` names it, and what the kernel takes for it.
struct ParameterType: Equatable {
    enum Element: Equatable {
        case boolean
        case integer(ClosedRange<Int128>)
        case text
    }

    var element: Element
    var isArray = false

    /// - Parameter name: such as `int` or `array of ushort`; nil comes of a type that a module made itself.
    init?(_ name: String) {
        let prefix = "array of "
        isArray = name.hasPrefix(prefix)
        let word = isArray ? String(name.dropFirst(prefix.count)) : name
        guard let element = Self.elements[word] else { return nil }
        self.element = element
    }

    private static let elements: [String: Element] = [
        "bool": .boolean, "invbool": .boolean, "bint": .boolean, "charp": .text, "string": .text,
        "byte": range(UInt8.self), "short": range(Int16.self), "ushort": range(UInt16.self),
        "int": range(Int32.self), "uint": range(UInt32.self), "hexint": range(UInt32.self),
        "long": range(Int64.self), "ulong": range(UInt64.self), "ullong": range(UInt64.self),
    ]

    private static func range<Value: FixedWidthInteger>(_: Value.Type) -> Element {
        .integer(Int128(Value.min)...Int128(Value.max))
    }

    /// What is wrong with a value, for "'VALUE' is …"; nil where nothing is.
    func fault(in value: String) -> String? {
        guard isArray else { return faultOfOne(value) }
        let parts = value.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        return parts.lazy.compactMap(faultOfOne).first
    }

    private func faultOfOne(_ value: String) -> String? {
        switch element {
        case .text: return nil
        case .boolean:
            // strtobool looks at the first letter, and at the second one of "on" and "off".
            let isTruth = value.first.map { "yYtT1nNfF0".contains($0) } ?? false
            let isSwitch = ["on", "of"].contains(String(value.lowercased().prefix(2)))
            return isTruth || isSwitch ? nil : "not a truth value: y, n, 1, 0, on or off"
        case .integer(let range):
            guard let number = Self.number(value) else { return "not a whole number" }
            return range.contains(number)
                ? nil : "out of range: \(range.lowerBound) to \(range.upperBound)"
        }
    }

    /// A number as `kstrtoint` with base 0 reads it: 0x for hexadecimal, a leading 0 for octal.
    private static func number(_ text: String) -> Int128? {
        let isNegative = text.hasPrefix("-")
        let digits = isNegative || text.hasPrefix("+") ? String(text.dropFirst()) : text
        let value: Int128?
        if digits.lowercased().hasPrefix("0x") {
            value = Int128(digits.dropFirst(2), radix: 16)
        } else if digits.hasPrefix("0") && digits.count > 1 {
            value = Int128(digits.dropFirst(), radix: 8)
        } else {
            value = digits.first?.isNumber == true ? Int128(digits) : nil
        }
        return value.map { isNegative ? -$0 : $0 }
    }
}

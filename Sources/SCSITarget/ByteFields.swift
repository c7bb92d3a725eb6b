// SPDX-License-Identifier: MIT

extension [UInt8] {
    /// Appends a number, its highest byte first, as all of SCSI has it.
    mutating func append(bigEndian value: some FixedWidthInteger & UnsignedInteger) {
        for shift in stride(from: value.bitWidth - 8, through: 0, by: -8) {
            append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    /// Puts a number over the bytes from `offset` on.
    mutating func put(bigEndian value: some FixedWidthInteger & UnsignedInteger, at offset: Int) {
        for index in 0..<value.bitWidth / 8 {
            self[offset + index] = UInt8(truncatingIfNeeded: value >> (value.bitWidth - 8 - 8 * index))
        }
    }

    /// Appends `text` as printable ASCII, cut or filled with blanks to `width` bytes.
    mutating func append(_ text: String, width: Int) {
        let printable = text.utf8.prefix(width).map { (0x20..<0x7f).contains($0) ? $0 : 0x3f }
        append(contentsOf: printable)
        append(contentsOf: repeatElement(0x20, count: width - printable.count))
    }
}

extension Span<UInt8> {
    /// The number in `count` bytes from `offset` on, which must be there, highest byte first.
    func number(at offset: Int, bytes count: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in offset..<offset + count { value = value << 8 | UInt64(self[index]) }
        return value
    }
}

extension MutableSpan<UInt8> {
    /// Copies as much of `bytes` as there is room for.
    ///
    /// - Returns: how many bytes that was.
    mutating func fill(from bytes: [UInt8]) -> Int {
        let copied = Swift.min(count, bytes.count)
        for index in 0..<copied { self[index] = bytes[index] }
        return copied
    }
}

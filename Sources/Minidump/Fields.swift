// SPDX-License-Identifier: MIT
import CMinidump

extension RawSpan {
    /// A structure that somebody else wrote, as its bytes are; `nil` where they end before it does.
    ///
    /// The structures of minidumps and of ELF are little-endian, and so are the machines that this runs on.
    func load<Value: BitwiseCopyable>(_ type: Value.Type, at offset: Int) -> Value? {
        guard offset >= 0, offset <= byteCount - MemoryLayout<Value>.size else { return nil }
        // The bounds are checked, and every bit pattern is a value of such a structure.
        return unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: type)
    }

    /// The characters from `offset` up to the first NUL, `limit` of them at most; `nil` where it starts outside.
    func text(at offset: Int, limit: Int) -> String? {
        guard offset >= 0, offset < byteCount else { return nil }
        var bytes: [UInt8] = []
        for position in offset..<min(byteCount, offset + limit) {
            guard let byte = load(UInt8.self, at: position), byte != 0 else { break }
            bytes.append(byte)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// A 32-bit word of the tables as its four letters, first letter in the top byte; in hexadecimal where it has none.
struct Magic: CustomStringConvertible {
    var value: UInt32

    var description: String {
        let letters = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }.drop { $0 == 0 }
        guard letters.count >= 2, letters.allSatisfy({ (0x41...0x5a).contains($0) }) else {
            return value < 10 ? "\(value)" : hexadecimal(UInt64(value))
        }
        return String(decoding: letters, as: UTF8.self)
    }
}

/// `0x…`, as every message and table shows addresses.
package func hexadecimal(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }

extension [UInt8] {
    /// The bytes for a parser, for as long as the array is not changed.
    var raw: RawSpan {
        @_lifetime(borrow self)
        borrowing get {
            // Bytes have no padding that could be uninitialised.
            unsafe span.bytes
        }
    }
}

// SPDX-License-Identifier: MIT

/// The CRC-32 of gzip and zlib, so that a manifest can be checked with `crc32` or Python's `zlib.crc32`.
public struct Checksum: Sendable {
    private var state: UInt32 = 0xffff_ffff

    public init() {}

    public var value: UInt32 { ~state }

    /// Eight bytes at a time, from eight tables.
    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        let tables = Self.tables
        var crc = state
        var position = 0
        // All loads end at or before the buffer's end; all table indices are below 8 * 256.
        unsafe tables.withUnsafeBufferPointer { table in
            while position + 8 <= bytes.count {
                let word =
                    unsafe bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self).littleEndian
                    ^ UInt64(crc)
                crc =
                    unsafe table[0x700 + Int(word & 0xff)] ^ table[0x600 + Int(word >> 8 & 0xff)]
                    ^ table[0x500 + Int(word >> 16 & 0xff)] ^ table[0x400 + Int(word >> 24 & 0xff)]
                crc =
                    unsafe crc ^ table[0x300 + Int(word >> 32 & 0xff)] ^ table[0x200 + Int(word >> 40 & 0xff)]
                    ^ table[0x100 + Int(word >> 48 & 0xff)] ^ table[Int(word >> 56)]
                position += 8
            }
            while position < bytes.count {
                crc = unsafe crc >> 8 ^ table[Int(UInt8(truncatingIfNeeded: crc) ^ bytes[position])]
                position += 1
            }
        }
        state = crc
    }

    mutating func add(_ bytes: [UInt8]) { unsafe bytes.withUnsafeBytes { unsafe add($0) } }

    /// Zeros, in as many steps as their number has binary digits.
    mutating func addZeros(_ count: UInt64) {
        var (rest, digit) = (count, 0)
        while rest != 0 {
            if rest & 1 != 0 { state = Self.multiply(state, Self.powers[digit & 31]) }
            (rest, digit) = (rest >> 1, digit + 1)
        }
    }

    private static let polynomial: UInt32 = 0xedb8_8320

    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 8 * 256)
        for index in 0..<256 {
            tables[index] = (0..<8).reduce(UInt32(index)) { crc, _ in
                crc & 1 != 0 ? crc >> 1 ^ polynomial : crc >> 1
            }
        }
        for index in 256..<tables.count {
            tables[index] = tables[index - 256] >> 8 ^ tables[Int(tables[index - 256] & 0xff)]
        }
        return tables
    }()

    /// x to the power of 8 * 2^n, modulo the polynomial; the top bit is x^0.
    private static let powers: [UInt32] = {
        var power: UInt32 = 1 << 23
        return (0..<32).map { _ in
            defer { power = multiply(power, power) }
            return power
        }
    }()

    /// The product of two polynomials over GF(2).
    private static func multiply(_ left: UInt32, _ right: UInt32) -> UInt32 {
        var (left, right, product) = (left, right, UInt32(0))
        while left != 0 {
            if left & 0x8000_0000 != 0 { product ^= right }
            right = right & 1 != 0 ? right >> 1 ^ polynomial : right >> 1
            left <<= 1
        }
        return product
    }
}

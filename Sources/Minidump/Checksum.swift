// SPDX-License-Identifier: MIT
import CDeflate

/// The CRC-32 of gzip and zlib, so that a manifest can be checked with `crc32` or Python's `zlib.crc32`.
public struct Checksum: Sendable {
    private var state: UInt32 = 0xffff_ffff

    public init() {}

    public var value: UInt32 { ~state }

    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        guard unsafe !bytes.isEmpty else { return }
        // The library reads the buffer and keeps nothing.
        state = unsafe ~libdeflate_crc32(value, bytes.baseAddress, bytes.count)
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

// SPDX-License-Identifier: MIT
import LinuxSystem
import Testing

@Suite struct BlockGuardTests {
    /// The check value that catalogues of CRCs give for CRC-16/T10-DIF.
    @Test func theGuardIsTheStandards() {
        #expect(BlockGuard.word(Array("123456789".utf8).span) == 0xd0db)
        #expect(BlockGuard.word([UInt8](repeating: 0, count: 512).span) == 0)
    }

    /// Every length, and every bit of a block, against division bit by bit.
    @Test func tablesDivideAsBitsDo() {
        var block = (0..<600).map { UInt8(truncatingIfNeeded: $0 &* 167 ^ $0 >> 3) }
        for count in 0...block.count {
            #expect(BlockGuard.word(block.span.extracting(first: count)) == Self.remainder(block[..<count]))
        }
        for bit in 0..<512 * 8 {
            block[bit / 8] ^= 1 << (bit % 8)
            #expect(BlockGuard.word(block.span.extracting(first: 512)) == Self.remainder(block[..<512]))
            block[bit / 8] ^= 1 << (bit % 8)
        }
    }

    private static func remainder(_ bytes: ArraySlice<UInt8>) -> UInt16 {
        var word: UInt16 = 0
        for byte in bytes {
            word ^= UInt16(byte) << 8
            for _ in 0..<8 { word = word & 0x8000 == 0 ? word << 1 : word << 1 ^ 0x8bb7 }
        }
        return word
    }
}

// SPDX-License-Identifier: MIT
import LinuxSystem
import Testing

@testable import TestVM

@Suite struct CoreHeadersTests {
    /// The start of a core as QEMU writes it: section headers, program headers, a note of the kernel's.
    private func core(segments: [(type: UInt32, physical: UInt64, size: UInt64)], note: String) -> [UInt8] {
        var bytes = [0x7f] + Array("ELF".utf8) + [2, 1] + [UInt8](repeating: 0, count: 26)
        bytes +=
            UInt64(192).littleEndianBytes + UInt64(64).littleEndianBytes + [UInt8](repeating: 0, count: 6)
        bytes += UInt16(56).littleEndianBytes + UInt16(segments.count).littleEndianBytes
        bytes += [UInt8](repeating: 7, count: 192 - bytes.count)
        for (type, physical, size) in segments {
            bytes += type.littleEndianBytes + UInt32(0).littleEndianBytes
            bytes += [4096, physical, physical, size, size, 0].flatMap { (word: UInt64) in
                word.littleEndianBytes
            }
        }
        return bytes + Array("\(note)\n".utf8)
    }

    private let unmoved = "OSRELEASE=6.1.0\nNUMBER(phys_base)=0\nKERNELOFFSET=0"

    @Test func everySegmentGetsItsAddressAndTheImageOneMore() throws {
        let start = core(segments: [(4, 0, 9), (1, 0, 0xf0000), (1, 0x10_0000, 0x4000_0000)], note: unmoved)
        let headers = try #require(CoreHeaders.headers(mapping: start))
        #expect(headers.count == 64 + 4 * 56)
        #expect(headers[..<32] == start[..<32])
        #expect(UInt64(littleEndian: headers, at: 32) == 64)
        #expect(UInt16(littleEndian: headers, at: 56) == 4)
        #expect(UInt16(littleEndian: headers, at: 60) == 0)
        func words(_ place: Int) -> [UInt64] {
            [16, 24, 32].map { UInt64(littleEndian: headers, at: 64 + place * 56 + $0) }
        }
        #expect(words(1) == [0xffff_ffff_8010_0000, 0x10_0000, 0x1ff0_0000])
        #expect(words(2) == [0xffff_8880_0000_0000, 0, 0xf0000])
        #expect(words(3) == [0xffff_8880_0010_0000, 0x10_0000, 0x4000_0000])
    }

    @Test func whatIsNotUnderstoodIsLeftAlone() {
        let segments: [(UInt32, UInt64, UInt64)] = [(1, 0x10_0000, 0x4000_0000)]
        let good = core(segments: segments, note: unmoved)
        #expect(CoreHeaders.headers(mapping: good) != nil)
        let moved = unmoved.replacing("OFFSET=0", with: "OFFSET=1c000000")
        #expect(CoreHeaders.headers(mapping: core(segments: segments, note: moved)) == nil)
        #expect(CoreHeaders.headers(mapping: core(segments: [(1, 0, 4096)], note: unmoved)) == nil)
        #expect(CoreHeaders.headers(mapping: core(segments: [], note: unmoved)) == nil)
        #expect(CoreHeaders.headers(mapping: Array(good[..<200])) == nil)
        #expect(CoreHeaders.headers(mapping: Array("text\n".utf8)) == nil)
    }
}

// SPDX-License-Identifier: MIT
import LinuxSystem
@testable import Minidump
import SystemPackage
import Testing

/// The kernel's log, from a ring as printk leaves it.
struct LogTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    /// A dump with the ring in a region of its own.
    private func dump(_ ring: PrintkSample, size: Int? = nil, info: String? = nil) throws -> Dump {
        let file = try InputFile(scratch.file("ring", Array(ring.bytes.prefix(size ?? ring.bytes.count))))
        var dump = Dump(kind: .core, source: "ring")
        dump.vmcoreInfo = VMCoreInfo(text: info ?? ring.info)
        let whole = UInt64(ring.bytes.count)
        dump.regions = [
            DumpRegion(
                name: "KPRB",
                virtualAddress: ring.address,
                size: whole,
                runs: [Run](source: Run.Source(file: file, offset: 0), captured: file.size, size: whole)
            )
        ]
        return dump
    }

    @Test func recordsComeInOrderWithTheirTimes() throws {
        let ring = PrintkSample(texts: ["first", "second\nof two lines", ""])
        let log = try dump(ring).kernelLog()
        #expect(log.missing == 0)
        #expect(log.records.map(\.text) == ["first", "second\nof two lines", ""])
        #expect(log.records.map(\.sequence) == [0, 1, 2])
        #expect(log.records[0].line == "[    0.000000] first")
        #expect(log.records[1].line == "[    1.000001] second\n               of two lines")
    }

    @Test func aRingThatHasGoneRoundHoldsTheLastRecords() throws {
        // 8 descriptors and 256 bytes of text for 30 records; a block that would cross the end lies at the start.
        let ring = PrintkSample(texts: (0..<30).map { "record \($0) of thirty" })
        let log = try dump(ring).kernelLog()
        #expect(log.missing == 0)
        #expect(log.records.count >= 6)
        #expect(log.records.map(\.text) == (30 - log.records.count..<30).map { "record \($0) of thirty" })
    }

    @Test func aCapturedPartOfTheTextIsAPartOfTheLog() throws {
        let ring = PrintkSample(texts: ["first", "second", "third"])
        // The text of the first record ends 13 bytes behind the start of the text ring.
        let log = try dump(ring, size: ring.textOffset + 14).kernelLog()
        #expect(log.records.map(\.text) == ["first"])
        #expect(log.missing == 2)
    }

    @Test func whatIsNoRingIsOneClearError() throws {
        let ring = PrintkSample(texts: ["first"])
        let pairs: [(String, Int?, String?)] = [
            ("the ring itself was not captured", 4, nil),
            ("no VMCOREINFO", nil, "-"),
            ("SIZE(prb_desc) in VMCOREINFO", nil, ring.info.replacing("SIZE(prb_desc)=24", with: "")),
            (
                "a plausible SIZE(prb_desc)", nil,
                ring.info.replacing("SIZE(prb_desc)=24", with: "SIZE(prb_desc)=4000")
            ),
            (
                "OFFSET(prb_desc_ring.descs)", nil,
                ring.info.replacing("ring.descs)=8", with: "ring.descs)=-8")
            ),
        ]
        for (cause, size, info) in pairs {
            var dump = try dump(ring, size: size, info: info)
            if info == "-" { dump.vmcoreInfo = nil }
            #expect { try dump.kernelLog() } throws: { "\($0)".contains(cause) }
        }
        // A ring of 2 to the power of 40 records.
        var huge = ring
        huge.bytes[8] = 40
        #expect { try dump(huge).kernelLog() } throws: { "\($0)".contains("a plausible ring header") }
    }

    @Test func aRingInMemoryIsFoundThroughThePageTables() throws {
        let ring = PrintkSample(texts: ["by page tables"], address: 0xffff_8880_0000_3000)
        var memory = [UInt8](repeating: 0, count: 0x4000)
        func entry(_ table: Int, _ level: UInt64, _ value: UInt64) {
            let place = table + 8 * Int(ring.address >> (12 + 9 * level) & 511)
            memory.replaceSubrange(place..<place + 8, with: value.littleEndianBytes)
        }
        entry(0, 3, 0x1003)
        entry(0x1000, 2, 0x2003)
        // A page of 2 MiB.
        entry(0x2000, 1, 0x83)
        memory.replaceSubrange(0x3000..<0x3000 + ring.bytes.count, with: ring.bytes)
        var dump = Dump(kind: .memoryImage, source: "memory")
        dump.memory = PhysicalMemory(flat: try InputFile(scratch.file("memory", memory)))
        let tables = "SYMBOL(init_top_pgt)=ffffffff81000000\nNUMBER(phys_base)=-16777216\n"
        dump.vmcoreInfo = VMCoreInfo(text: ring.info + tables)
        #expect(try dump.kernelLog().records.map(\.text) == ["by page tables"])
        // Tables that lead nowhere are an end, not a crash.
        dump.vmcoreInfo = VMCoreInfo(
            text: ring.info + "SYMBOL(init_top_pgt)=ffffffff81000000\nNUMBER(phys_base)=-16777217\n"
        )
        #expect(throws: OperationError.self) { try dump.kernelLog() }
    }
}

/// A printk ring of 8 descriptors and 256 bytes of text, written as the kernel writes it.
struct PrintkSample {
    var bytes: [UInt8] = []
    let address: UInt64
    private(set) var textOffset = 0

    private static let count = 8
    private static let textSize = 256
    private static let infoSize = 88

    init(texts: [String], address: UInt64 = 0xffff_ffff_82a0_0000) {
        self.address = address
        let infos = 88 + 24 * Self.count
        textOffset = infos + Self.infoSize * Self.count
        bytes = [UInt8](repeating: 0, count: textOffset + Self.textSize)
        // The pointer, then the header: descriptor ring, text ring.
        set([address + 8], at: 0)
        set([3, address + 88, address + UInt64(infos)], at: 8)
        set([8, address + UInt64(textOffset)], at: 48)
        var position = 0
        var blocks: [Range<Int>] = []
        for text in texts {
            blocks.append(text.isEmpty ? 1..<1 : place(Array(text.utf8), &position))
        }
        // The oldest whose block nobody has written over.
        let first = texts.indices.first { index in
            texts.count - index <= Self.count && position - blocks[index].lowerBound <= Self.textSize
        }
        let start = UInt64.max >> 2 - UInt64(Self.count) + 1
        let id = { (index: Int) in (start &+ UInt64(index)) & UInt64.max >> 2 }
        set([id(texts.count - 1), id(first ?? 0)], at: 32)
        for index in texts.indices.suffix(Self.count) {
            let slot = Int(id(index) % UInt64(Self.count))
            let block = blocks[index]
            let upper = block.isEmpty ? 1 : UInt64(block.upperBound)
            set([2 << 62 | id(index), UInt64(block.lowerBound), upper], at: 88 + 24 * slot)
            let info = infos + Self.infoSize * slot
            set([UInt64(index), UInt64(index) * 1_000_001_000, UInt64(texts[index].utf8.count)], at: info)
        }
    }

    /// Writes a block: 8 bytes with its descriptor's number, then the text; at the start where it would cross the end.
    private mutating func place(_ text: [UInt8], _ position: inout Int) -> Range<Int> {
        let size = 8 + (text.count + 7) / 8 * 8
        let begin = position
        var start = begin % Self.textSize
        position += size
        if begin / Self.textSize != (position - 1) / Self.textSize {
            position = (begin / Self.textSize + 1) * Self.textSize + size
            start = 0
        }
        bytes.replaceSubrange(
            textOffset + start + 8..<textOffset + start + 8 + text.count,
            with: text
        )
        return begin..<position
    }

    private mutating func set(_ words: [UInt64], at offset: Int) {
        bytes.replaceSubrange(offset..<offset + 8 * words.count, with: words.flatMap(\.littleEndianBytes))
    }

    /// What the note tells of Linux 6.1, as far as the log needs it.
    var info: String {
        """
        SYMBOL(prb)=\(String(address, radix: 16))
        SIZE(printk_ringbuffer)=80
        OFFSET(printk_ringbuffer.desc_ring)=0
        OFFSET(printk_ringbuffer.text_data_ring)=40
        OFFSET(prb_desc_ring.count_bits)=0
        OFFSET(prb_desc_ring.descs)=8
        OFFSET(prb_desc_ring.infos)=16
        OFFSET(prb_desc_ring.head_id)=24
        OFFSET(prb_desc_ring.tail_id)=32
        SIZE(prb_desc)=24
        OFFSET(prb_desc.state_var)=0
        OFFSET(prb_desc.text_blk_lpos)=8
        OFFSET(prb_data_blk_lpos.begin)=0
        OFFSET(prb_data_blk_lpos.next)=8
        SIZE(printk_info)=\(Self.infoSize)
        OFFSET(printk_info.seq)=0
        OFFSET(printk_info.ts_nsec)=8
        OFFSET(printk_info.text_len)=16
        OFFSET(prb_data_ring.size_bits)=0
        OFFSET(prb_data_ring.data)=8

        """
    }
}

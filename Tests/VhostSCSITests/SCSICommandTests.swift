// SPDX-License-Identifier: MIT
import CVirtioLoad
import Testing

@testable import VhostSCSI

@Suite struct SCSICommandTests {
    /// The descriptor block as it goes over the wire.
    private func bytes(_ command: SCSICommand) -> [UInt8] {
        var block = [UInt8](repeating: 0xee, count: 32)
        var span = block.mutableSpan
        var bytes = unsafe span.mutableBytes
        command.encode(into: &bytes)
        return block
    }

    @Test func commandsWithoutAnAddress() {
        #expect(bytes(.testUnitReady).allSatisfy { $0 == 0 })
        #expect(bytes(.inquiry)[..<6] == [0x12, 0, 0, 0, 36, 0])
        #expect(bytes(.reportLUNs(byteCount: 0x0002_0008))[..<12] == [0xa0, 0, 0, 0, 0, 0, 0, 2, 0, 8, 0, 0])
        #expect(bytes(.readCapacity10)[..<10] == [0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        #expect(bytes(.readCapacity16)[..<16] == [0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0])
    }

    @Test func readAndWriteTakeTheShortFormWhileItFits() {
        let read = SCSICommand.read(address: 0x0102_0304, blocks: 0x0506, blockSize: 512)
        #expect(bytes(read)[..<10] == [0x28, 0, 1, 2, 3, 4, 0, 5, 6, 0])
        #expect(read.byteCount == 0x0506 * 512)
        #expect(!read.isWrite)
        let write = SCSICommand.write(address: 0xffff_ffff, blocks: 0xffff, blockSize: 4096)
        #expect(bytes(write)[..<10] == [0x2a, 0, 255, 255, 255, 255, 0, 255, 255, 0])
        #expect(write.isWrite)
    }

    @Test func readAndWriteTakeTheLongFormBeyond() {
        let read = SCSICommand.read(address: 0x0102_0304_0506_0708, blocks: 0x0001_0203, blockSize: 512)
        #expect(bytes(read)[..<16] == [0x88, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2, 3, 0, 0])
        #expect(read.name == "READ(16)")
        #expect(bytes(.write(address: 1 << 32, blocks: 1, blockSize: 512))[0] == 0x8a)
        #expect(bytes(.write(address: 0, blocks: 0x1_0000, blockSize: 512))[0] == 0x8a)
    }
}

@Suite struct SCSISenseTests {
    @Test func readsBothFormats() {
        var fixed = [UInt8](repeating: 0, count: 18)
        fixed[0] = 0xf0
        (fixed[2], fixed[12], fixed[13]) = (5, 0x25, 0)
        #expect(SCSISense(fixed) == SCSISense(key: 5, code: 0x25, qualifier: 0))
        #expect(SCSISense([0x72, 6, 0x29, 3]) == SCSISense(key: 6, code: 0x29, qualifier: 3))
        #expect(SCSISense([0x72, 6, 0x29]) == nil)
        #expect(SCSISense([]) == nil)
        #expect(SCSISense([UInt8](repeating: 0, count: 96)) == nil)
    }

    @Test(
        arguments: [
            (5, 0x25, 0, "ILLEGAL REQUEST, logical unit not supported (5h/25h/00h)"),
            (6, 0x29, 7, "UNIT ATTENTION, power on or reset occurred (6h/29h/07h)"),
            (3, 0x99, 1, "MEDIUM ERROR (3h/99h/01h)"),
        ] as [(UInt8, UInt8, UInt8, String)]
    )
    func speaks(key: UInt8, code: UInt8, qualifier: UInt8, words: String) {
        #expect(SCSISense(key: key, code: code, qualifier: qualifier).description == words)
    }

    @Test func responsesSpeak() {
        #expect(SCSIResponse(response: 0, status: 0, residual: 0, sense: []).failure == nil)
        #expect(
            SCSIResponse(response: 3, status: 0, residual: 0, sense: []).failure?.hasPrefix("BAD_TARGET: ")
                == true
        )
        #expect(
            SCSIResponse(response: 77, status: 0, residual: 0, sense: []).failure == "virtio-scsi response 77"
        )
        #expect(SCSIResponse(response: 0, status: 0x28, residual: 0, sense: []).failure == "TASK SET FULL")
        #expect(SCSIResponse(response: 0, status: 0x99, residual: 0, sense: []).failure == "SCSI status 99h")
        let sense: [UInt8] = [0x72, 7, 0x27, 0]
        #expect(
            SCSIResponse(response: 0, status: 2, residual: 0, sense: sense).failure
                == "CHECK CONDITION: DATA PROTECT, write protected (7h/27h/00h)"
        )
    }
}

@Suite struct LogicalUnitTests {
    @Test func inquiryTextIsTrimmedAndPrintable() {
        let bytes: [UInt8] = [0, 0, 6, 2, 31, 0, 0, 0] + "LIO-ORG rd_mcp\u{1}         4.0 ".utf8
        let inquiry = SCSIInquiry(bytes)
        #expect(inquiry?.vendor == "LIO-ORG")
        #expect(inquiry?.product == "rd_mcp?")
        #expect(inquiry?.revision == "4.0")
        #expect(inquiry?.typeName == "disk")
        #expect(inquiry?.isPresent == true)
        #expect(SCSIInquiry(Array(bytes.dropLast())) == nil)
    }

    @Test func capacityIsTheLastAddressPlusOne() {
        let ten = SCSICapacity(ten: [0, 1, 255, 255, 0, 0, 2, 0])
        #expect(ten == SCSICapacity(blocks: 131072, blockSize: 512))
        #expect(ten?.byteCount == 64 << 20)
        #expect(SCSICapacity(ten: [255, 255, 255, 255, 0, 0, 2, 0]) == nil)
        #expect(SCSICapacity(ten: [0, 0, 0, 1, 0, 0, 0, 0]) == nil)
        let sixteen = SCSICapacity(
            sixteen: [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 16, 0] + [UInt8](repeating: 0, count: 20)
        )
        #expect(sixteen == SCSICapacity(blocks: (1 << 32) + 1, blockSize: 4096))
        let most = [UInt8](repeating: 255, count: 8) + [0, 0, 2, 0]
        #expect(SCSICapacity(sixteen: most) == nil)
    }

    @Test func theLUNListDecodesPeripheralAndFlatNumbers() {
        let list: [UInt8] = [0, 0, 0, 24, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0x41, 0x2c, 0, 0, 0, 0, 0, 0]
        #expect(SCSILUNList.decode(list + [0xc1, 1, 0, 0, 0, 0, 0, 0]) == [7, 300])
        #expect(SCSILUNList.decode(list) == nil)
        #expect(SCSILUNList.decode([0, 0, 0, 0, 0, 0, 0, 0]) == [])
    }
}

@Suite struct DataPatternTests {
    private func words(_ count: Int, at position: UInt64) -> [UInt64] {
        unsafe DataPattern.bytes(seed: 42, position: position, count: count * 8).withUnsafeBytes {
            unsafe Array($0.bindMemory(to: UInt64.self))
        }
    }

    /// The first byte that differs, as the loop finds it.
    private func mismatch(_ words: [UInt64], at position: UInt64, seed: UInt64 = 42) -> Int? {
        let offset = unsafe vload_pattern_compare(words, UInt64(words.count), seed, position)
        return offset == .max ? nil : Int(offset)
    }

    @Test func isFoundWhereItWasWritten() {
        #expect(mismatch(words(512, at: 4096), at: 4096) == nil)
    }

    @Test func aBlockElsewhereDiffersInItsFirstWord() throws {
        let offset = try #require(mismatch(words(512, at: 4096), at: 8192))
        #expect(offset < 8)
        #expect(mismatch(words(512, at: 4096), at: 4096, seed: 43) != nil)
    }

    @Test(arguments: [0, 7, 8, 1234, 4095]) func theFirstByteThatDiffersIsNamed(offset: Int) {
        var words = words(512, at: 512)
        words[offset / 8] ^= 1 << UInt64(offset % 8 * 8)
        #expect(mismatch(words, at: 512) == offset)
    }

    @Test func continuesAcrossCalls() {
        #expect(words(16, at: 0)[8...] == words(8, at: 64)[...])
    }
}

// SPDX-License-Identifier: MIT
import LinuxSystem
@testable import Minidump
import SystemPackage
import Testing

struct DumpTests {
    let scratch: Scratch
    let firmware: Firmware

    init() throws {
        scratch = try Scratch()
        firmware = try Firmware(note: VMCoreInfo(text: "OSRELEASE=6.1.0-test\n").note)
    }

    private func image() throws -> Dump { try Dump(opening: [scratch.file("ram", firmware.image)]) }

    private func expectAllRegions(_ dump: Dump, sourceLocation: SourceLocation = #_sourceLocation) throws {
        for (index, name) in firmware.names.enumerated() {
            let region = try dump.region(named: name)
            #expect(region.size == 4096 && region.missingBytes == 0, sourceLocation: sourceLocation)
            let address = UInt64(0x90000 + index * 4160)
            #expect(region.physicalAddress == address, sourceLocation: sourceLocation)
            #expect(region.virtualAddress == 0xffff_c900_0000_0000 + address, sourceLocation: sourceLocation)
            let expected = (0..<4096).map { Firmware.pattern(index, $0) }
            #expect(try region.read(upTo: 4096) == expected, sourceLocation: sourceLocation)
        }
    }

    @Test func aMemoryImageIsReadAsFirmwareReadsIt() throws {
        let dump = try image()
        #expect(dump.kind == .memoryImage)
        #expect(dump.table?.address == 0x1000)
        #expect(dump.table?.subsystems.first?.regionCount == 9)
        #expect(dump.vmcoreInfo?["OSRELEASE"] == "6.1.0-test")
        #expect(dump.regions.first?.name == "linux_banner")
        #expect(dump.check().filter { $0.severity == .error }.isEmpty)
        try expectAllRegions(dump)
    }

    @Test func collectingAssemblingAndSplittingKeepEveryByte() throws {
        let image = try image()
        let collected = scratch.path.appending("collected")
        _ = try image.write(image.regionsOutsideOfHeader, header: image.headerRegion, to: collected)
        let collection = try Dump(opening: [collected])
        #expect(collection.kind == .collection && collection.findings.isEmpty)
        try expectAllRegions(collection)

        let first = scratch.path.appending("first.elf")
        let manifest = try collection.assemble(to: first)
        #expect(manifest.isComplete && manifest.kernelRelease == "6.1.0-test")
        let core = try Dump(opening: [first])
        #expect(core.kind == .core)
        try expectAllRegions(core)

        let parts = scratch.path.appending("parts")
        _ = try core.split(to: parts)
        let second = scratch.path.appending("second.elf")
        _ = try Dump(opening: [parts]).assemble(to: second)
        #expect(try first.readAll() == second.readAll())
    }

    @Test func aMissingShortOrLongFileMovesNothing() throws {
        let image = try image()
        let collected = scratch.path.appending("collected")
        _ = try image.write(image.regionsOutsideOfHeader, header: image.headerRegion, to: collected)
        try collected.appending("md_KREGION2.BIN").removeTree()
        try collected.appending("md_KREGION3.BIN").write(
            try collected.appending("md_KREGION3.BIN").readAll().prefix(100)
        )
        try collected.appending("md_KREGION4.BIN").write(
            try collected.appending("md_KREGION4.BIN").readAll() + [1, 2, 3]
        )
        let collection = try Dump(opening: [collected])
        #expect(collection.findings.map(\.code) == ["missing", "short", "long"])
        let core = scratch.path.appending("partial.elf")
        #expect(try !collection.assemble(to: core).isComplete)
        let dump = try Dump(opening: [core])
        #expect(dump.regions.map(\.name) == collection.regions.map(\.name))
        #expect(dump.regions.map(\.missingBytes) == [0, 0, 0, 4096, 3996, 0, 0, 0, 0])
        for (region, index) in zip(dump.regions.dropFirst(5), 4...) {
            #expect(try region.read(upTo: 4096) == (0..<4096).map { Firmware.pattern(index, $0) })
        }
        // What is left of a region can be taken apart and put together again.
        let parts = scratch.path.appending("parts")
        _ = try dump.split(to: parts)
        let again = scratch.path.appending("again.elf")
        _ = try Dump(opening: [parts]).assemble(to: again)
        #expect(try core.readAll() == again.readAll())
    }

    @Test func checkSeesWhatIsWrongWithTheTables() throws {
        let table = firmware.regionTable
        // Region 1 is overlapped by region 2, region 3 lies outside, region 4 is invalid, region 5 has another size.
        firmware.set(Array(firmware.image[table + 80 + 24..<table + 80 + 32]), at: table + 40 + 24)
        firmware.set([0, 0, 0, 0, 1, 0, 0, 0], at: table + 3 * 40 + 24)
        firmware.set([0x41, 0x56, 0x4e, 0x49], at: table + 4 * 40 + 20)
        firmware.set([8, 0], at: table + 5 * 40 + 32)
        let codes = try image().check().map { "\($0.object) \($0.code)" }
        #expect(codes.contains("KREGION1 overlap") || codes.contains("KREGION0 overlap"))
        #expect(codes.contains("KREGION2 missing"))
        #expect(codes.contains("KREGION3 not-valid"))
        #expect(codes.contains("KREGION4 section-size"))
    }

    @Test func aHeaderWhoseTablesRunOverEachOtherIsFoundAndRepaired() throws {
        // e_shnum so large that the section table reaches the program headers, as the original's did at 197 clients.
        firmware.set([210, 0], at: firmware.header + 60)
        let dump = try image()
        #expect(dump.check().contains { $0.code == "header-overflow" && $0.object == "section headers" })
        let repaired = scratch.path.appending("repaired")
        _ = try dump.write(dump.regionsOutsideOfHeader, to: repaired)
        _ = try dump.repair(to: repaired)
        let collection = try Dump(opening: [repaired])
        #expect(collection.check().filter { $0.severity == .error }.isEmpty)
        try expectAllRegions(collection)
    }

    @Test(arguments: [(4, "DSBL", "not-ready"), (8, "TRTS", "encrypted"), (0, "\u{2}\0\0\0", "not-ready")])
    func aSubsystemThatFirmwareWouldNotCollectIsNotCollected(offset: Int, word: String, code: String) throws {
        firmware.set(Array(word == "DSBL" ? "LBSD".utf8 : word.utf8), at: Firmware.tocAddress + 16 + offset)
        let dump = try Dump(
            opening: [scratch.file("ram", firmware.image)],
            options: DumpOptions(tableAddress: 0x1000)
        )
        #expect(dump.regions.isEmpty)
        #expect(dump.findings.map(\.code) == [code])
        #expect(throws: OperationError.self) { try dump.assemble(to: scratch.path.appending("none.elf")) }
        #expect(!scratch.path.appending("none.elf").exists)
    }

    @Test func aClaimOfFourBillionRegionsIsBounded() throws {
        firmware.set([0xff, 0xff, 0xff, 0xff], at: Firmware.tocAddress + 16 + 16)
        let dump = try Dump(
            opening: [scratch.file("ram", firmware.image)],
            options: DumpOptions(tableAddress: 0x1000)
        )
        #expect(dump.findings.contains { $0.code == "region-count" })
        #expect(dump.findings.contains { $0.code == "region-table" })
    }

    @Test func namesOfADumpNeverLeaveTheOutputDirectory() throws {
        let outside = scratch.path.appending("outside")
        firmware.set(Array("../../outside\0".utf8), at: firmware.regionTable + 40)
        firmware.set(Array("KREGION2\0".utf8), at: firmware.regionTable + 80)
        let dump = try image()
        let directory = scratch.path.appending("a/b/c")
        let manifest = try dump.write(dump.regions, to: directory)
        #expect(!outside.exists)
        #expect(Set(try directory.entryNames()) == Set(manifest.regions.map { "md_\($0.name).BIN" }))
        #expect(manifest.regions.map(\.name).contains("KREGION2-2"))
    }

    @Test func whatIsNoDumpIsOneClearError() throws {
        let file = try scratch.file(
            "noise",
            (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
        )
        #expect {
            try Dump(opening: [file])
        } throws: { "\($0)".contains("no minidump: it is no ELF core, no raw dump") }
    }

    @Test func aRawDumpIsReadByItsSections() throws {
        let content = (0..<3000).map { UInt8(truncatingIfNeeded: $0) }
        var bytes = Array("Raw_Dmp!".utf8) + UInt32(1).littleEndianBytes + UInt32(1).littleEndianBytes
        bytes +=
            [UInt8](repeating: 0, count: 20) + UInt64(0).littleEndianBytes + UInt64(5000).littleEndianBytes
        bytes += UInt32(2).littleEndianBytes
        for (offset, name) in [(200, "md_KA.BIN"), (4000, "md_../B.BIN")] {
            bytes += [UInt32(1), 1, 1].flatMap { $0.littleEndianBytes } + UInt64(offset).littleEndianBytes
            bytes +=
                UInt64(3000).littleEndianBytes + UInt64(0x8000_0000).littleEndianBytes
                + UInt64(0).littleEndianBytes
            bytes += Array(name.utf8) + [UInt8](repeating: 0, count: 20 - name.utf8.count)
        }
        bytes += [UInt8](repeating: 0, count: 200 - bytes.count) + content
        let dump = try Dump(opening: [scratch.file("rawdump", bytes)])
        #expect(dump.kind == .rawDump)
        #expect(dump.regions.map(\.name) == ["KA", ".._B"])
        #expect(try dump.region(named: "KA").read(upTo: 3000) == content)
        #expect(dump.regions.last?.missingBytes == 3000)
        #expect(dump.findings.map(\.code) == ["truncated", "short"])
    }
}

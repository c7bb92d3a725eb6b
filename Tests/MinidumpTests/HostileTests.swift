// SPDX-License-Identifier: MIT
import CMinidump
import LinuxSystem
@testable import Minidump
import SystemPackage
import Testing

/// Inputs that somebody made to do harm: each takes bounded time and memory, and touches nothing but its output.
struct HostileTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    @Test func tablesThatAllLeadToOneAreReadOnce() throws {
        // 200 subsystems, each of which claims the largest table at the same place.
        let claimed = GlobalTable.regionLimit
        var image = [MD_STATUS_READY, MD_REVISION, MD_ENABLED, 0].flatMap(\.littleEndianBytes)
        let table = 16 + 200 * 32
        for _ in 0..<200 {
            image += [1, MD_ENABLED, MD_ENCRYPTION_DONE, MD_ENCRYPTION_NOT_REQUIRED, UInt32(claimed), 0]
                .flatMap(\.littleEndianBytes)
            image += UInt64(table).littleEndianBytes
        }
        image += [UInt8](repeating: 0, count: claimed * 40)
        let item = Array(image.prefix(table))
        let empty = GlobalTable(item: item.raw, address: 0)
        var read = try #require(empty)
        let memory = PhysicalMemory(flat: try InputFile(scratch.file("image", image)))
        let findings = try read.readRegions(from: memory)
        #expect(read.subsystems.map(\.regions.count).reduce(0, +) == claimed)
        #expect(findings.count { $0.code == "region-count" } == 199)
    }

    @Test func manySectionsAtOnePlaceTakeNoLongerThanElsewhere() throws {
        // 60,000 sections and segments with one place: looking at all for each would take minutes.
        var elf = try ELFFile(MemoryBytes(bytes: LegacyCore.original([]).header, name: "header"))
        let section = ELFSection(name: "K", type: 1, flags: 0, address: 0, offset: 64, size: 64)
        let segment = ELFSegment(
            type: MD_ELF_PT_LOAD,
            flags: 6,
            offset: 64,
            virtualAddress: 4096,
            physicalAddress: 4096,
            fileSize: 64,
            memorySize: 64
        )
        elf.sections = Array(repeating: section, count: 60_000)
        elf.segments = Array(repeating: segment, count: 60_000)
        let start = MonotonicClock.nanoseconds
        let index = HeaderIndex(elf)
        #expect(index.parts.count == 60_000 && index.parts.allSatisfy { $0.name == "K" })
        let names = RegionFile.uniqueNames(for: index.parts.map(\.name))
        #expect(Set(names).count == 60_000 && names.last == "K-60000")
        #expect(MonotonicClock.nanoseconds - start < 20_000_000_000)
    }

    @Test func aRegionBehindTheEndOfAnyFileIsAnError() throws {
        // One byte at the top of memory, in a region of all of it.
        let file = try InputFile(scratch.file("byte", [1]))
        var dump = Dump(kind: .vmcore, source: "byte")
        dump.regions = [
            DumpRegion(
                name: "KALL",
                physicalAddress: 0,
                size: .max,
                runs: [
                    Run(offset: 0, length: .max - 1),
                    Run(offset: .max - 1, length: 1, source: Run.Source(file: file, offset: 0)),
                ]
            )
        ]
        #expect {
            _ = try dump.write(dump.regions, to: scratch.path.appending("out"))
        } throws: { ($0 as? OperationError)?.errno == .fileTooLarge }
        #expect(try scratch.path.appending("out").entryNames().isEmpty)
        // A core does not need to be as large as what it describes.
        let core = scratch.path.appending("core.elf")
        #expect(try !dump.assemble(to: core).isComplete)
        #expect(try Dump(opening: [core]).regions.map(\.missingBytes) == [.max - 1])
    }

    @Test func piecesWhoseSizesWrapAreNotPutTogether() {
        var builder = RegionBuilder()
        for (name, size) in [("KA", UInt64.max - 9), ("KA+0xfffffffffffffff6", 30)] {
            let segment = ELFSegment(
                type: MD_ELF_PT_LOAD,
                flags: 6,
                offset: 0,
                virtualAddress: 0,
                physicalAddress: 0,
                fileSize: 0,
                memorySize: size
            )
            let runs = [Run(offset: 0, length: 20), Run(offset: 20, length: size - 20)]
            builder.add(HeaderIndex.Part(name: name, segment: segment), runs: runs)
        }
        #expect(builder.regions.map(\.size) == [.max - 9, 30])
    }

    @Test func repairAndSplitStayInTheirDirectory() throws {
        let firmware = try Firmware()
        firmware.set(Array("../../escape".utf8), at: firmware.regionTable + 40)
        let strings = firmware.header + 64 + 64 * 203 + 56 * 201
        firmware.set(Array("../../../escape\0".utf8), at: strings + 16 * 3)
        let dump = try Dump(opening: [scratch.file("ram", firmware.image)])
        let before = try scratch.path.entryNames()
        for (name, work) in [
            ("repaired", { (path: FilePath) in _ = try dump.repair(to: path) }),
            ("split", { path in _ = try dump.split(to: path) }),
            ("collected", { path in _ = try dump.write(dump.regions, to: path) }),
        ] as [(String, (FilePath) throws -> Void)] {
            let directory = scratch.path.appending(name).appending("deep")
            try work(directory)
            #expect(try scratch.path.entryNames() == (before + [name]).sorted())
            #expect(try scratch.path.appending(name).entryNames() == ["deep"])
            #expect(try directory.entryNames().allSatisfy { $0.hasPrefix("md_") && $0.hasSuffix(".BIN") })
            try scratch.path.appending(name).removeTree()
        }
    }

    @Test func namesStayApartHoweverTheyAreCut() throws {
        let long = String(repeating: "K", count: 70)
        let names = RegionFile.uniqueNames(for: [long, long, "KELF_HEADER", "K.missing", "ka", "KA"])
        #expect(names[1] == String(repeating: "K", count: 62) + "-2")
        #expect(names[2...] == ["KELF_HEADER-2", "K_missing", "ka", "KA-2"])
        // A name that was made safe is its own safe name: taking a core apart finds the same files.
        #expect(names.map(RegionFile.safe) == names)
        #expect(RegionFile.uniqueNames(for: names) == names)
    }

    @Test func aRegionWithTheHeadersNameDoesNotReplaceTheHeader() throws {
        let firmware = try Firmware()
        let header = firmware.image[firmware.regionTable..<firmware.regionTable + 24]
        firmware.set(Array(header), at: firmware.regionTable + 40)
        let image = try Dump(opening: [scratch.file("ram", firmware.image)])
        let collected = scratch.path.appending("collected")
        _ = try image.write(image.regionsOutsideOfHeader, header: image.headerRegion, to: collected)
        #expect(try collected.appending("md_KELF_HEADER.BIN").readAll().starts(with: ELFFile.magic))
        #expect(try collected.appending("md_KELF_HEADER-2.BIN").readAll().count == 4096)
    }

    @Test func aRegionThatCoversAllOfTheImageManyTimesIsRefused() throws {
        let firmware = try Firmware()
        for region in 1...8 {
            let start = UInt64(0).littleEndianBytes + UInt64(Firmware.imageSize).littleEndianBytes
            firmware.set(start, at: firmware.regionTable + 40 * region + 24)
        }
        let dump = try Dump(opening: [scratch.file("ram", firmware.image)])
        #expect(dump.check().count { $0.code == "overlap" } >= 7)
        #expect {
            _ = try dump.assemble(to: scratch.path.appending("core.elf"))
        } throws: { "\($0)".contains("overlap so much") }
    }

    @Test func headersCutOffAnywhereGiveAnErrorOrAPartOfTheDump() throws {
        let file = LegacyCore.original([
            LegacyCore.Client(
                name: "KREG",
                virtualAddress: 0xffff_ff80_0000_0000,
                physicalAddress: 0x8000_0000,
                content: [UInt8](repeating: 5, count: 64)
            )
        ]).file
        // Inside of the ELF header, the tables, the names, the banner, the contents.
        for size in [3, 16, 63, 64, 100, 64 + 64 * 3, 13_000, 24_000, 24_080, 27_000, file.count - 1] {
            do {
                let dump = try Dump(opening: [scratch.file("cut.elf", Array(file.prefix(size)))])
                let errors = dump.check().filter { $0.severity == .error }
                #expect(!errors.isEmpty, "\(size) bytes of \(file.count)")
            } catch let error as OperationError {
                #expect(!error.cause.isEmpty, "\(size)")
            }
        }
    }

    @Test func aRegionInTheHeaderThatClaimsMoreMemoryThanBytesMissesTheRest() throws {
        // A collection whose banner, inside of the header region, has a p_memsz beyond its p_filesz.
        var header = LegacyCore.original([]).header
        let elf = try ELFFile(MemoryBytes(bytes: header, name: "header"))
        let banner = try #require(elf.segments.first)
        let place = Int(elf.segmentTable.lowerBound) + 40
        header.replaceSubrange(place..<place + 8, with: (banner.fileSize + 100).littleEndianBytes)
        let files = [
            try scratch.file("md_KELF_HEADER.BIN", header), try scratch.file("md_KNONE.BIN", [1]),
        ]
        let region = try #require(try Dump(opening: files).regions.first)
        #expect(region.size == banner.fileSize + 100 && region.missingBytes == 100)
        let core = scratch.path.appending("core.elf")
        #expect(try !Dump(opening: files).assemble(to: core).isComplete)
        #expect(try Dump(opening: [core]).regions.first?.missingBytes == 100)
    }
}

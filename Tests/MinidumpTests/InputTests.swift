// SPDX-License-Identifier: MIT
import CMinidump
import LinuxSystem
@testable import Minidump
import SystemPackage
import Testing

/// Every kind of input that other programs write.
struct InputTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private static func clients(_ count: Int) -> [LegacyCore.Client] {
        (0..<count).map { index in
            LegacyCore.Client(
                name: "KREG\(index)",
                virtualAddress: 0xffff_ff80_0000_0000 + UInt64(index) << 16,
                physicalAddress: 0x8000_0000 + UInt64(index) << 16,
                content: (0..<64 + 4 * index).map { Firmware.pattern(index, $0) }
            )
        }
    }

    private func expect(_ dump: Dump, toHold clients: [LegacyCore.Client]) throws {
        for client in clients {
            let region = try dump.region(named: client.name)
            #expect(
                region.virtualAddress == client.virtualAddress
                    && region.physicalAddress == client.physicalAddress
            )
            #expect(region.missingBytes == 0)
            #expect(try region.read(upTo: 1 << 16) == client.content)
        }
    }

    @Test(arguments: [true, false])
    func coresOfOtherWritersAreRead(isOriginal: Bool) throws {
        let clients = Self.clients(40)
        let legacy = isOriginal ? LegacyCore.original(clients) : .downstream(clients)
        let dump = try Dump(opening: [scratch.file("legacy.elf", legacy.file)])
        #expect(dump.kind == .core)
        #expect(dump.regions.count == clients.count + (isOriginal ? 1 : 0))
        #expect(dump.check().filter { $0.severity == .error }.isEmpty)
        try expect(dump, toHold: clients)

        // Assembling it anew gives it sections that tools map to segments.
        let again = scratch.path.appending("again.elf")
        #expect(try dump.assemble(to: again).isComplete)
        try expect(try Dump(opening: [again]), toHold: clients)
    }

    @Test func theOriginalsHeaderOverflowsAtItsHundredAndNinetySeventhClient() throws {
        for (count, overflows) in [(196, false), (197, true), (199, true)] {
            let file = LegacyCore.original(Self.clients(count)).file
            let dump = try Dump(opening: [scratch.file("\(count).elf", file)])
            #expect(dump.check().contains { $0.code == "header-overflow" } == overflows, "\(count) clients")
        }
    }

    @Test func aHeaderRegionAndItsFilesAreOneDump() throws {
        let clients = Self.clients(3)
        var files = [try scratch.file("md_KELF_HDR.BIN", LegacyCore.downstream(clients).header)]
        for client in clients { files.append(try scratch.file("md_\(client.name).BIN", client.content)) }
        let dump = try Dump(opening: files)
        #expect(dump.kind == .collection && dump.findings.isEmpty)
        try expect(dump, toHold: clients)

        // The header alone says what there was, and that all of it is missing.
        let alone = try Dump(opening: [files[0]])
        #expect(alone.kind == .header)
        #expect(alone.regions.map(\.missingBytes) == clients.map { UInt64($0.content.count) })
        #expect(alone.check().filter { $0.code == "missing" }.count == 3)

        // One file is absent, one is cut off.
        try files[2].removeTree()
        try files[3].write(clients[2].content.prefix(5))
        let partial = try Dump(opening: [files[0], files[1], files[3]])
        #expect(partial.findings.map(\.code) == ["missing", "short"])
        #expect(partial.regions.map(\.missingBytes) == [0, 68, 67])
        #expect(try partial.region(named: "KREG2").read(upTo: 5) == Array(clients[2].content.prefix(5)))
    }

    @Test(arguments: [true, false])
    func aDevcoredumpHasSectionsOnly(is64: Bool) throws {
        let (headSize, entrySize) = is64 ? (64, 64) : (52, 40)
        let names = Array("\0STR_TBL\0AOP\0MODEM\0".utf8)
        let start = headSize + 4 * entrySize + names.count
        let contents = [[UInt8](repeating: 7, count: 24), [UInt8](repeating: 9, count: 40)]
        func word(_ value: Int) -> [UInt8] {
            is64 ? UInt64(value).littleEndianBytes : UInt32(value).littleEndianBytes
        }
        func section(_ name: UInt32, _ type: UInt32, _ address: Int, _ offset: Int, _ size: Int) -> [UInt8] {
            [name, type].flatMap(\.littleEndianBytes) + word(0) + word(address) + word(offset) + word(size)
                + [UInt32(0), 0].flatMap(\.littleEndianBytes) + word(0) + word(0)
        }
        var bytes: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, is64 ? 2 : 1, 1, 1] + [UInt8](repeating: 0, count: 9)
        bytes += [UInt16(MD_ELF_CORE), 164].flatMap(\.littleEndianBytes) + UInt32(1).littleEndianBytes
        bytes += word(0) + word(0) + word(headSize) + UInt32(0).littleEndianBytes
        bytes += [headSize, 0, 0, entrySize, 4, 1].flatMap { UInt16($0).littleEndianBytes }
        bytes += section(0, 0, 0, 0, 0) + section(1, 3, 0, headSize + 4 * entrySize, names.count)
        bytes += section(9, 1, 0x8800_0000, start, 24) + section(13, 1, 0x8900_0000, start + 24, 40)
        bytes += names + contents[0] + contents[1].prefix(30)

        let dump = try Dump(opening: [scratch.file("devcd", bytes)])
        #expect(dump.kind == .devcoredump)
        #expect(dump.regions.map(\.name) == ["AOP", "MODEM"])
        #expect(dump.regions.map(\.physicalAddress) == [0x8800_0000, 0x8900_0000])
        #expect(dump.regions.map(\.missingBytes) == [0, 10])
        #expect(try dump.region(named: "AOP").read(upTo: 100) == contents[0])
        #expect(dump.check().map(\.code) == ["missing"])
        let core = scratch.path.appending("core.elf")
        #expect(try !dump.assemble(to: core).isComplete)
        #expect(try Dump(opening: [core]).regions.map(\.missingBytes) == [0, 10])
    }

    @Test func aHeaderOf32BitsIsReadAndAssembled() throws {
        let firmware = try Firmware(elfClass: MD_ELF_CLASS32, mapping: 0xc000_0000)
        let image = try Dump(opening: [scratch.file("ram", firmware.image)])
        #expect(image.header?.is64 == false)
        #expect(image.check().filter { $0.severity == .error }.isEmpty)
        let core = scratch.path.appending("core.elf")
        #expect(try image.assemble(to: core).isComplete)
        let dump = try Dump(opening: [core])
        #expect(dump.header?.machine == UInt16(MD_ELF_ARM))
        for (index, name) in firmware.names.enumerated() {
            let region = try dump.region(named: name)
            #expect(region.virtualAddress == 0xc000_0000 + UInt64(0x90000 + index * 4160))
            #expect(try region.read(upTo: 4096) == (0..<4096).map { Firmware.pattern(index, $0) })
        }
    }

    @Test func aVmcoreIsMemoryInPieces() throws {
        let firmware = try Firmware(note: VMCoreInfo(text: "OSRELEASE=6.1.0-test\n").note)
        let note = VMCoreInfo(text: "OSRELEASE=6.1.0-test\nNUMBER(phys_base)=0\n").note
        // Two pieces in another order than in memory, and a hole where nothing of the dump is.
        let pieces = [(0x80000, 0x80000), (0, 0x70000)]
        let start = 64 + 3 * 56
        var segments = [MD_ELF_PT_NOTE, 0].flatMap(\.littleEndianBytes)
        segments += [start, 0, 0, note.count, note.count, 4].flatMap { UInt64($0).littleEndianBytes }
        var offset = start + note.count
        for (address, size) in pieces {
            segments += [MD_ELF_PT_LOAD, 7].flatMap(\.littleEndianBytes)
            segments += [offset, 0, address, size, size, 0].flatMap { UInt64($0).littleEndianBytes }
            offset += size
        }
        var bytes: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1] + [UInt8](repeating: 0, count: 9)
        bytes += [UInt16(MD_ELF_CORE), UInt16(MD_ELF_X86_64)].flatMap(\.littleEndianBytes)
        bytes += UInt32(1).littleEndianBytes + [0, UInt64(64), 0].flatMap(\.littleEndianBytes)
        bytes += UInt32(0).littleEndianBytes + [64, 56, 3, 0, 0, 0].flatMap { UInt16($0).littleEndianBytes }
        bytes += segments + note
        for (address, size) in pieces { bytes += firmware.image[address..<address + size] }

        let dump = try Dump(opening: [scratch.file("vmcore", bytes)])
        #expect(dump.kind == .vmcore && dump.table?.address == 0x1000)
        #expect(dump.vmcoreInfo?["NUMBER(phys_base)"] == "0", "the vmcore's own note is the better one")
        for (index, name) in firmware.names.enumerated() {
            #expect(
                try dump.region(named: name).read(upTo: 4096)
                    == (0..<4096).map { Firmware.pattern(index, $0) }
            )
        }
    }

    @Test func withoutSharedMemoryTheRegionTableIsFound() throws {
        // As in /proc/vmcore: a crash kernel saves what was the kernel's memory, and shared memory is not.
        let firmware = try Firmware()
        firmware.set([UInt8](repeating: 0, count: 0x1000), at: Firmware.tocAddress)
        // What only says that it is a header region.
        firmware.set(
            Array(firmware.image[Firmware.copyAddresses[0]..<Firmware.copyAddresses[0] + 24]),
            at: 0x8000
        )
        let dump = try Dump(opening: [scratch.file("ram", firmware.image)])
        #expect(dump.findings.map(\.code) == ["no-global-table"])
        #expect(dump.check().filter { $0.severity == .error }.isEmpty)
        for (index, name) in firmware.names.enumerated() {
            #expect(
                try dump.region(named: name).read(upTo: 4096)
                    == (0..<4096).map { Firmware.pattern(index, $0) }
            )
        }
    }
}

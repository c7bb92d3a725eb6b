// SPDX-License-Identifier: MIT
import CMinidump
import LinuxSystem

/// Where everything goes in an assembled core file.
///
///     ELF header, program headers, section headers, section names, VMCOREINFO note, contents
///
/// A region's contents start where their offset in a page is that of their address, so that holes and reflinks of page
/// size fit. Missing bytes have a segment without contents and take no place in the file.
struct CoreLayout {
    /// A segment and the section that names it.
    struct Piece {
        var name: String
        var region: Int
        var run: Run
        var fileOffset: UInt64
        var virtualAddress: UInt64
        var physicalAddress: UInt64
        /// False for a region whose address nobody knows; it gets a section only.
        var hasAddress: Bool
    }

    private(set) var pieces: [Piece] = []
    /// Everything in front of the contents.
    private(set) var head: [UInt8] = []
    /// The end of the last contents.
    private(set) var fileSize: UInt64 = 0
    /// The names of the regions, each safe and unique, in their order.
    let names: [String]

    private let note: [UInt8]
    private let machine: UInt16
    private static let page: UInt64 = 4096
    private static let strings = "STR_TBL"

    init(_ dump: Dump) throws(OperationError) {
        names = RegionFile.uniqueNames(for: dump.regions.map(\.name))
        note = dump.vmcoreInfo?.note ?? []
        machine = dump.header?.machine ?? UInt16(MD_ELF_AARCH64)
        for (index, region) in dump.regions.enumerated() { add(region, index) }
        guard sectionCount < Int(MD_ELF_SHN_LORESERVE) else {
            throw OperationError(
                "assemble",
                dump.source,
                cause: "its \(pieces.count) pieces of regions are more than an ELF file can number"
            )
        }
        placeContents()
        head = encodedHead()
    }

    private var segmentCount: Int { pieces.count(where: \.hasAddress) + (note.isEmpty ? 0 : 1) }
    private var sectionCount: Int { pieces.count + (note.isEmpty ? 2 : 3) }
    private var segmentOffset: Int { MemoryLayout<md_elf64_ehdr>.size }
    private var sectionOffset: Int { segmentOffset + segmentCount * MemoryLayout<md_elf64_phdr>.size }
    private var stringsOffset: Int { sectionOffset + sectionCount * MemoryLayout<md_elf64_shdr>.size }
    private var stringTable: StringTable {
        StringTable([Self.strings] + (note.isEmpty ? [] : [MD_NAME_NOTE]) + pieces.map(\.name))
    }

    private mutating func add(_ region: DumpRegion, _ index: Int) {
        for run in region.runs {
            let name = PieceName(region: names[index], offset: run.offset, isMissing: run.source == nil)
            pieces.append(
                Piece(
                    name: name.description,
                    region: index,
                    run: run,
                    fileOffset: 0,
                    virtualAddress: (region.virtualAddress ?? 0) &+ run.offset,
                    physicalAddress: (region.physicalAddress ?? 0) &+ run.offset,
                    hasAddress: region.virtualAddress != nil || region.physicalAddress != nil
                )
            )
        }
    }

    private mutating func placeContents() {
        let noteOffset = (stringsOffset + stringTable.bytes.count + 3) / 4 * 4
        fileSize = UInt64(noteOffset + note.count)
        for index in pieces.indices {
            let piece = pieces[index]
            let residue =
                (piece.virtualAddress != 0 ? piece.virtualAddress : piece.physicalAddress) % Self.page
            let place = fileSize + (residue &+ Self.page &- fileSize % Self.page) % Self.page
            pieces[index].fileOffset = place
            if piece.run.source != nil { fileSize = place + piece.run.length }
        }
    }

    private func encodedHead() -> [UInt8] {
        let table = stringTable
        let noteOffset = (stringsOffset + table.bytes.count + 3) / 4 * 4
        let tables =
            elfHeader() + segments(noteOffset: noteOffset) + sections(table, noteOffset: noteOffset)
            + table.bytes
        return tables + [UInt8](repeating: 0, count: noteOffset - tables.count) + note
    }

    private func segments(noteOffset: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        if !note.isEmpty {
            let size = UInt64(note.count)
            bytes += segment(MD_ELF_PT_NOTE, MD_ELF_PF_R, UInt64(noteOffset), 0, 0, size, size, 4)
        }
        for piece in pieces where piece.hasAddress {
            bytes += segment(
                MD_ELF_PT_LOAD,
                MD_ELF_PF_RW,
                piece.fileOffset,
                piece.virtualAddress,
                piece.physicalAddress,
                piece.run.source == nil ? 0 : piece.run.length,
                piece.run.length,
                alignment(piece)
            )
        }
        return bytes
    }

    private func sections(_ table: StringTable, noteOffset: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: MemoryLayout<md_elf64_shdr>.size)
        let strings = UInt64(stringsOffset)
        bytes += section(table.offset(0), MD_ELF_SHT_STRTAB, 0, 0, strings, UInt64(table.bytes.count), 1)
        if !note.isEmpty {
            let size = UInt64(note.count)
            bytes += section(table.offset(1), MD_ELF_SHT_NOTE, 0, 0, UInt64(noteOffset), size, 4)
        }
        for (index, piece) in pieces.enumerated() {
            bytes += section(
                table.offset(index + (note.isEmpty ? 1 : 2)),
                piece.run.source == nil ? Self.noBits : MD_ELF_SHT_PROGBITS,
                piece.hasAddress ? UInt64(MD_ELF_SHF_ALLOC | MD_ELF_SHF_WRITE) : 0,
                piece.virtualAddress,
                piece.fileOffset,
                piece.run.length,
                1
            )
        }
        return bytes
    }

    private static let noBits: UInt32 = 8

    private func alignment(_ piece: Piece) -> UInt64 {
        piece.virtualAddress % Self.page == piece.fileOffset % Self.page ? Self.page : 1
    }

    private func elfHeader() -> [UInt8] {
        let identity =
            ELFFile.magic + [UInt8(MD_ELF_CLASS64), UInt8(MD_ELF_LSB), UInt8(MD_ELF_CURRENT)]
            + [UInt8](repeating: 0, count: 9)
        let words =
            UInt16(MD_ELF_CORE).littleEndianBytes + machine.littleEndianBytes
            + UInt32(MD_ELF_CURRENT).littleEndianBytes
        let places = [0, UInt64(segmentOffset), UInt64(sectionOffset)].flatMap { $0.littleEndianBytes }
        let sizes = [
            MemoryLayout<md_elf64_ehdr>.size, MemoryLayout<md_elf64_phdr>.size, segmentCount,
            MemoryLayout<md_elf64_shdr>.size, sectionCount, 1,
        ]
        return identity + words + places + UInt32(0).littleEndianBytes
            + sizes.flatMap { UInt16($0).littleEndianBytes }
    }

    private func segment(
        _ type: UInt32,
        _ flags: UInt32,
        _ offset: UInt64,
        _ virtual: UInt64,
        _ physical: UInt64,
        _ fileSize: UInt64,
        _ memorySize: UInt64,
        _ alignment: UInt64
    ) -> [UInt8] {
        type.littleEndianBytes + flags.littleEndianBytes
            + [offset, virtual, physical, fileSize, memorySize, alignment].flatMap { $0.littleEndianBytes }
    }

    private func section(
        _ name: UInt32,
        _ type: UInt32,
        _ flags: UInt64,
        _ address: UInt64,
        _ offset: UInt64,
        _ size: UInt64,
        _ alignment: UInt64
    ) -> [UInt8] {
        name.littleEndianBytes + type.littleEndianBytes
            + [flags, address, offset, size].flatMap { $0.littleEndianBytes }
            + UInt64(0).littleEndianBytes + [alignment, 0].flatMap { $0.littleEndianBytes }
    }
}

/// NUL-terminated names one after the other, an empty one first.
private struct StringTable {
    private(set) var bytes: [UInt8] = [0]
    private var offsets: [UInt32] = []

    init(_ names: [String]) {
        for name in names {
            offsets.append(UInt32(bytes.count))
            bytes += Array(name.utf8) + [0]
        }
    }

    func offset(_ index: Int) -> UInt32 { offsets[index] }
}

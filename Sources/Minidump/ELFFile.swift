// SPDX-License-Identifier: MIT
import CMinidump
import LinuxSystem

/// A section header of either class, with its name looked up.
public struct ELFSection: Sendable, Equatable {
    public var name: String
    public var type: UInt32
    public var flags: UInt64
    public var address: UInt64
    public var offset: UInt64
    public var size: UInt64
}

/// A program header of either class.
public struct ELFSegment: Sendable, Equatable {
    public var type: UInt32
    public var flags: UInt32
    public var offset: UInt64
    public var virtualAddress: UInt64
    public var physicalAddress: UInt64
    public var fileSize: UInt64
    public var memorySize: UInt64
}

/// The tables of a little-endian ELF file or header region, of either class.
///
/// Nothing in them is trusted: what lies outside of the bytes is left out and reported in `findings`.
public struct ELFFile: Sendable {
    public var is64: Bool
    public var type: UInt16
    public var machine: UInt16
    public var sections: [ELFSection] = []
    public var segments: [ELFSegment] = []
    /// Where section and program headers, and the section names, claim to be.
    var sectionTable: Range<UInt64> = 0..<0
    var segmentTable: Range<UInt64> = 0..<0
    var stringTable: Range<UInt64> = 0..<0
    /// The bytes of the section names.
    var strings: [UInt8] = []
    public var findings: [Finding] = []

    static let magic: [UInt8] = [0x7f, 0x45, 0x4c, 0x46]
    /// Longer names are not believed.
    private static let nameLimit = 256
    /// Longer string tables are not believed: 65,000 sections need 1 MiB.
    private static let stringLimit: UInt64 = 16 << 20

    /// Reads the header and the three tables.
    ///
    /// - Throws: an error for what is no ELF file, or one that this reads nothing of.
    init(_ store: some ByteStore) throws(OperationError) {
        let head = try store.read(at: 0, count: MemoryLayout<md_elf64_ehdr>.size)
        guard head.starts(with: Self.magic), head.count >= MemoryLayout<md_elf32_ehdr>.size else {
            throw OperationError(
                "read",
                store.name,
                cause: head.starts(with: Self.magic) ? "the ELF header is cut off" : "it is no ELF file"
            )
        }
        guard head[5] == UInt8(MD_ELF_LSB) else {
            throw OperationError(
                "read",
                store.name,
                cause: "it is a big-endian ELF file, and minidumps are little-endian"
            )
        }
        switch UInt32(head[4]) {
        case MD_ELF_CLASS64:
            is64 = true
            guard let header = head.raw.load(md_elf64_ehdr.self, at: 0) else {
                throw OperationError("read", store.name, cause: "the ELF header is cut off")
            }
            (type, machine) = (header.e_type, header.e_machine)
            let tables = TablePlaces(header)
            try readTables(tables, store)
        case MD_ELF_CLASS32:
            is64 = false
            guard let header = head.raw.load(md_elf32_ehdr.self, at: 0) else {
                throw OperationError("read", store.name, cause: "the ELF header is cut off")
            }
            (type, machine) = (header.e_type, header.e_machine)
            try readTables(TablePlaces(header), store)
        default:
            throw OperationError("read", store.name, cause: "its ELF class is \(head[4]), neither 1 nor 2")
        }
    }

    private mutating func readTables(_ places: TablePlaces, _ store: some ByteStore) throws(OperationError) {
        let sectionSize = is64 ? MemoryLayout<md_elf64_shdr>.size : MemoryLayout<md_elf32_shdr>.size
        let segmentSize = is64 ? MemoryLayout<md_elf64_phdr>.size : MemoryLayout<md_elf32_phdr>.size
        guard places.segmentCount == 0 || places.segmentEntry == segmentSize,
            places.sectionCount == 0 || places.sectionEntry == sectionSize
        else {
            throw OperationError(
                "read",
                store.name,
                cause:
                    "its table entries have \(places.segmentEntry) and \(places.sectionEntry) bytes instead of \(segmentSize) and \(sectionSize)"
            )
        }
        let (raw, table) = try readTable(
            "section headers",
            places.sectionOffset,
            places.sectionCount,
            sectionSize,
            store
        )
        sectionTable = table
        let (segmentBytes, segmentRange) = try readTable(
            "program headers",
            places.segmentOffset,
            places.segmentCount,
            segmentSize,
            store
        )
        segmentTable = segmentRange
        segments = segmentBytes.entries(of: segmentSize) {
            is64 ? ELFSegment(wide: $0, at: $1) : ELFSegment(narrow: $0, at: $1)
        }
        var named: [(UInt32, ELFSection)] = raw.entries(of: sectionSize) {
            is64 ? ELFSection.wide($0, at: $1) : ELFSection.narrow($0, at: $1)
        }
        try readStrings(named.map(\.1), places, store)
        for index in named.indices {
            let offset = Int(named[index].0)
            if let name = strings.raw.text(at: offset, limit: Self.nameLimit) {
                named[index].1.name = name
            } else if index > 0 {
                findings.append(
                    .error(
                        "section-name",
                        "section \(index)",
                        "its name at \(offset) is outside of the string table"
                    )
                )
            }
        }
        sections = named.map(\.1)
    }

    /// As much of a table as the store holds.
    private mutating func readTable(
        _ what: String,
        _ offset: UInt64,
        _ count: Int,
        _ stride: Int,
        _ store: some ByteStore
    ) throws(OperationError) -> ([UInt8], Range<UInt64>) {
        guard count > 0 else { return ([], 0..<0) }
        let (end, wraps) = offset.addingReportingOverflow(UInt64(count * stride))
        guard !wraps, offset < store.size else {
            findings.append(
                .error(
                    "truncated",
                    what,
                    "all \(count) at \(hexadecimal(offset)) are outside of the \(store.size) bytes"
                )
            )
            return ([], 0..<0)
        }
        let bytes = try store.read(at: offset, count: count * stride)
        if bytes.count < count * stride {
            findings.append(
                .error(
                    "truncated",
                    what,
                    "\(count - bytes.count / stride) of \(count) are outside of the \(store.size) bytes"
                )
            )
        }
        return (bytes, offset..<end)
    }

    private mutating func readStrings(
        _ sections: [ELFSection],
        _ places: TablePlaces,
        _ store: some ByteStore
    ) throws(OperationError) {
        guard places.sectionCount > 0 else { return }
        guard let table = sections[safe: places.stringIndex], places.stringIndex > 0 else {
            findings.append(
                .error(
                    "section-names",
                    "section headers",
                    "section \(places.stringIndex) is to hold the names, and there is no such section"
                )
            )
            return
        }
        let size = min(table.size, Self.stringLimit)
        strings = try store.read(at: table.offset, count: Int(size))
        let (end, wraps) = table.offset.addingReportingOverflow(table.size)
        stringTable = wraps ? 0..<0 : table.offset..<end
        if UInt64(strings.count) < table.size {
            findings.append(
                .error("truncated", "section names", "\(strings.count) of \(table.size) bytes are there")
            )
        }
    }
}

/// What an ELF header of either class says about the tables.
private struct TablePlaces {
    var sectionOffset: UInt64, sectionCount: Int, sectionEntry: Int, stringIndex: Int
    var segmentOffset: UInt64, segmentCount: Int, segmentEntry: Int

    init(_ header: md_elf64_ehdr) {
        sectionOffset = header.e_shoff
        (sectionCount, sectionEntry) = (Int(header.e_shnum), Int(header.e_shentsize))
        stringIndex = Int(header.e_shstrndx)
        segmentOffset = header.e_phoff
        (segmentCount, segmentEntry) = (Int(header.e_phnum), Int(header.e_phentsize))
    }

    init(_ header: md_elf32_ehdr) {
        sectionOffset = UInt64(header.e_shoff)
        (sectionCount, sectionEntry) = (Int(header.e_shnum), Int(header.e_shentsize))
        stringIndex = Int(header.e_shstrndx)
        segmentOffset = UInt64(header.e_phoff)
        (segmentCount, segmentEntry) = (Int(header.e_phnum), Int(header.e_phentsize))
    }
}

extension [UInt8] {
    /// What `make` reads at each whole entry.
    fileprivate func entries<Entry>(of stride: Int, _ make: (RawSpan, Int) -> Entry?) -> [Entry] {
        let bytes = raw
        return (0..<count / stride).compactMap { make(bytes, $0 * stride) }
    }
}

extension ELFSection {
    fileprivate static func wide(_ bytes: RawSpan, at offset: Int) -> (UInt32, ELFSection)? {
        bytes.load(md_elf64_shdr.self, at: offset).map {
            (
                $0.sh_name,
                ELFSection(
                    name: "",
                    type: $0.sh_type,
                    flags: $0.sh_flags,
                    address: $0.sh_addr,
                    offset: $0.sh_offset,
                    size: $0.sh_size
                )
            )
        }
    }

    fileprivate static func narrow(_ bytes: RawSpan, at offset: Int) -> (UInt32, ELFSection)? {
        bytes.load(md_elf32_shdr.self, at: offset).map {
            (
                $0.sh_name,
                ELFSection(
                    name: "",
                    type: $0.sh_type,
                    flags: UInt64($0.sh_flags),
                    address: UInt64($0.sh_addr),
                    offset: UInt64($0.sh_offset),
                    size: UInt64($0.sh_size)
                )
            )
        }
    }
}

extension ELFSegment {
    fileprivate init?(wide bytes: RawSpan, at offset: Int) {
        guard let entry = bytes.load(md_elf64_phdr.self, at: offset) else { return nil }
        (type, flags) = (entry.p_type, entry.p_flags)
        (self.offset, virtualAddress, physicalAddress) = (entry.p_offset, entry.p_vaddr, entry.p_paddr)
        (fileSize, memorySize) = (entry.p_filesz, entry.p_memsz)
    }

    fileprivate init?(narrow bytes: RawSpan, at offset: Int) {
        guard let entry = bytes.load(md_elf32_phdr.self, at: offset) else { return nil }
        (type, flags) = (entry.p_type, entry.p_flags)
        self.offset = UInt64(entry.p_offset)
        (virtualAddress, physicalAddress) = (UInt64(entry.p_vaddr), UInt64(entry.p_paddr))
        (fileSize, memorySize) = (UInt64(entry.p_filesz), UInt64(entry.p_memsz))
    }
}

// SPDX-License-Identifier: MIT
import CMinidump

/// A header's sections and segments, brought together.
struct HeaderIndex {
    /// A segment and the section that covers it.
    struct Part {
        var name: String
        var segment: ELFSegment
        /// False where no section names the segment, and `name` is made up.
        var isNamed: Bool
    }

    /// One for each segment that holds memory or notes, in the header's order.
    private(set) var parts: [Part] = []
    /// Sections that no segment covers.
    private(set) var strays: [ELFSection] = []
    private var virtualByName: [String: UInt64] = [:]
    private var virtualByRange: [Range: UInt64] = [:]

    private struct Range: Hashable {
        var address: UInt64
        var size: UInt64
    }

    init(_ elf: ELFFile) {
        var sections: [Range: [Int]] = [:]
        var isTaken = [Bool](repeating: false, count: elf.sections.count)
        for (index, section) in elf.sections.enumerated() where section.holdsContent {
            sections[Range(address: section.offset, size: section.size), default: []].append(index)
            if virtualByName[section.name] == nil, section.address != 0 {
                virtualByName[section.name] = section.address
            }
        }
        for (number, segment) in elf.segments.enumerated() where segment.holdsContent {
            let size = segment.fileSize == 0 ? segment.memorySize : segment.fileSize
            let key = Range(address: segment.offset, size: size)
            // Of several sections with one place, the one with the segment's address, then the first not named yet.
            let candidates = sections[key, default: []].filter { !isTaken[$0] }
            let match =
                candidates.first { elf.sections[$0].address == segment.virtualAddress } ?? candidates.first
            if let match { isTaken[match] = true }
            let name = match.map { elf.sections[$0].name } ?? ""
            parts.append(
                Part(name: name.isEmpty ? "load\(number)" : name, segment: segment, isNamed: !name.isEmpty)
            )
            let range = Range(address: segment.physicalAddress, size: segment.memorySize)
            if virtualByRange[range] == nil { virtualByRange[range] = segment.virtualAddress }
        }
        strays = elf.sections.indices.filter { elf.sections[$0].holdsContent && !isTaken[$0] }.map {
            elf.sections[$0]
        }
    }

    /// Where the running kernel had a region of the tables: by name, or by its place in memory.
    func virtualAddress(of region: DumpRegion) -> UInt64? {
        if let address = virtualByName[region.name] { return address }
        return virtualByRange[Range(address: region.physicalAddress ?? 0, size: region.size)]
    }
}

extension ELFSection {
    /// Whether it names bytes of a region: PROGBITS, NOTE, or NOBITS for missing ones.
    var holdsContent: Bool { size > 0 && [MD_ELF_SHT_PROGBITS, MD_ELF_SHT_NOTE, 8].contains(type) }
}

extension ELFSegment {
    var holdsContent: Bool {
        (type == MD_ELF_PT_LOAD || type == MD_ELF_PT_NOTE) && (fileSize > 0 || memorySize > 0)
    }
}

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
    private var virtualByName: [String: UInt64] = [:]
    private var virtualByRange: [Range: UInt64] = [:]

    private struct Range: Hashable {
        var address: UInt64
        var size: UInt64
    }

    init(_ elf: ELFFile) {
        var sections = UntakenSections(elf.sections)
        for section in elf.sections where section.holdsContent && section.address != 0 {
            if virtualByName[section.name] == nil { virtualByName[section.name] = section.address }
        }
        for (number, segment) in elf.segments.enumerated() where segment.holdsContent {
            let name = sections.take(for: segment).map { elf.sections[$0].name } ?? ""
            parts.append(
                Part(name: name.isEmpty ? "load\(number)" : name, segment: segment, isNamed: !name.isEmpty)
            )
            let range = Range(address: segment.physicalAddress, size: segment.memorySize)
            if virtualByRange[range] == nil { virtualByRange[range] = segment.virtualAddress }
        }
    }

    /// Where the running kernel had a region of the tables: by name, or by its place in memory.
    func virtualAddress(of region: DumpRegion) -> UInt64? {
        if let address = virtualByName[region.name] { return address }
        return virtualByRange[Range(address: region.physicalAddress ?? 0, size: region.size)]
    }
}

/// Sections by their places in the file, until a segment takes them. However many share a place, each is looked at
/// only once or twice.
private struct UntakenSections {
    private var isTaken: [Bool]
    private var atPlace: [Place: [Int]] = [:]
    private var atAddress: [Place: [Int]] = [:]

    private struct Place: Hashable {
        var offset, size, address: UInt64
    }

    init(_ sections: [ELFSection]) {
        isTaken = [Bool](repeating: false, count: sections.count)
        // The first of a place is to be taken first, and so comes last.
        for (index, section) in sections.enumerated().reversed() where section.holdsContent {
            let (offset, size) = (section.offset, section.size)
            atPlace[Place(offset: offset, size: size, address: 0), default: []].append(index)
            atAddress[Place(offset: offset, size: size, address: section.address), default: []].append(index)
        }
    }

    /// Of several sections with a segment's place, the one with its address, then the first.
    mutating func take(for segment: ELFSegment) -> Int? {
        let size = segment.fileSize == 0 ? segment.memorySize : segment.fileSize
        let place = Place(offset: segment.offset, size: size, address: 0)
        let address = Place(offset: segment.offset, size: size, address: segment.virtualAddress)
        while let index = atAddress[address]?.popLast() ?? atPlace[place]?.popLast() {
            if isTaken[index] { continue }
            isTaken[index] = true
            return index
        }
        return nil
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

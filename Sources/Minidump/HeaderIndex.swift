// SPDX-License-Identifier: MIT
import CMinidump

/// A header's sections and segments, brought together.
struct HeaderIndex {
    /// A segment and the section that covers it, or a section alone.
    struct Part {
        /// The section's name; `load` and the segment's number where no section names it.
        var name: String
        /// For a section alone, a segment made of it.
        var segment: ELFSegment
        /// False for a section alone: its physical address is not known, nor the virtual one where that is 0.
        var hasSegment = true

        var physicalAddress: UInt64? { hasSegment ? segment.physicalAddress : nil }
        var virtualAddress: UInt64? {
            hasSegment || segment.virtualAddress != 0 ? segment.virtualAddress : nil
        }
    }

    /// One for each segment that holds memory or notes, and for each section of contents that has none, in the order of
    /// the sections. The segment of a section may be lost where tables ran over each other.
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
        var places: [(order: Int, part: Part)] = []
        for (number, segment) in elf.segments.enumerated() where segment.holdsContent {
            let section = sections.take(for: segment)
            let name = section.map { elf.sections[$0].name } ?? ""
            let part = Part(name: name.isEmpty ? "load\(number)" : name, segment: segment)
            places.append((section ?? places.last?.order ?? 0, part))
            let range = Range(address: segment.physicalAddress, size: segment.memorySize)
            if virtualByRange[range] == nil { virtualByRange[range] = segment.virtualAddress }
        }
        for index in sections.untaken where elf.sections[index].type != MD_ELF_SHT_NOTE {
            let section = elf.sections[index]
            places.append((index, Part(name: section.name, segment: ELFSegment(section), hasSegment: false)))
        }
        // Stable, so that segments without a section stay behind the one that they follow.
        parts = places.enumerated().sorted { ($0.element.order, $0.offset) < ($1.element.order, $1.offset) }
            .map(\.element.part)
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
    private let holding: [Int]

    /// Those that no segment has taken.
    var untaken: [Int] { holding.filter { !isTaken[$0] } }

    private var atPlace: [Place: [Int]] = [:]
    private var atAddress: [Place: [Int]] = [:]

    private struct Place: Hashable {
        var offset, size, address: UInt64
    }

    init(_ sections: [ELFSection]) {
        isTaken = [Bool](repeating: false, count: sections.count)
        holding = sections.indices.filter { sections[$0].holdsContent }
        // The first of a place is to be taken first, and so comes last.
        for index in holding.reversed() {
            let section = sections[index]
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
    /// The segment that a section of contents, or of missing ones, would have.
    fileprivate init(_ section: ELFSection) {
        (type, flags) = (MD_ELF_PT_LOAD, MD_ELF_PF_RW)
        (offset, virtualAddress, physicalAddress) = (section.offset, section.address, 0)
        (fileSize, memorySize) = (section.type == MD_ELF_SHT_PROGBITS ? section.size : 0, section.size)
    }

    var holdsContent: Bool {
        (type == MD_ELF_PT_LOAD || type == MD_ELF_PT_NOTE) && (fileSize > 0 || memorySize > 0)
    }
}

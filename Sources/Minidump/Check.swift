// SPDX-License-Identifier: MIT
import CMinidump
import LinuxSystem

extension Dump {
    /// Everything that is wrong with a dump: what was found when it was read, and what its parts say of each other.
    ///
    /// The header is derived again from the tables of the firmware, where the input has them, and each disagreement is
    /// a finding.
    public func check() -> [Finding] {
        var all = findings
        if let header { all += HeaderCheck(header: header, size: headerRegion?.size).findings }
        all += missing() + overlaps() + duplicates()
        if header != nil && table != nil { all += disagreements() }
        if table != nil && headerRegion == nil && !regions.isEmpty {
            all.append(
                .error(
                    "no-header",
                    source,
                    "the tables have no header region; build one with: ringside minidump repair"
                )
            )
        }
        return all
    }

    private func missing() -> [Finding] {
        let known = Set(findings.filter { ["missing", "short"].contains($0.code) }.map(\.object))
        return regions.compactMap { region in
            let missing = region.missingBytes
            guard missing > 0, !known.contains(region.name) else { return nil }
            return .error("missing", region.name, "\(missing) of \(region.size) bytes are not in the input")
        }
    }

    private func overlaps() -> [Finding] {
        let placed = regions.filter { $0.physicalAddress != nil && $0.size > 0 }
            .sorted { ($0.physicalAddress ?? 0) < ($1.physicalAddress ?? 0) }
        var found: [Finding] = []
        var last: (end: UInt64, name: String) = (0, "")
        for region in placed {
            let start = region.physicalAddress ?? 0
            let (end, wraps) = start.addingReportingOverflow(region.size)
            if wraps {
                found.append(
                    .error(
                        "wraps",
                        region.name,
                        "\(region.size) bytes at \(hexadecimal(start)) reach over the end of memory"
                    )
                )
                continue
            }
            if start < last.end {
                found.append(
                    .warning(
                        "overlap",
                        region.name,
                        "shares \(min(last.end, end) - start) bytes with \(last.name)"
                    )
                )
            }
            if end > last.end { last = (end, region.name) }
        }
        return found
    }

    private func duplicates() -> [Finding] {
        var seen: Set<String> = []
        return regions.compactMap { region in
            if RegionFile.safe(region.name) != region.name {
                return .warning(
                    "name",
                    RegionFile.safe(region.name),
                    "the name holds characters that files and tools do not take; they are replaced"
                )
            }
            return seen.insert(region.name).inserted
                ? nil : .error("duplicate", region.name, "the name is taken twice")
        }
    }

    /// What the header says of each region of the tables.
    private func disagreements() -> [Finding] {
        guard let header else { return [] }
        let sections = Dictionary(header.sections.map { ($0.name, $0) }) { first, _ in first }
        let segments = Dictionary(grouping: header.segments.filter { $0.type == MD_ELF_PT_LOAD }) {
            $0.physicalAddress
        }
        // The header's own parts are in no table.
        return regionsOutsideOfHeader.compactMap { region in
            guard let address = region.physicalAddress else { return nil }
            guard let section = sections[region.name] else {
                return .error("no-section", region.name, "the header has no section of that name")
            }
            if section.size != region.size {
                return .error(
                    "section-size",
                    region.name,
                    "\(section.size) in the header and \(region.size) in the table"
                )
            }
            guard let segment = segments[address]?.first(where: { $0.memorySize == region.size }) else {
                return .error(
                    "no-segment",
                    region.name,
                    "the header has no segment for \(region.size) bytes at \(hexadecimal(address))"
                )
            }
            if segment.offset != section.offset {
                return .error(
                    "offset",
                    region.name,
                    "section at \(hexadecimal(section.offset)) and segment at \(hexadecimal(segment.offset))"
                )
            }
            if segment.virtualAddress != section.address {
                return .error(
                    "address",
                    region.name,
                    "section at \(hexadecimal(section.address)) and segment at \(hexadecimal(segment.virtualAddress))"
                )
            }
            return nil
        }
    }

}

/// A header by itself: tables that run over each other or over its end, names that nothing uses any more.
private struct HeaderCheck {
    var header: ELFFile
    /// Bytes of the header region; `nil` for a whole core file.
    var size: UInt64?

    var findings: [Finding] { collisions() + outside() + strangeSegments() + staleNames() }

    private var tables: [(name: String, range: Range<UInt64>)] {
        [
            ("ELF header", 0..<UInt64(header.is64 ? 64 : 52)), ("section headers", header.sectionTable),
            ("program headers", header.segmentTable), ("section names", header.stringTable),
        ].filter { !$0.1.isEmpty }
    }

    private func collisions() -> [Finding] {
        var found: [Finding] = []
        for (index, first) in tables.enumerated() {
            for second in tables[(index + 1)...] where first.range.overlaps(second.range) {
                let bytes = first.range.clamped(to: second.range).count
                found.append(
                    .error("header-overflow", first.name, "\(bytes) bytes are also the \(second.name)")
                )
            }
        }
        return found
    }

    private func outside() -> [Finding] {
        guard let size else { return [] }
        return tables.filter { $0.range.upperBound > size }
            .map {
                .error(
                    "header-overflow",
                    $0.name,
                    "they end at \($0.range.upperBound), behind the header's \(size) bytes"
                )
            }
    }

    private func strangeSegments() -> [Finding] {
        header.segments.enumerated().compactMap { number, segment in
            switch segment.type {
            case MD_ELF_PT_LOAD, MD_ELF_PT_NOTE, 0: nil
            default:
                .warning(
                    "segment-type",
                    "segment \(number)",
                    "type \(hexadecimal(UInt64(segment.type))) is none of a minidump's"
                )
            }
        }
    }

    /// Names in the string table that no section has: what a removal left behind misleads tools that scan for strings.
    private func staleNames() -> [Finding] {
        guard size != nil else { return [] }
        let used = Set(header.sections.map(\.name))
        let strings = header.strings.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        return strings.filter { text in
            text.utf8.allSatisfy { (0x21...0x7e).contains($0) } && !used.contains(text)
        }
        .prefix(64)
        .map { .warning("stale-name", $0, "a string in the header that no section is named by") }
    }
}

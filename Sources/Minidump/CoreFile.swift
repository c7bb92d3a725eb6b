// SPDX-License-Identifier: MIT
import CMinidump
import LinuxSystem

/// Reads the regions of an ELF core that has one segment, or only a section, for each.
struct CoreFile {
    var elf: ELFFile
    var file: InputFile

    /// A core with segments: this toolkit's, the original's, downstream's; or a header region alone.
    func dump() throws(OperationError) -> Dump {
        var dump = Dump(kind: .core, source: file.name)
        (dump.header, dump.findings) = (elf, elf.findings)
        dump.vmcoreInfo = try vmcoreInfo()
        var builder = RegionBuilder()
        for part in HeaderIndex(elf).parts where part.segment.type == MD_ELF_PT_LOAD {
            guard part.segment.fileSize <= part.segment.memorySize else {
                dump.findings.append(
                    .warning(
                        "segment-size",
                        part.name,
                        "p_filesz \(part.segment.fileSize) is more than p_memsz \(part.segment.memorySize): skipped"
                    )
                )
                continue
            }
            builder.add(
                part,
                runs: runs(
                    offset: part.segment.offset,
                    captured: part.segment.fileSize,
                    size: part.segment.memorySize
                )
            )
        }
        dump.regions = builder.regions
        dump.findings += unknownSegments()
        if !dump.regions.isEmpty && dump.capturedBytes == 0 { dump.kind = .header }
        return dump
    }

    /// A core without segments, as remoteproc gives it.
    func sectionDump() -> Dump {
        var dump = Dump(kind: .devcoredump, source: file.name)
        (dump.header, dump.findings) = (elf, elf.findings)
        dump.regions = elf.sections.filter { $0.type == MD_ELF_SHT_PROGBITS && $0.size > 0 }.map { section in
            DumpRegion(
                name: section.name,
                physicalAddress: section.address,
                size: section.size,
                runs: runs(offset: section.offset, captured: section.size, size: section.size)
            )
        }
        return dump
    }

    func vmcoreInfo() throws(OperationError) -> VMCoreInfo? {
        for segment in elf.segments where segment.type == MD_ELF_PT_NOTE {
            let bytes = try file.read(
                at: segment.offset,
                count: Int(min(segment.fileSize, 16 * UInt64(VMCoreInfo.sizeLimit)))
            )
            if let info = VMCoreInfo(notes: bytes.raw) { return info }
        }
        return nil
    }

    private func unknownSegments() -> [Finding] {
        elf.segments.enumerated().compactMap { number, segment in
            segment.type == MD_ELF_PT_LOAD || segment.type == MD_ELF_PT_NOTE || segment.type == 0
                ? nil
                : .warning(
                    "segment-type",
                    "segment \(number)",
                    "type \(hexadecimal(UInt64(segment.type))) is not known: skipped"
                )
        }
    }

    /// What the file holds of `size` bytes, of which the first `captured` are to be at `offset`.
    private func runs(offset: UInt64, captured: UInt64, size: UInt64) -> [Run] {
        let there = offset < file.size ? min(captured, file.size - offset) : 0
        return [Run](source: Run.Source(file: file, offset: offset), captured: there, size: size)
    }
}

extension [Run] {
    /// A range of which the first bytes are in a file and the rest is missing.
    init(source: Run.Source, captured: UInt64, size: UInt64) {
        self = []
        let captured = Swift.min(captured, size)
        if captured > 0 { append(Run(offset: 0, length: captured, source: source)) }
        if captured < size { append(Run(offset: captured, length: size - captured)) }
    }
}

/// Puts the parts of regions together that were captured in pieces.
///
/// The sections of a region that misses bytes are named `NAME+0xOFFSET` and `NAME.missing+0xOFFSET`, in order.
struct RegionBuilder {
    private(set) var regions: [DumpRegion] = []

    mutating func add(_ part: HeaderIndex.Part, runs: [Run]) {
        let piece = PieceName(part.name)
        let (end, wraps) = piece.offset.addingReportingOverflow(part.segment.memorySize)
        if let last = regions.last, piece.offset > 0, last.name == piece.region, last.size == piece.offset,
            !wraps
        {
            let index = regions.count - 1
            regions[index].runs += runs.map {
                Run(offset: $0.offset + piece.offset, length: $0.length, source: $0.source)
            }
            regions[index].size = end
            return
        }
        regions.append(
            DumpRegion(
                name: piece.region,
                physicalAddress: part.physicalAddress,
                virtualAddress: part.virtualAddress,
                size: part.segment.memorySize,
                runs: runs
            )
        )
    }
}

/// The section name of one piece of a region.
struct PieceName: Equatable, CustomStringConvertible {
    var region: String
    var offset: UInt64 = 0
    var isMissing = false

    init(region: String, offset: UInt64, isMissing: Bool) {
        (self.region, self.offset, self.isMissing) = (region, offset, isMissing)
    }

    init(_ name: String) {
        region = name
        guard let plus = name.lastIndex(of: "+"), name[plus...].hasPrefix("+0x"),
            let offset = UInt64(name[plus...].dropFirst(3), radix: 16)
        else { return }
        self.offset = offset
        region = String(name[..<plus])
        isMissing = region.hasSuffix(Self.missing)
        if isMissing { region.removeLast(Self.missing.count) }
    }

    static let missing = ".missing"

    var description: String {
        if !isMissing && offset == 0 { return region }
        return region + (isMissing ? Self.missing : "") + "+" + hexadecimal(offset)
    }
}

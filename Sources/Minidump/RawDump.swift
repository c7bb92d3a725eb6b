// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

/// Reads what boot firmware writes to a `rawdump` partition: a packed header, sections, contents.
struct RawDump {
    private var file: InputFile
    private var head: [UInt8]

    private static let headerSize = 56
    private static let sectionSize = 64
    /// More sections than this are not believed.
    private static let sectionLimit = 65536
    /// The first is firmware's; collectors of some vendors write the others over it when they have copied the dump.
    private static let magics = ["Raw_Dmp!", "CopyDone", "MiniDump"]

    static func recognises(_ bytes: RawSpan) -> Bool {
        magics.contains { magic in bytes.text(at: 0, limit: 8) == magic }
    }

    init(_ file: InputFile) throws(OperationError) {
        self.file = file
        head = try file.read(at: 0, count: Self.headerSize)
        guard head.count == Self.headerSize else {
            throw OperationError("read", file.name, cause: "the raw dump's header is cut off")
        }
    }

    func dump() throws(OperationError) -> Dump {
        var dump = Dump(kind: .rawDump, source: file.name)
        dump.findings = headerFindings()
        let claimed = Int(field(UInt32.self, at: 52))
        let count = min(claimed, Self.sectionLimit)
        let bytes = try file.read(at: UInt64(Self.headerSize), count: count * Self.sectionSize)
        if bytes.count / Self.sectionSize < claimed {
            dump.findings.append(
                .error(
                    "truncated",
                    "sections",
                    "\(bytes.count / Self.sectionSize) of \(claimed) are in the file"
                )
            )
        }
        for index in 0..<bytes.count / Self.sectionSize {
            let section = Section(bytes.raw, at: index * Self.sectionSize)
            if section.valid == 0 {
                dump.findings.append(
                    .warning("not-valid", section.name, "firmware did not finish this section")
                )
                continue
            }
            try add(section, to: &dump)
        }
        dump.applyHeader()
        return dump
    }

    private func add(_ section: Section, to dump: inout Dump) throws(OperationError) {
        let there = section.offset < file.size ? min(section.size, file.size - section.offset) : 0
        let runs = [Run](
            source: Run.Source(file: file, offset: section.offset),
            captured: there,
            size: section.size
        )
        let region = DumpRegion(
            name: section.region,
            physicalAddress: section.address,
            size: section.size,
            runs: runs
        )
        if there < section.size {
            dump.findings.append(
                .error("short", region.name, "\(there) of \(section.size) bytes are in the file")
            )
        }
        if dump.headerRegion == nil && Dump.headerNames.contains(region.name) {
            try dump.take(header: region)
        } else if section.size > 0 {
            dump.regions.append(region)
        }
    }

    private func headerFindings() -> [Finding] {
        var findings: [Finding] = []
        if field(UInt32.self, at: 12) & 2 != 0 {
            findings.append(.error("out-of-space", "raw dump", "firmware ran out of space in the partition"))
        }
        let total = field(UInt64.self, at: 44)
        if total > file.size {
            findings.append(.error("truncated", "raw dump", "\(file.size) of \(total) bytes are in the file"))
        }
        return findings
    }

    private func field<Value: FixedWidthInteger & BitwiseCopyable>(_ type: Value.Type, at offset: Int)
        -> Value
    {
        head.raw.load(type, at: offset) ?? 0
    }

    private struct Section {
        var valid: UInt32
        var offset: UInt64
        var size: UInt64
        var address: UInt64
        var name: String

        /// The region's name, which firmware turned into a file's.
        var region: String {
            name.isEmpty ? "section" : RegionFile.region(of: FilePath(name.replacingSlashes))
        }

        init(_ bytes: RawSpan, at start: Int) {
            valid = bytes.load(UInt32.self, at: start) ?? 0
            offset = bytes.load(UInt64.self, at: start + 12) ?? 0
            size = bytes.load(UInt64.self, at: start + 20) ?? 0
            address = bytes.load(UInt64.self, at: start + 28) ?? 0
            name = bytes.text(at: start + 44, limit: 20) ?? ""
        }
    }
}

extension String {
    fileprivate var replacingSlashes: String { String(map { $0 == "/" ? "_" : $0 }) }
}

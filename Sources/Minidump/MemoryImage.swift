// SPDX-License-Identifier: MIT
import CMinidump
import LinuxSystem

/// Reads a minidump from memory as boot firmware does: global table, subsystem, region table, regions.
struct MemoryImage {
    var memory: PhysicalMemory
    var name: String
    var options: DumpOptions

    /// Where the tables are, if somebody has found them already.
    var place: TableSearch.Place?

    /// The tables, and what is wrong with them.
    func table() throws(OperationError) -> (GlobalTable, [Finding]) {
        switch try findTable() {
        case .global(let address, let size):
            guard let item = try memory.read(at: address, count: size),
                var table = GlobalTable(item: item.raw, address: address)
            else {
                throw OperationError(
                    "read",
                    name,
                    cause: "the global table at \(hexadecimal(address)) is outside of the image"
                )
            }
            let findings = try table.readRegions(from: memory)
            return (table, findings)
        case .regions(let address, let count):
            var table = GlobalTable(regionsAt: address, count: count)
            let place = "the image does not hold it; a region table was found at \(hexadecimal(address))"
            let findings = try table.readRegions(from: memory)
            return (table, [.note("no-global-table", "global table", place)] + findings)
        }
    }

    private func findTable() throws(OperationError) -> TableSearch.Place {
        if let place { return place }
        if let address = options.tableAddress {
            return .global(address: address, size: Int(MD_GLOBAL_TOC_BYTES) + 10 * Int(MD_SUBSYSTEM_BYTES))
        }
        if let found = try TableSearch(memory: memory).run() { return found }
        throw OperationError(
            "read",
            name,
            cause: "no minidump: it is no ELF core, no raw dump, and no memory that holds a global table",
            hint: "if it is a memory image, say where the table is: --table ADDRESS"
        )
    }

    func dump(kind: InputKind) throws(OperationError) -> Dump {
        let (table, findings) = try table()
        var dump = Dump(kind: kind, source: name)
        (dump.table, dump.findings, dump.memory) = (table, findings, memory)
        dump.subsystem = options.subsystem
        guard let subsystem = table.subsystems[safe: options.subsystem] else {
            throw OperationError(
                "read",
                name,
                cause:
                    "the global table has \(table.subsystems.count) subsystems, and none with the number \(options.subsystem)"
            )
        }
        if table.enabled != "ENBL" {
            dump.findings.append(
                .error("disabled", "global table", "firmware collects nothing: \(table.enabled)")
            )
        }
        if let obstacle = subsystem.obstacle {
            dump.findings.append(
                .error(obstacle.hasPrefix("encrypted") ? "encrypted" : "not-ready", subsystem.name, obstacle)
            )
            return dump
        }
        try collect(subsystem, into: &dump)
        return dump
    }

    private func collect(_ subsystem: SubsystemTable, into dump: inout Dump) throws(OperationError) {
        for entry in subsystem.regions where entry != .unused {
            guard entry.isValid else {
                dump.findings.append(
                    .warning("not-valid", entry.fullName, "marked \(entry.valid), so firmware skips it")
                )
                continue
            }
            guard entry.size > 0 else {
                dump.findings.append(.warning("empty", entry.fullName, "the region has no bytes"))
                continue
            }
            let region = DumpRegion(
                name: entry.fullName,
                physicalAddress: entry.address,
                size: entry.size,
                runs: memory.runs(address: entry.address, size: entry.size)
            )
            if dump.headerRegion == nil && Dump.headerNames.contains(entry.name) {
                try dump.take(header: region)
            } else {
                dump.regions.append(region)
            }
        }
        dump.applyHeader()
    }
}

extension RegionEntry {
    /// An entry that nobody has written yet; a table may show one for a moment while it grows.
    static let unused = RegionEntry(name: "", sequence: 0, valid: "0", address: 0, size: 0)
}

extension Dump {
    /// Reads a header region; one that cannot be read is a finding.
    mutating func take(header region: DumpRegion) throws(OperationError) {
        headerRegion = region
        guard region.size <= Self.headerLimit else {
            findings.append(
                .error("header", region.name, "\(region.size) bytes are too many for a header region")
            )
            return
        }
        let captured = Array(region.runs.prefix { $0.source != nil })
        let store = MemoryBytes(bytes: try captured.readAll(), name: region.name)
        do throws(OperationError) {
            let elf = try ELFFile(store)
            header = elf
            findings += elf.findings
            for segment in elf.segments where segment.type == MD_ELF_PT_NOTE && vmcoreInfo == nil {
                let size = Int(min(segment.fileSize, UInt64(VMCoreInfo.sizeLimit)))
                let bytes = store.read(at: segment.offset, count: size)
                vmcoreInfo = VMCoreInfo(notes: bytes.raw)
            }
        } catch {
            findings.append(.error("header", region.name, error.cause))
        }
    }

    /// Gives regions of the tables the virtual addresses that the header region tells, and adds those inside of it.
    mutating func applyHeader() {
        guard let header, let headerRegion else { return }
        let index = HeaderIndex(header)
        for position in regions.indices {
            regions[position].virtualAddress = index.virtualAddress(of: regions[position])
        }
        let embedded = index.parts.filter { part in
            part.segment.type == MD_ELF_PT_LOAD && part.segment.fileSize > 0
                && part.segment.offset < headerRegion.size
                && part.segment.fileSize <= headerRegion.size - part.segment.offset
        }
        regions.insert(
            contentsOf: embedded.map { part in
                DumpRegion(
                    name: part.name,
                    physicalAddress: part.physicalAddress,
                    virtualAddress: part.virtualAddress,
                    size: part.segment.fileSize,
                    runs: headerRegion.runs.slice(from: part.segment.offset, length: part.segment.fileSize)
                )
            },
            at: 0
        )
    }
}

extension [Run] {
    /// The runs of a part, with offsets from its start.
    func slice(from start: UInt64, length: UInt64) -> [Run] {
        compactMap { run in
            let begin = Swift.max(run.offset, start)
            let end = Swift.min(run.offset + run.length, start + length)
            guard begin < end else { return nil }
            let source = run.source.map {
                Run.Source(file: $0.file, offset: $0.offset + (begin - run.offset))
            }
            return Run(offset: begin - start, length: end - begin, source: source)
        }
    }
}

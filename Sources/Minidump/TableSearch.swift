// SPDX-License-Identifier: MIT
import CMinidump
import LinuxSystem

/// Finds the tables in a memory image that nobody gave their address for.
///
/// The global table has no magic of its own. Its third word says ENBL or DSBL, and what follows must look like
/// subsystems; the candidate whose subsystems lead to the most valid regions inside of the image is taken. Where there
/// is none, because shared memory is no memory of the kernel and its crash kernel saves none of it, a region table that
/// starts with the header region will do.
struct TableSearch {
    var memory: PhysicalMemory

    /// What was found: an SMEM item, or the region table of the kernel that was running.
    enum Place {
        case global(address: UInt64, size: Int)
        case regions(address: UInt64, count: Int)
    }

    private static let chunkSize = 1 << 20
    private static let headerSize = Int(MD_GLOBAL_TOC_BYTES)
    /// Room for this many subsystems is looked at; firmware has been seen with 30.
    private static let subsystems = 64
    /// Memory of honest machines has a handful of candidates; of more than this, only the first are looked at.
    private static let globalLimit = 4096
    private static let regionsLimit = 64

    /// The best candidate, or `nil`.
    func run() throws(OperationError) -> Place? {
        var best: (score: Int, address: UInt64, size: Int)?
        var regions: (count: Int, address: UInt64) = (0, 0)
        var (globals, tables) = (0, 0)
        try forEachChunk { bytes, address throws(OperationError) in
            for position in Self.candidates(in: bytes.raw) where globals < Self.globalLimit {
                globals += 1
                let place = address + UInt64(position)
                guard let (score, size) = try judge(place), score > best?.score ?? -1 else { continue }
                best = (score, place, size)
            }
            for position in Self.regionTables(in: bytes.raw) where tables < Self.regionsLimit {
                tables += 1
                let place = address + UInt64(position)
                let count = try regionCount(at: place)
                if count > regions.count { regions = (count, place) }
            }
        }
        if let best { return .global(address: best.address, size: best.size) }
        return regions.count > 0 ? .regions(address: regions.address, count: regions.count) : nil
    }

    /// Memory in pieces, each with its address; neighbours overlap by what a candidate needs.
    private func forEachChunk(_ body: ([UInt8], UInt64) throws(OperationError) -> Void) throws(OperationError)
    {
        let overlap = Int(MD_REGION_BYTES)
        for extent in memory.extents {
            for range in extent.source.file.dataRanges(from: extent.source.offset, length: extent.length) {
                var offset = range.lowerBound
                while offset < range.upperBound {
                    let count = Int(min(UInt64(Self.chunkSize), range.upperBound - offset))
                    let bytes = try extent.source.file.read(at: offset, count: count)
                    try body(bytes, extent.address + (offset - extent.source.offset))
                    // What lies across the border of two chunks is seen by the second.
                    if count < Self.chunkSize { break }
                    offset += UInt64(count - overlap)
                }
            }
        }
    }

    /// Offsets of entries that say that they are a header region.
    private static func regionTables(in bytes: RawSpan) -> [Int] {
        var found: [Int] = []
        let name = MD_NAME_HEADER.utf8.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard bytes.byteCount >= Int(MD_REGION_BYTES) else { return [] }
        // Every load ends before byteCount.
        unsafe bytes.withUnsafeBytes { buffer in
            for offset in stride(from: 0, through: buffer.count - Int(MD_REGION_BYTES), by: 8) {
                guard unsafe buffer.loadUnaligned(fromByteOffset: offset, as: UInt64.self) == name else {
                    continue
                }
                let valid = unsafe buffer.loadUnaligned(fromByteOffset: offset + 20, as: UInt32.self)
                if valid == MD_REGION_VALID { found.append(offset) }
            }
        }
        return found
    }

    /// How many valid entries follow each other from a header region's on, if it leads to an ELF header; 0 if not.
    private func regionCount(at address: UInt64) throws(OperationError) -> Int {
        var count = 0
        let page = 4096 / Int(MD_REGION_BYTES)
        while count < GlobalTable.regionLimit {
            let (start, wraps) = address.addingReportingOverflow(UInt64(count) * UInt64(MD_REGION_BYTES))
            guard !wraps else { return count }
            let runs = memory.runs(address: start, size: UInt64(page) * UInt64(MD_REGION_BYTES))
            let bytes = try Array(runs.prefix { $0.source != nil }).readAll()
            let entries = RegionEntry.entries(in: bytes.raw)
            if count == 0 {
                guard let header = entries.first, try leadsToELF(header) else { return 0 }
            }
            let valid = entries.prefix { $0.isValid }.count
            count += valid
            if valid < page { return count }
        }
        return GlobalTable.regionLimit
    }

    private func leadsToELF(_ entry: RegionEntry) throws(OperationError) -> Bool {
        guard Dump.headerNames.contains(entry.name) else { return false }
        return try memory.read(at: entry.address, count: 4) == ELFFile.magic
    }

    /// Offsets of words that read like a global table's first four.
    static func candidates(in bytes: RawSpan) -> [Int] {
        var found: [Int] = []
        guard bytes.byteCount >= headerSize else { return [] }
        // Every offset is below byteCount - 15, so that all loads are inside.
        unsafe bytes.withUnsafeBytes { buffer in
            for offset in stride(from: 0, through: buffer.count - headerSize, by: 8) {
                let words = unsafe buffer.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self)
                guard words == UInt64(MD_ENABLED) || words == UInt64(MD_DISABLED) else { continue }
                let status = unsafe buffer.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
                let revision = unsafe buffer.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)
                if (1...0xffff).contains(status), (1...0xff).contains(revision) { found.append(offset) }
            }
        }
        return found
    }

    /// The size that the entry in front of an SMEM item tells, where the partition is there as on hardware: canary,
    /// item, size, padding behind the data, padding behind the entry.
    private func itemSize(at address: UInt64) throws(OperationError) -> Int? {
        let entrySize: UInt64 = 16
        for padding in stride(from: UInt64(0), through: 64, by: 8) where address >= padding + entrySize {
            guard let bytes = try memory.read(at: address - padding - entrySize, count: Int(entrySize)),
                bytes.raw.load(UInt16.self, at: 0) == 0xa5a5,
                bytes.raw.load(UInt16.self, at: 2) == UInt16(MD_SMEM_ITEM),
                let size = bytes.raw.load(UInt32.self, at: 4),
                let unused = bytes.raw.load(UInt16.self, at: 8),
                let gap = bytes.raw.load(UInt16.self, at: 10), UInt64(gap) == padding, size <= 1 << 16,
                unused < size
            else { continue }
            return Int(size) - Int(unused)
        }
        return nil
    }

    /// How much speaks for a table at `address`, and how far it plausibly goes; `nil` if it cannot be one.
    private func judge(_ address: UInt64) throws(OperationError) -> (score: Int, size: Int)? {
        let limit = UInt64(Self.headerSize + Self.subsystems * Int(MD_SUBSYSTEM_BYTES))
        guard let first = memory.runs(address: address, size: limit).first, first.source != nil else {
            return nil
        }
        let bytes = try [first].readAll()
        guard let table = GlobalTable(item: bytes.raw, address: address) else { return nil }
        let count = table.subsystems.prefix { $0.isPlausible }.count
        guard count > 0 else { return nil }
        var score = 0
        for subsystem in table.subsystems.prefix(count) where subsystem.regionCount > 0 {
            guard let entry = try memory.read(at: subsystem.regionsAddress, count: Int(MD_REGION_BYTES))
            else { continue }
            let isValid = RegionEntry.entries(in: entry.raw).first?.isValid ?? false
            score += isValid ? 2 : subsystem.obstacle == nil ? 1 : 0
        }
        if let size = try itemSize(at: address), size >= Self.headerSize { return (score + 1, size) }
        let used = table.subsystems.prefix(count).last { $0.isUsed }.map { $0.index + 1 } ?? 1
        return (score, Self.headerSize + min(count, max(used, 10)) * Int(MD_SUBSYSTEM_BYTES))
    }
}

extension SubsystemTable {
    /// Whether every word is one that owners and firmware write.
    fileprivate var isPlausible: Bool {
        status <= 0xffff && ["0", "ENBL", "DSBL"].contains(enabled)
            && ["0", "NONE", "DONE", "STRT"].contains(encryptionStatus)
            && ["0", "NONE", "YES", "NR"].contains(encryptionRequired)
            && (regionCount == 0 || regionsAddress != 0)
    }
}

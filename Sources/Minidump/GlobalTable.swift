// SPDX-License-Identifier: MIT
import CMinidump
import LinuxSystem

/// The global table of contents that boot firmware keeps in SMEM (`struct minidump_global_toc`).
public struct GlobalTable: Sendable, Encodable {
    /// Its physical address; 0 where the image does not hold it.
    public var address: UInt64
    /// Not 0 once firmware has set it up.
    public var status: UInt32
    /// 1 in all firmware known so far.
    public var revision: UInt32
    /// `ENBL` if firmware collects at all.
    public var enabled: String
    /// One for each entry, used or not.
    public var subsystems: [SubsystemTable]

    var isReady: Bool { status != 0 && enabled == "ENBL" }
}

/// A subsystem's entry in the global table (`struct minidump_subsystem`), and the regions that it leads to.
public struct SubsystemTable: Sendable, Encodable {
    /// 0 for Linux (APSS), 3 modem, 5 ADSP, 7 CDSP.
    public var index: Int
    public var status: UInt32
    public var enabled: String
    public var encryptionStatus: String
    public var encryptionRequired: String
    /// What the entry claims; `regions` holds those that could be read.
    public var regionCount: UInt32
    /// The physical address of the region table.
    public var regionsAddress: UInt64
    public var regions: [RegionEntry] = []

    /// The subsystem's usual name, or its number.
    public var name: String {
        ["APSS", nil, nil, "modem", nil, "ADSP", nil, "CDSP"][safe: index].flatMap { $0 } ?? "\(index)"
    }

    var isUsed: Bool { status != 0 || regionsAddress != 0 || regionCount != 0 }

    /// Why firmware would not collect it; `nil` where it would.
    var obstacle: String? {
        if status != MD_STATUS_READY { return "not ready: status \(status)" }
        if enabled != "ENBL" { return "not enabled: \(enabled)" }
        if encryptionStatus == "STRT" { return "encrypted: encryption has started and not ended" }
        if encryptionRequired == "YES" && encryptionStatus != "DONE" {
            return "encrypted: required, and its status is \(encryptionStatus)"
        }
        return nil
    }

    init(_ entry: minidump_subsystem, index: Int) {
        self.index = index
        status = entry.status
        enabled = Magic(value: entry.enabled).description
        encryptionStatus = Magic(value: entry.encryption_status).description
        encryptionRequired = Magic(value: entry.encryption_required).description
        regionCount = entry.region_count
        regionsAddress = entry.regions_baseptr
    }
}

/// One entry of a region table (`struct minidump_region`).
public struct RegionEntry: Sendable, Encodable, Equatable {
    public var name: String
    public var sequence: UInt32
    /// `VALI`, or firmware skips it.
    public var valid: String
    /// Physical.
    public var address: UInt64
    public var size: UInt64

    /// The name with its sequence number, as firmware names the file.
    public var fullName: String { sequence == 0 ? name : "\(name)\(sequence)" }
    public var isValid: Bool { valid == "VALI" }

    /// The entries of a region table, as many as there are whole ones.
    static func entries(in bytes: RawSpan) -> [RegionEntry] {
        let stride = Int(MD_REGION_BYTES)
        return (0..<bytes.byteCount / stride).compactMap { index in
            guard let entry = bytes.load(minidump_region.self, at: index * stride) else { return nil }
            return RegionEntry(
                name: bytes.text(at: index * stride, limit: Int(MD_NAME_SIZE)) ?? "",
                sequence: entry.seq_num,
                valid: Magic(value: entry.valid).description,
                address: entry.address,
                size: entry.size
            )
        }
    }
}

extension GlobalTable {
    /// More entries than this are not believed; firmware has been seen with 10 and with 30.
    static let subsystemLimit = 256
    /// More regions than the core can register are not believed.
    static let regionLimit = Int(MD_CAPACITY_MAX) + 1

    /// Reads an SMEM item: the header, and as many subsystems as the rest has room for.
    init?(item: RawSpan, address: UInt64) {
        // The C structure ends in a flexible array, so its words are read one by one.
        guard let status = item.load(UInt32.self, at: 0), let revision = item.load(UInt32.self, at: 4),
            let enabled = item.load(UInt32.self, at: 8), item.byteCount >= Int(MD_GLOBAL_TOC_BYTES)
        else { return nil }
        let start = Int(MD_GLOBAL_TOC_BYTES)
        let stride = Int(MD_SUBSYSTEM_BYTES)
        let count = min((item.byteCount - start) / stride, Self.subsystemLimit)
        self.address = address
        (self.status, self.revision, self.enabled) = (status, revision, Magic(value: enabled).description)
        subsystems = (0..<count).compactMap { index in
            item.load(minidump_subsystem.self, at: start + index * stride).map {
                SubsystemTable($0, index: index)
            }
        }
    }

    /// A table that would lead to regions that were found without it, those of the subsystem that Linux is.
    init(regionsAt address: UInt64, count: Int) {
        self.address = 0
        (status, revision, enabled) = (MD_STATUS_READY, MD_REVISION, "ENBL")
        let entry = minidump_subsystem(
            status: MD_STATUS_READY,
            enabled: MD_ENABLED,
            encryption_status: MD_ENCRYPTION_DONE,
            encryption_required: MD_ENCRYPTION_NOT_REQUIRED,
            region_count: UInt32(count),
            pad: 0,
            regions_baseptr: address
        )
        subsystems = [SubsystemTable(entry, index: Int(MD_SUBSYSTEM_APSS))]
    }

    /// Reads the region tables that the subsystems lead to; the limit is for all of them together.
    ///
    /// - Returns: what could not be read.
    mutating func readRegions(from memory: PhysicalMemory) throws(OperationError) -> [Finding] {
        var findings: [Finding] = []
        var rest = Self.regionLimit
        for index in subsystems.indices where subsystems[index].regionCount > 0 {
            let subsystem = subsystems[index]
            let claimed = Int(subsystem.regionCount)
            if claimed > rest {
                findings.append(
                    .error("region-count", subsystem.name, "claims \(claimed) regions; \(rest) are read")
                )
            }
            let count = min(claimed, rest)
            rest -= count
            let runs = memory.runs(
                address: subsystem.regionsAddress,
                size: UInt64(count) * UInt64(MD_REGION_BYTES)
            )
            let whole = Array(runs.prefix { $0.source != nil })
            let bytes = try whole.readAll()
            subsystems[index].regions = RegionEntry.entries(in: bytes.raw)
            let missing = count - subsystems[index].regions.count
            if missing > 0 {
                let place = hexadecimal(subsystem.regionsAddress)
                findings.append(
                    .error(
                        "region-table",
                        subsystem.name,
                        "\(missing) of \(count) entries at \(place) are outside of the image"
                    )
                )
            }
        }
        return findings
    }
}

extension Array {
    subscript(safe index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}

// SPDX-License-Identifier: MIT
import CMinidump
public import LinuxSystem
public import SystemPackage

/// What an input was recognised as.
public enum InputKind: String, Sendable, Encodable {
    /// Physical memory as it is: a QEMU memory file, the output of `pmemsave`.
    case memoryImage = "memory image"
    /// An ELF core of physical memory: `/proc/vmcore`, the output of `dump-guest-memory`.
    case vmcore
    /// Files `md_NAME.BIN`, as a collector over USB writes them: a directory, or a header region and files.
    case collection
    /// A partition that boot firmware wrote; it starts with `Raw_Dmp!`.
    case rawDump = "raw dump"
    /// A core of sections only, from `/sys/class/devcoredump`.
    case devcoredump
    /// An ELF core with one segment per region.
    case core
    /// A header region without the regions.
    case header
}

/// A named range of memory that was captured, as a whole or in parts.
public struct DumpRegion: Sendable {
    /// The name with its sequence number, as the input has it.
    public var name: String
    public var physicalAddress: UInt64?
    public var virtualAddress: UInt64?
    public var size: UInt64
    /// Where its bytes are, in order and without gaps.
    public var runs: [Run]

    public var missingBytes: UInt64 { runs.missingBytes }
}

/// A minidump as the tools see it, whatever it was read from. Contents stay in the input files.
public struct Dump: Sendable {
    public var kind: InputKind
    /// The input's name for messages.
    public var source: String
    /// The regions in the order of the tables, the header region not among them.
    public var regions: [DumpRegion] = []
    /// The header region as it was captured.
    public var headerRegion: DumpRegion?
    /// The tables of the header region, or of the core file itself.
    public var header: ELFFile?
    /// The firmware's tables, where the input is memory.
    public var table: GlobalTable?
    /// The subsystem that the regions are of.
    public var subsystem = 0
    /// The memory around the regions, where the input is memory.
    public var memory: PhysicalMemory?
    /// The kernel's own words on its data structures, if they were captured.
    public var vmcoreInfo: VMCoreInfo?
    /// What is wrong with the input.
    public var findings: [Finding] = []

    /// Captured bytes of all regions.
    public var capturedBytes: UInt64 { regions.reduce(0) { $0 &+ $1.runs.capturedBytes } }

    /// The region with this name.
    public func region(named name: String) throws(OperationError) -> DumpRegion {
        if let region = regions.first(where: { $0.name == name }) { return region }
        if let header = headerRegion, header.name == name { return header }
        throw OperationError(
            "find",
            "region \(name)",
            errno: .noSuchFileOrDirectory,
            cause: "\(source) has no region of that name",
            hint: "list them with: ringside minidump show \(source)"
        )
    }
}

/// How to read an input that does not say everything itself.
public struct DumpOptions: Sendable {
    /// The physical address of the global table; searched for when `nil`.
    public var tableAddress: UInt64?
    /// The subsystem whose regions are wanted.
    public var subsystem = 0

    public init(tableAddress: UInt64? = nil, subsystem: Int = 0) {
        self.tableAddress = tableAddress
        self.subsystem = subsystem
    }
}

extension Dump {
    /// Longer header regions are not read: one with 65,000 regions has 9 MiB.
    static let headerLimit: UInt64 = 64 << 20
    /// The names that header regions have.
    static let headerNames: Set<String> = [MD_NAME_HEADER, "KELF_HDR"]

    /// Opens an input, recognised by its content.
    ///
    /// - Parameters:
    ///   - paths: one file, one directory, or a header region and files of regions.
    ///   - options: what the input does not say itself.
    public init(opening paths: [FilePath], options: DumpOptions = DumpOptions()) throws(OperationError) {
        guard let first = paths.first else {
            throw OperationError("open", "no input", errno: .invalidArgument)
        }
        if paths.count > 1 {
            self = try Collection(files: paths).dump(name: first.string)
        } else if first.isDirectory {
            self = try Collection(directory: first).dump(name: first.string)
        } else {
            try self.init(file: InputFile(first), options: options)
        }
    }

    private init(file: InputFile, options: DumpOptions) throws(OperationError) {
        let head = try file.read(at: 0, count: 64)
        if RawDump.recognises(head.raw) {
            self = try RawDump(file).dump()
        } else if head.starts(with: ELFFile.magic) {
            try self.init(core: file, options: options)
        } else {
            let memory = PhysicalMemory(flat: file)
            self = try MemoryImage(memory: memory, name: file.name, options: options).dump(kind: .memoryImage)
        }
    }

    /// Tells the kinds of ELF cores apart.
    private init(core file: InputFile, options: DumpOptions) throws(OperationError) {
        let elf = try ELFFile(file)
        // Memory itself can start with an ELF header: what loaded the kernel may have left the kernel's there.
        guard elf.type == MD_ELF_CORE else {
            self = try MemoryImage(memory: PhysicalMemory(flat: file), name: file.name, options: options)
                .dump(kind: .memoryImage)
            return
        }
        let loads = elf.segments.filter { $0.type == MD_ELF_PT_LOAD }
        if loads.isEmpty && elf.sections.contains(where: \.holdsContent) {
            self = CoreFile(elf: elf, file: file).sectionDump()
        } else if !elf.sections.contains(where: \.holdsContent) || options.tableAddress != nil,
            let image = try Dump.vmcore(file, loads, options)
        {
            self = image
            vmcoreInfo = try CoreFile(elf: elf, file: file).vmcoreInfo() ?? vmcoreInfo
        } else {
            self = try CoreFile(elf: elf, file: file).dump()
        }
    }

    /// The dump in a core of physical memory; `nil` for a core of regions, which holds no tables.
    private static func vmcore(_ file: InputFile, _ loads: [ELFSegment], _ options: DumpOptions)
        throws(OperationError) -> Dump?
    {
        let memory = PhysicalMemory(
            loads.compactMap { segment in
                guard segment.offset < file.size else { return nil }
                let length = min(segment.fileSize, file.size - segment.offset)
                return PhysicalMemory.Extent(
                    address: segment.physicalAddress,
                    length: length,
                    source: Run.Source(file: file, offset: segment.offset)
                )
            }
        )
        var image = MemoryImage(memory: memory, name: file.name, options: options)
        if options.tableAddress == nil {
            guard let found = try TableSearch(memory: memory).run() else { return nil }
            image.place = found
        }
        return try image.dump(kind: .vmcore)
    }
}

extension DumpRegion {
    /// The region's first bytes, zero where they are missing.
    public func read(upTo count: Int) throws(OperationError) -> [UInt8] {
        try runs.slice(from: 0, length: min(size, UInt64(count))).readAll()
    }
}

// SPDX-License-Identifier: MIT
public import LinuxSystem
public import SystemPackage

/// What was written for one region.
public struct ManifestEntry: Sendable, Encodable {
    /// The name in the output.
    public var name: String
    public var virtualAddress: String?
    public var physicalAddress: String?
    public var size: UInt64
    /// Bytes that the input did not hold; they read as zero.
    public var missing: UInt64
    /// The CRC-32 of the region's bytes as zlib computes it, in hexadecimal.
    public var crc32: String

    init(_ region: DumpRegion, name: String, checksum: Checksum) {
        self.name = name
        virtualAddress = region.virtualAddress.map(hexadecimal)
        physicalAddress = region.physicalAddress.map(hexadecimal)
        (size, missing) = (region.size, region.missingBytes)
        let digits = String(checksum.value, radix: 16)
        crc32 = String(repeating: "0", count: 8 - digits.count) + digits
    }
}

/// What an output consists of and what its input lacked; written beside it as JSON.
public struct Manifest: Sendable, Encodable {
    public var source: String
    public var kind: InputKind
    /// The kernel's release, where VMCOREINFO tells it.
    public var kernelRelease: String?
    public var buildID: String?
    public var regions: [ManifestEntry] = []
    public var findings: [Finding]

    public init(_ dump: Dump) {
        (source, kind, findings) = (dump.source, dump.kind, dump.findings)
        kernelRelease = dump.vmcoreInfo?["OSRELEASE"]
        buildID = dump.vmcoreInfo?["BUILD-ID"]
    }

    /// Whether everything that the tables name is in the output.
    public var isComplete: Bool {
        !findings.contains { $0.severity == .error } && regions.allSatisfy { $0.missing == 0 }
    }
}

extension Dump {
    /// How often the input's bytes may be in an output: hostile tables can name the same bytes ever again.
    private static let overlapLimit: UInt64 = 4

    /// Writes an ELF core file with one segment and one section per region.
    ///
    /// - Parameters:
    ///   - path: the output, replaced only when all is written.
    ///   - progress: called with bytes done and bytes in total.
    /// - Returns: what was written, with the checksum of every region.
    public func assemble(to path: FilePath, progress: @escaping (UInt64, UInt64) -> Void = { _, _ in })
        throws(OperationError) -> Manifest
    {
        try expectRegions(for: "assemble")
        try refuseFloods(regions)
        let layout = try CoreLayout(self)
        var manifest = Manifest(self)
        try path.replaceFile { file throws(OperationError) in
            let total = capturedBytes
            var done: UInt64 = 0
            let copy = try SparseCopy(to: file, name: path.string) { count in
                done += count
                progress(done, total)
            }
            try file.write(layout.head, at: 0, name: path.string)
            var checksums = [Checksum](repeating: Checksum(), count: regions.count)
            for piece in layout.pieces {
                var run = piece.run
                run.offset = 0
                try copy.copy([run], to: piece.fileOffset, &checksums[piece.region])
            }
            try file.setSize(layout.fileSize, name: path.string)
            manifest.regions = regions.indices.map {
                ManifestEntry(regions[$0], name: layout.names[$0], checksum: checksums[$0])
            }
        }
        return manifest
    }

    /// Writes each region to a file of its own, `md_NAME.BIN`, missing bytes as holes.
    ///
    /// - Parameters:
    ///   - header: what goes to `md_KELF_HEADER.BIN`, and no region of that name; `nil` for none.
    ///   - directory: made where it is not there; no file outside of it is touched.
    /// - Returns: what was written, the header first.
    public func write(
        _ regions: [DumpRegion],
        header: DumpRegion? = nil,
        to directory: FilePath,
        progress: @escaping (UInt64, UInt64) -> Void = { _, _ in }
    )
        throws(OperationError) -> Manifest
    {
        let named = RegionFile.uniqueNames(for: regions.map(\.name))
        let regions = (header.map { [$0] } ?? []) + regions
        let names = (header.map { [$0.name] } ?? []) + named
        try refuseFloods(regions)
        do throws(Errno) {
            try directory.makeDirectories()
        } catch {
            throw OperationError("make", directory.string, errno: error)
        }
        var manifest = Manifest(self)
        let total = regions.reduce(UInt64(0)) { $0 + $1.runs.capturedBytes }
        var done: UInt64 = 0
        for (region, name) in zip(regions, names) {
            let path = directory.appending(RegionFile.name(of: name))
            var checksum = Checksum()
            try path.replaceFile { file throws(OperationError) in
                let copy = try SparseCopy(to: file, name: path.string) { count in
                    done += count
                    progress(done, total)
                }
                try copy.copy(region.runs, to: 0, &checksum)
                let end = region.runs.last { $0.source != nil }.map { $0.offset + $0.length } ?? 0
                try file.setSize(end, name: path.string)
            }
            manifest.regions.append(ManifestEntry(region, name: name, checksum: checksum))
        }
        return manifest
    }

    /// Writes a core's own head as the header region of a collection, and every region beside it.
    ///
    /// Assembling the directory gives the core again, byte for byte.
    public func split(to directory: FilePath, progress: @escaping (UInt64, UInt64) -> Void = { _, _ in })
        throws(OperationError) -> Manifest
    {
        let layout = try CoreLayout(self)
        let manifest = try write(regions, to: directory, progress: progress)
        try writeHead(of: layout, to: directory)
        return manifest
    }

    /// Writes everything of a core but its contents, as the header region of a collection.
    func writeHead(of layout: CoreLayout, to directory: FilePath) throws(OperationError) {
        let path = directory.appending(RegionFile.name(of: Self.headerName))
        try path.replaceFile { file throws(OperationError) in
            try file.write(layout.head, at: 0, name: path.string)
        }
    }

    static let headerName = "KELF_HEADER"

    /// Throws what is wrong with a dump that holds nothing to work on.
    public func expectRegions(for operation: String) throws(OperationError) {
        guard regions.isEmpty else { return }
        throw OperationError(
            operation,
            source,
            cause: findings.first { $0.severity == .error }?.text ?? "it has no regions"
        )
    }

    private func refuseFloods(_ regions: [DumpRegion]) throws(OperationError) {
        var files: [FilePath: UInt64] = [:]
        var total: UInt64 = 0
        for run in regions.lazy.flatMap(\.runs) {
            guard let source = run.source else { continue }
            files[source.file.path] = source.file.size
            total += run.length
        }
        let available = files.values.reduce(0, +)
        guard total / Self.overlapLimit <= available else {
            throw OperationError(
                "write",
                source,
                cause: "its regions overlap so much that \(available) bytes would become \(total)",
                hint: "see which with: ringside minidump check \(source)"
            )
        }
    }
}

extension FilePath {
    /// Writes a file beside this one and renames it into place when `body` succeeds; nothing is left when it fails.
    fileprivate func replaceFile(_ body: (FileDescriptor) throws(OperationError) -> Void)
        throws(OperationError)
    {
        let unfinished = FilePath("\(self).\(SystemCalls.processID).part")
        let file: OwnedDescriptor
        do throws(Errno) {
            file = OwnedDescriptor(
                adopting: try Errno.narrow {
                    try FileDescriptor.open(
                        unfinished,
                        .readWrite,
                        options: [.create, .exclusiveCreate, .closeOnExec],
                        permissions: [.ownerReadWrite, .groupRead, .otherRead]
                    )
                }
            )
        } catch {
            throw OperationError("create", string, errno: error)
        }
        do throws(OperationError) {
            try body(file.descriptor)
            do throws(Errno) {
                try unfinished.rename(to: self)
            } catch {
                throw OperationError("create", string, errno: error)
            }
        } catch {
            do throws(Errno) {
                try unfinished.removeTree()
            } catch let second {
                throw OperationError(
                    error.operation,
                    error.object,
                    errno: error.errno,
                    cause: error.cause,
                    hint: "\(unfinished) is left: \(second)"
                )
            }
            throw error
        }
    }
}

extension FileDescriptor {
    fileprivate func write(_ bytes: [UInt8], at offset: Int64, name: String) throws(OperationError) {
        do throws(Errno) {
            _ = try Errno.narrow { try writeAll(toAbsoluteOffset: offset, bytes) }
        } catch {
            throw OperationError("write", name, errno: error)
        }
    }

    fileprivate func setSize(_ size: UInt64, name: String) throws(OperationError) {
        do throws(Errno) {
            try Errno.narrow { try resize(to: Int64(size)) }
        } catch {
            throw OperationError("resize", name, errno: error)
        }
    }
}

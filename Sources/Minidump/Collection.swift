// SPDX-License-Identifier: MIT
import CMinidump
import LinuxSystem
import SystemPackage

/// Reads a header region and one file per region, `md_NAME.BIN`, as a collector over USB leaves them.
struct Collection {
    private var files: [InputFile] = []

    /// More files than the core can register regions are not a collection.
    private static let fileLimit = Int(MD_CAPACITY_MAX) + 16

    init(files paths: [FilePath]) throws(OperationError) {
        for path in paths { files.append(try InputFile(path)) }
    }

    init(directory: FilePath) throws(OperationError) {
        let names: [String]
        do throws(Errno) {
            names = try directory.entryNames()
        } catch {
            throw OperationError("open", directory.string, errno: error)
        }
        let wanted = names.filter { $0.lowercased().hasSuffix(".bin") || $0.lowercased().hasSuffix(".elf") }
        guard !wanted.isEmpty, wanted.count <= Self.fileLimit else {
            throw OperationError(
                "read",
                directory.string,
                cause: wanted.isEmpty
                    ? "it holds no md_*.BIN files" : "it holds \(wanted.count) files, too many for a minidump"
            )
        }
        for name in wanted where !directory.appending(name).isDirectory {
            files.append(try InputFile(directory.appending(name)))
        }
    }

    func dump(name: String) throws(OperationError) -> Dump {
        var dump = Dump(kind: .collection, source: name)
        var contents = ContentFiles(try takeHeader(into: &dump))
        guard let header = dump.header, let headerRegion = dump.headerRegion else {
            dump.regions = contents.unused.filter { $0.size > 0 }.map(DumpRegion.init(file:))
            dump.findings.append(
                .error("no-header", name, "no header region, so the addresses of the regions are not known")
            )
            return dump
        }
        let parts = HeaderIndex(header).parts.filter { $0.segment.type == MD_ELF_PT_LOAD }
        var builder = RegionBuilder()
        for part in parts where part.segment.memorySize >= part.segment.fileSize {
            builder.add(part, runs: contents.runs(of: part, headerRegion))
        }
        dump.regions = builder.regions
        dump.findings += contents.findings(for: dump.regions)
        for file in contents.unused {
            dump.findings.append(
                .warning(
                    "no-entry",
                    file.path.lastComponent?.string ?? "",
                    "the header has no region for this file"
                )
            )
            if file.size > 0 { dump.regions.append(DumpRegion(file: file)) }
        }
        return dump
    }

    /// Reads the file that holds the header; gives the others.
    private func takeHeader(into dump: inout Dump) throws(OperationError) -> [InputFile] {
        let isNamed = files.contains { $0.path.hasHeaderName }
        var contents: [InputFile] = []
        for file in files {
            let isELF = try file.read(at: 0, count: 4).starts(with: ELFFile.magic)
            let isHeader = isELF && dump.headerRegion == nil && (file.path.hasHeaderName || !isNamed)
            if isHeader { try dump.take(header: DumpRegion(file: file)) } else { contents.append(file) }
        }
        return contents
    }
}

/// The files that hold regions, and which of them were asked for.
private struct ContentFiles {
    private var files: [String: InputFile] = [:]
    private var asked: Set<String> = []

    init(_ files: [InputFile]) {
        for file in files { self.files[RegionFile.region(of: file.path).lowercased()] = file }
    }

    /// Those that nothing asked for, in natural order.
    var unused: [InputFile] {
        files.filter { !asked.contains($0.key) }.values.sorted {
            $0.path.string.isNaturallyBefore($1.path.string)
        }
    }

    /// Where a part of the header is: inside of the header region, or in a file of its own.
    mutating func runs(of part: HeaderIndex.Part, _ header: DumpRegion) -> [Run] {
        let segment = part.segment
        let (end, wraps) = segment.offset.addingReportingOverflow(segment.fileSize)
        if segment.fileSize > 0, !wraps, end <= header.size {
            let rest = segment.memorySize - segment.fileSize
            return header.runs.slice(from: segment.offset, length: segment.fileSize)
                + (rest > 0 ? [Run(offset: segment.fileSize, length: rest)] : [])
        }
        let piece = PieceName(part.name)
        guard let file = file(of: piece.region), segment.fileSize > 0 else {
            return [Run(offset: 0, length: segment.memorySize)]
        }
        let there = file.size > piece.offset ? file.size - piece.offset : 0
        return [Run](
            source: Run.Source(file: file, offset: piece.offset),
            captured: min(there, segment.fileSize),
            size: segment.memorySize
        )
    }

    private mutating func file(of region: String) -> InputFile? {
        asked.insert(region.lowercased())
        return files[region.lowercased()]
    }

    /// Files that are absent, or have another size than their region.
    func findings(for regions: [DumpRegion]) -> [Finding] {
        regions.compactMap { region in
            guard asked.contains(region.name.lowercased()) else { return nil }
            guard let file = files[region.name.lowercased()] else {
                return .error("missing", region.name, "no file \(RegionFile.name(of: region.name))")
            }
            let name = file.path.lastComponent?.string ?? ""
            if file.size < region.size {
                return .error("short", region.name, "\(file.size) of \(region.size) bytes are in \(name)")
            }
            if file.size > region.size {
                return .warning(
                    "long",
                    region.name,
                    "\(file.size - region.size) bytes behind the \(region.size) in \(name) are left out"
                )
            }
            return nil
        }
    }
}

extension DumpRegion {
    /// A whole file as a region whose addresses are not known.
    fileprivate init(file: InputFile) {
        let runs = [Run](source: Run.Source(file: file, offset: 0), captured: file.size, size: file.size)
        self.init(name: RegionFile.region(of: file.path), size: file.size, runs: runs)
    }
}

extension FilePath {
    fileprivate var hasHeaderName: Bool { Dump.headerNames.contains(RegionFile.region(of: self)) }
}

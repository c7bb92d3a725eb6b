// SPDX-License-Identifier: MIT
public import LinuxSystem
public import SystemPackage

extension Dump {
    /// Builds the header region again from the firmware's tables, and writes it and what only the old one held.
    ///
    /// The old header is asked for nothing but virtual addresses and the parts that lie inside of it. The directory
    /// may hold the collected regions already; `assemble` then takes the new header.
    ///
    /// - Returns: what was written besides the header.
    public func repair(to directory: FilePath) throws(OperationError) -> Manifest {
        guard table != nil || kind == .rawDump else {
            throw OperationError(
                "repair",
                source,
                cause:
                    "a \(kind.rawValue) does not hold the firmware's tables, which a header is rebuilt from",
                hint: "give the memory image or the raw dump that it was collected from"
            )
        }
        try expectRegions(for: "repair")
        let layout = try CoreLayout(self)
        let manifest = try write(regions.filter(isEmbedded), to: directory)
        try writeHead(of: layout, to: directory)
        return manifest
    }

    /// The regions that the tables themselves name.
    public var regionsOutsideOfHeader: [DumpRegion] { regions.filter { !isEmbedded($0) } }

    /// Whether a region lies inside of the header region.
    private func isEmbedded(_ region: DumpRegion) -> Bool {
        guard let inner = region.runs.first?.source, let outer = headerRegion?.runs.first?.source,
            let headerRegion
        else {
            return false
        }
        return inner.file.path == outer.file.path && inner.offset >= outer.offset
            && inner.offset - outer.offset < headerRegion.size
    }
}

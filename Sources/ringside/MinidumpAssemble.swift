// SPDX-License-Identifier: MIT
import ArgumentParser
import FoundationEssentials
import LinuxSystem
import Minidump
import SystemPackage

struct MinidumpAssemble: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "assemble",
        abstract: "Write one ELF core that gdb, drgn, crash and readelf open.",
        discussion: """
            Every region becomes a segment with its virtual and physical address and a section with its name. What the \
            input lacks is a segment without contents, and moves nothing. The header region gives way to the core's \
            own header; split makes one again. A manifest with a CRC-32 of each region is written beside the core. \
            Exit status 1: something is missing.

            EXAMPLES
              ringside minidump assemble dump --output minidump.elf
              ringside minidump assemble md_KELF_HEADER.BIN md_KA.BIN md_KB.BIN --output minidump.elf
            """
    )

    @OptionGroup var input: MinidumpInput
    @OptionGroup var place: MinidumpOutput
    @OptionGroup var output: OutputOptions

    func run() throws {
        let dump = try input.open()
        if place.dryRun { return try output.print(RegionListing(dump)) { $0.table.description } }
        let manifest = try dump.assemble(to: place.path, progress: CopyProgress.report)
        try manifest.write(to: FilePath("\(place.path).manifest.json"))
        try report(manifest, to: place.path, output)
    }
}

extension Manifest {
    /// Writes it as JSON.
    fileprivate func write(to path: FilePath) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            try path.write(try encoder.encode(self))
        } catch let error as Errno {
            throw OperationError("write", path.string, errno: error)
        }
    }
}

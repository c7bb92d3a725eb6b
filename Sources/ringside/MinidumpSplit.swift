// SPDX-License-Identifier: MIT
import ArgumentParser
import LinuxSystem
import Minidump
import SystemPackage

struct MinidumpSplit: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "split",
        abstract: "Take a core apart into a header region and a file per region.",
        discussion: """
            Assembling the directory gives the same core again, byte for byte.

            EXAMPLES
              ringside minidump split minidump.elf --output parts
            """
    )

    @OptionGroup var input: MinidumpInput
    @OptionGroup var place: MinidumpOutput
    @OptionGroup var output: OutputOptions

    func run() throws {
        let dump = try input.open()
        try dump.expectRegions(for: "split")
        if place.dryRun { return try output.print(RegionListing(dump)) { $0.table.description } }
        try report(try dump.split(to: place.path, progress: CopyProgress.report), to: place.path, output)
    }
}

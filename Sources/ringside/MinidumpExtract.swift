// SPDX-License-Identifier: MIT
import ArgumentParser
import LinuxSystem
import Minidump
import SystemPackage

struct MinidumpExtract: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "extract",
        abstract: "Write the bytes of some or all regions to files.",
        discussion: """
            EXAMPLES
              ringside minidump extract minidump.elf --output parts
              ringside minidump extract guest.ram --region KUTSNAME --region KLOGTEXT --output parts
            """
    )

    @OptionGroup var input: MinidumpInput
    @OptionGroup var place: MinidumpOutput
    @OptionGroup var output: OutputOptions

    @Option(help: ArgumentHelp("Only this region; may be repeated.", valueName: "name"))
    var region: [String] = []

    func run() throws {
        let dump = try input.open()
        try dump.expectRegions(for: "extract from")
        var regions = dump.regions
        if !region.isEmpty {
            regions = []
            for name in region { regions.append(try dump.region(named: name)) }
        }
        if place.dryRun {
            return try output.print(RegionListing(dump, regions: regions)) { $0.table.description }
        }
        let manifest = try dump.write(regions, to: place.path, progress: CopyProgress.report)
        try report(manifest, to: place.path, output)
    }
}

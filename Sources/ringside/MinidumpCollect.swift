// SPDX-License-Identifier: MIT
import ArgumentParser
import LinuxSystem
import Minidump
import SystemPackage

struct MinidumpCollect: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "collect",
        abstract: "Save every region to a file of its own, as boot firmware does.",
        discussion: """
            Walks the tables in a memory image or a vmcore and writes md_NAME.BIN for each region, the header region \
            among them. Exit status 1: something is missing.

            EXAMPLES
              ringside minidump collect guest.ram --output dump
              ringside minidump collect --subsystem modem vmcore --output modem
            """
    )

    @OptionGroup var input: MinidumpInput
    @OptionGroup var place: MinidumpOutput
    @OptionGroup var output: OutputOptions

    func run() throws {
        let dump = try input.open()
        guard dump.table != nil || dump.kind == .rawDump else {
            throw OperationError(
                "collect from",
                dump.source,
                cause: "a \(dump.kind.rawValue) was collected already",
                hint: "write its regions to files with: ringside minidump extract"
            )
        }
        try dump.expectRegions(for: "collect from")
        // The parts inside of the header come with it.
        let regions = dump.regionsOutsideOfHeader
        if place.dryRun {
            let all = (dump.headerRegion.map { [$0] } ?? []) + regions
            return try output.print(RegionListing(dump, regions: all)) { $0.table.description }
        }
        let manifest = try dump.write(
            regions,
            header: dump.headerRegion,
            to: place.path,
            progress: CopyProgress.report
        )
        try report(manifest, to: place.path, output)
    }
}

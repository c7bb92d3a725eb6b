// SPDX-License-Identifier: MIT
import ArgumentParser
import LinuxSystem
import Minidump
import SystemPackage

struct MinidumpRepair: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair",
        abstract: "Build the header region again from the tables of the firmware.",
        discussion: """
            Needs what holds the tables: a memory image, a vmcore or a raw dump. Writes md_KELF_HEADER.BIN, and files \
            for what only the old header held, into a directory that may hold the collected regions already.

            EXAMPLES
              ringside minidump repair guest.ram --output dump
            """
    )

    @OptionGroup var input: MinidumpInput
    @OptionGroup var place: MinidumpOutput
    @OptionGroup var output: OutputOptions

    func run() throws {
        let dump = try input.open()
        if place.dryRun { return try output.print(RegionListing(dump)) { $0.table.description } }
        let manifest = try dump.repair(to: place.path)
        try output.print(manifest) { _ in "\(place.path): a header for \(dump.regions.count) regions" }
    }
}

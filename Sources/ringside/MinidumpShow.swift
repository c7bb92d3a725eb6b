// SPDX-License-Identifier: MIT
import ArgumentParser
import Minidump

struct MinidumpShow: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "List the regions of a dump, or print one.",
        discussion: """
            EXAMPLES
              ringside minidump show guest.ram
              ringside minidump show --region KUTSNAME minidump.elf
              ringside minidump show --json dump
            """
    )

    @OptionGroup var input: MinidumpInput
    @OptionGroup var output: OutputOptions

    @Option(help: ArgumentHelp("Print the first bytes of this region.", valueName: "name"))
    var region: String?

    @Option(help: ArgumentHelp("How many of them.", valueName: "count"))
    var bytes = 256

    func validate() throws {
        guard (1...1 << 20).contains(bytes) else {
            throw ValidationError("--bytes \(bytes): not between 1 and 1048576")
        }
    }

    func run() throws {
        let dump = try input.open()
        if let region {
            let region = try dump.region(named: region)
            return Terminal.write(
                HexDump(bytes: try region.read(upTo: bytes), start: region.virtualAddress ?? 0).description
            )
        }
        try output.print(RegionListing(dump)) { listing in
            let kernel = listing.kernelRelease.map { ", Linux \($0)" } ?? ""
            let head =
                "\(listing.source): \(listing.kind.rawValue)\(kernel), \(listing.regions.count) regions"
            return ([head, listing.table.description] + listing.findings.map { printable($0.description) })
                .joined(separator: "\n")
        }
    }
}

/// Sixteen bytes in a line, in hexadecimal and as characters.
private struct HexDump: CustomStringConvertible {
    var bytes: [UInt8]
    var start: UInt64

    var description: String {
        stride(from: 0, to: bytes.count, by: 16).map { line in
            let part = bytes[line..<min(line + 16, bytes.count)]
            let digits = part.hexadecimalPairs.joined(separator: " ")
            let text = part.map { (0x20...0x7e).contains($0) ? String(UnicodeScalar($0)) : "." }.joined()
            return
                "\(hexadecimal(start &+ UInt64(line)))  \(digits)\(String(repeating: " ", count: 49 - digits.count))\(text)"
        }.joined(separator: "\n")
    }
}

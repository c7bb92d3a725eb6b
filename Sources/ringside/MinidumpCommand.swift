// SPDX-License-Identifier: MIT
import ArgumentParser
import LinuxSystem
import Minidump
import SystemPackage

struct MinidumpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "minidump",
        abstract: "Collect, assemble, check and read minidumps.",
        discussion: """
            An input is recognised by its content: a memory image (QEMU's memory file, pmemsave), an ELF vmcore \
            (dump-guest-memory, /proc/vmcore), a directory of md_*.BIN files, a raw dump partition (Raw_Dmp!), a \
            remoteproc devcoredump, a header region and files, or an ELF core that was assembled already.

            EXAMPLES
              ringside minidump collect guest.ram --output dump
              ringside minidump check dump
              ringside minidump assemble dump --output minidump.elf
              ringside minidump log minidump.elf
            """,
        subcommands: [
            MinidumpTables.self, MinidumpShow.self, MinidumpExtract.self, MinidumpCollect.self,
            MinidumpAssemble.self, MinidumpSplit.self, MinidumpCheck.self, MinidumpRepair.self,
            MinidumpLog.self,
            MinidumpBench.self, MinidumpDemo.self,
        ]
    )
}

/// The input of every command on a dump.
struct MinidumpInput: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "A dump; or a header region and the files of regions.",
            valueName: "file|directory"
        ),
        completion: .file()
    )
    var input: [String]

    @Option(
        help: ArgumentHelp(
            "Physical address of the global table; searched for otherwise.",
            valueName: "address"
        )
    )
    var table: PhysicalAddress?

    @Option(
        help: ArgumentHelp("Whose regions: apss, modem, adsp, cdsp or a number.", valueName: "name|number")
    )
    var subsystem = SubsystemIndex(argument: "apss") ?? SubsystemIndex()

    func open() throws -> Dump {
        try Dump(
            opening: input.map { FilePath($0) },
            options: DumpOptions(tableAddress: table?.value, subsystem: subsystem.value)
        )
    }
}

/// An address, decimal or with `0x`.
struct PhysicalAddress: ExpressibleByArgument {
    var value: UInt64

    init?(argument: String) {
        let digits = argument.lowercased()
        guard let value = digits.hasPrefix("0x") ? UInt64(digits.dropFirst(2), radix: 16) : UInt64(digits)
        else { return nil }
        self.value = value
    }
}

/// A subsystem by its usual name or its number.
struct SubsystemIndex: ExpressibleByArgument {
    private static let names = ["apss": 0, "modem": 3, "adsp": 5, "cdsp": 7]
    var value = 0

    init() {}

    init?(argument: String) {
        guard let value = Self.names[argument.lowercased()] ?? Int(argument), value >= 0 else { return nil }
        self.value = value
    }

    var defaultValueDescription: String { "apss" }
    static var allValueStrings: [String] { ["apss", "modem", "adsp", "cdsp"] }
}

/// Where the files go.
struct MinidumpOutput: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("Where to write.", valueName: "path"),
        completion: .file()
    )
    var output: String

    @Flag(help: "Print what would be written, and write nothing.")
    var dryRun = false

    var path: FilePath { FilePath(output) }
}

/// A counter on standard error, for people who wait for large inputs.
struct CopyProgress {
    private static let worthwhile: UInt64 = 256 << 20

    static func report(_ done: UInt64, _ total: UInt64) {
        guard total >= worthwhile, done % (16 << 20) == 0 else { return }
        Terminal.showProgress("\(done >> 20) of \(total >> 20) MiB")
    }
}

/// The regions of a dump, as a table and as JSON.
struct RegionListing: Encodable {
    var source: String
    var kind: InputKind
    var kernelRelease: String?
    var regions: [Row]
    var findings: [Finding]

    struct Row: Encodable {
        var name: String
        var virtualAddress: String?
        var physicalAddress: String?
        var size: UInt64
        var missing: UInt64
    }

    init(_ dump: Dump, regions: [DumpRegion]? = nil) {
        (source, kind, findings) = (dump.source, dump.kind, dump.findings)
        kernelRelease = dump.vmcoreInfo?["OSRELEASE"]
        self.regions = (regions ?? dump.regions).map { region in
            Row(
                name: region.name,
                virtualAddress: region.virtualAddress.map(hexadecimal),
                physicalAddress: region.physicalAddress.map(hexadecimal),
                size: region.size,
                missing: region.missingBytes
            )
        }
    }

    var table: Table {
        Table(
            columns: ["region", "virtual", "physical", "size", "missing"],
            rows: regions.map {
                [
                    printable($0.name), $0.virtualAddress ?? "-", $0.physicalAddress ?? "-", "\($0.size)",
                    $0.missing == 0 ? "-" : "\($0.missing)",
                ]
            }
        )
    }
}

/// `0x…`.
func hexadecimal(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }

/// Text of a dump without what a terminal would act on.
func printable(_ text: String) -> String {
    String(
        text.unicodeScalars.map { $0.value < 0x20 || (0x7f...0x9f).contains($0.value) ? "?" : Character($0) }
    )
}

/// Prints what was written; exits 1 where something is missing from it.
func report(_ manifest: Manifest, to path: FilePath, _ output: OutputOptions) throws {
    try output.print(manifest) { manifest in
        let lines = manifest.findings.map { printable($0.description) }
        let missing = manifest.regions.reduce(UInt64(0)) { $0 &+ $1.missing }
        let bytes = manifest.regions.reduce(UInt64(0)) { $0 &+ ($1.size &- $1.missing) }
        let tail = missing == 0 ? "" : "; \(missing) bytes are missing"
        return (lines + ["\(path): \(manifest.regions.count) regions, \(bytes) bytes\(tail)"]).joined(
            separator: "\n"
        )
    }
    if !manifest.isComplete { throw ExitCode(1) }
}

// SPDX-License-Identifier: MIT
import ArgumentParser
import LinuxSystem
import Minidump
import SystemPackage

struct MinidumpLog: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log",
        abstract: "Print the kernel log that a dump holds.",
        discussion: """
            Decodes the ring that printk writes, with nothing but the VMCOREINFO in the dump; no debug symbols.

            EXAMPLES
              ringside minidump log minidump.elf
              ringside minidump log guest.ram
              ringside minidump log --region KLOGTEXT minidump.elf
            """
    )

    @OptionGroup var input: MinidumpInput
    @OptionGroup var output: OutputOptions

    @Option(help: ArgumentHelp("Print the text in this region instead.", valueName: "name"))
    var region: String?

    private struct Log: Encodable {
        var records: [LogRecord]
        var missing: Int
    }

    func run() throws {
        let dump = try input.open()
        if let region {
            let text = try dump.region(named: region).read(upTo: 16 << 20).prefix { $0 != 0 }
            return Terminal.write(printableLines(String(decoding: text, as: UTF8.self)))
        }
        let (records, missing) = try dump.kernelLog()
        try output.print(Log(records: records, missing: missing)) { log in
            log.records.map { printableLines($0.line) }.joined(separator: "\n")
        }
        if missing > 0 {
            Terminal.writeError("ringside: \(missing) records were not captured")
            throw ExitCode(1)
        }
    }

    private func printableLines(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { printable(String($0)) }.joined(
            separator: "\n"
        )
    }
}

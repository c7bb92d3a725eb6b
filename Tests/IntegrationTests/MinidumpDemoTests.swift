// SPDX-License-Identifier: MIT
import FoundationEssentials
import LinuxSystem
import SystemPackage
import Testing

@Suite(.needsTestVM, .serialized) struct MinidumpDemoTests {
    private struct Report: Decodable {
        struct Region: Decodable {
            var name, virtual, verdict: String
            var size: Int
        }
        var regions: [Region]
        var logRecords: Int
        var lastWords: String
    }

    /// A kernel panics; what is collected from its memory is, byte for byte, what QEMU dumped of it.
    @Test func everyByteOfACrashIsProved() async throws {
        let directory = try FilePath.makeTemporaryDirectory(prefix: "ringside-test")
        let kept = directory.appending("kept")
        let outcome = try await Host.run("minidump", "demo", "--json", "--keep", kept.string)
        #expect(outcome.status == 0, "\(outcome.error)")
        let report = try JSONDecoder().decode(Report.self, from: Data(outcome.output.utf8))
        #expect(report.regions.count >= 8)
        #expect(report.regions.filter { $0.virtual.hasPrefix("0xffffc9") }.count >= 2, "vmalloc memory")
        for region in report.regions { #expect(region.verdict == "equal", "\(region.name)") }
        #expect(report.logRecords > 100)
        #expect(report.lastWords.contains("Kernel panic - not syncing: minidump_client"))

        // readelf, which did not write the core, finds every section in a segment, under its name.
        let sections = try await Host.shell("readelf -lSW \(kept)/minidump.elf")
        #expect(sections.status == 0)
        let mapping = try #require(
            sections.output.firstRange(of: "Section to Segment mapping").map {
                String(sections.output[$0.upperBound...])
            }
        )
        for region in report.regions where region.size > 0 {
            #expect(mapping.contains(region.name), "\(region.name) is in no segment")
        }
        try await expectOneDump(in: kept, logRecords: report.logRecords)
        try directory.removeTree()
    }

    /// QEMU's own vmcore, its memory file, the collected files and the core hold one dump and one log.
    private func expectOneDump(in kept: FilePath, logRecords: Int) async throws {
        let collected = kept.appending("from-vmcore")
        let outcome = try await Host.run(
            "minidump",
            "collect",
            "\(kept)/oracle.core",
            "--output",
            collected.string
        )
        #expect(outcome.status == 0, "\(outcome.error)")
        let difference = try await Host.shell("diff -r '\(collected)' '\(kept)/collected'")
        #expect(difference.status == 0, "\(difference.output)")

        var logs: [String] = []
        for name in ["guest.ram", "oracle.core", "collected", "minidump.elf"] {
            let check = try await Host.run("minidump", "check", "\(kept)/\(name)")
            #expect(check.status == 0, "\(name): \(check.output)")
            logs.append(try await Host.run("minidump", "log", "\(kept)/\(name)").output)
        }
        #expect(Set(logs).count == 1)
        let text = try await Host.run("minidump", "log", "--region", "KLOGTEXT", "\(kept)/minidump.elf")
            .output
        let last = text.split(separator: "\n").last { $0.contains("minidump_client: as requested") }
        #expect(try #require(last).contains("Kernel panic"))
        #expect(logs[0].split(separator: "\n").count >= logRecords)
    }
}

// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing

/// `ringside ring bench` as a user types it, on this host.
@Suite(.enabled(if: Host.ringside.exists, "the release build is not there")) struct RingBenchCommandTests {
    private static let quick = [
        "ring", "bench", "--rounds", "2", "--workload", "device,notify", "--batch", "8",
    ]

    @Test func comparesWithWhatItPrintedBefore() async throws {
        let directory = try FilePath.makeTemporaryDirectory(prefix: "ring-bench")
        let baseline = directory.appending("before.json")
        let plot = directory.appending("bench.svg")
        let first = try await Host.run(Self.quick + ["--json"])
        #expect(first.status == 0, "\(first.error)")
        try baseline.write(first.output.utf8)
        let second = try await Host.run(Self.quick + ["--baseline", baseline.string, "--plot", plot.string])
        let picture = try plot.readText()
        try directory.removeTree()
        #expect(second.status == 0, "\(second.error)")
        let rows = second.output.split(separator: "\n")
        let devices = rows.filter { $0.hasPrefix("device") }
        #expect(devices.count == 2)
        #expect(devices.allSatisfy { ["faster", "slower", "alike"].contains($0.split(separator: " ").last) })
        // A row for each distance of the processors, which the host may change.
        #expect(rows.count { $0.hasPrefix("notify") } >= 2)
        #expect(picture.hasPrefix("<svg") && picture.contains("baseline"))
    }

    /// The baseline is one that no machine reaches.
    @Test func failsAboveAThresholdOnlyWhenAsked() async throws {
        let directory = try FilePath.makeTemporaryDirectory(prefix: "ring-bench")
        let baseline = directory.appending("before.json")
        let first = try await Host.run(Self.quick + ["--json"]).output
        let impossible = first.split(separator: "\n").map { line -> String in
            let words = line.split(separator: ":")
            let isTime = ["\"least\"", "\"median\"", "\"most\""].contains {
                words.first?.contains($0) ?? false
            }
            return isTime ? "\(words[0]) : 0.0001\(line.hasSuffix(",") ? "," : "")" : String(line)
        }
        try baseline.write(impossible.joined(separator: "\n").utf8)
        let asked = try await Host.run(
            Self.quick + ["--baseline", baseline.string, "--fail-above", "1000"]
        )
        let unasked = try await Host.run(Self.quick + ["--baseline", baseline.string])
        try directory.removeTree()
        #expect(asked.status == 1 && asked.output.contains("slower"), "\(asked.error)")
        #expect(unasked.status == 0 && unasked.output.contains("slower"), "\(unasked.error)")
    }

    @Test func listsCasesWithoutMeasuring() async throws {
        let list = try await Host.run(
            "ring",
            "bench",
            "--list",
            "--workload",
            "pair",
            "--chain",
            "1,indirect"
        )
        #expect(list.status == 0)
        #expect(list.output.split(separator: "\n").first == "pair split 1 batch 1 ring 256")
        #expect(list.output.split(separator: "\n").count == 8)
    }

    @Test(arguments: [
        ["--batch", "65"], ["--workload", "none"], ["--size", "100"], ["--size", "16", "--batch", "32"],
        ["--fail-above", "5"], ["--cpus", "0"], ["--regions", "9"],
    ])
    func refusesWrongUsage(arguments: [String]) async throws {
        let outcome = try await Host.run(["ring", "bench"] + arguments)
        #expect(outcome.status == 2 && outcome.error.contains("ring bench"), "\(outcome)")
    }

    @Test func namesABaselineThatIsNone() async throws {
        let missing = try await Host.run(Self.quick + ["--baseline", "/nonexistent"])
        #expect(missing.status == 1 && missing.error.contains("read /nonexistent: ENOENT"))
        let other = try await Host.run(Self.quick + ["--baseline", "/proc/version"])
        #expect(other.status == 1 && other.error.contains("it is not what ring bench --json prints"))
    }
}

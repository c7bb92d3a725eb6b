// SPDX-License-Identifier: MIT
import FoundationEssentials
import LinuxSystem
import SystemPackage
import Testing

@Suite(.needsTestVM, .serialized) struct QuickstartTests {
    /// What this test looks at in the output of `quickstart --json`.
    private struct Summary: Decodable {
        struct Stage: Decodable {
            struct Run: Decodable {
                var iodepth: Int
                var requests: Int
                var iops: Double
            }
            struct Result: Decodable {
                var runs: [Run]?
                var bytes: Int?
            }
            var name: String
            var milliseconds: Int
            var result: Result?

            enum CodingKeys: CodingKey { case name, milliseconds, result }

            init(from decoder: any Decoder) throws {
                let fields = try decoder.container(keyedBy: CodingKeys.self)
                name = try fields.decode(String.self, forKey: .name)
                milliseconds = try fields.decode(Int.self, forKey: .milliseconds)
                let isMeasured = ["write and compare", "throughput"].contains(name)
                result = isMeasured ? try fields.decode(Result.self, forKey: .result) : nil
            }
        }
        var kernel: String
        var packed: [String]
        var stages: [Stage]
        var totalMilliseconds: Int
    }

    @Test func theMainJobPassesAndASecondRunPacksNothing() async throws {
        let first = try await Host.run("quickstart", "--json")
        #expect(first.status == 0, "\(first.error)")
        let second = try await Host.run("quickstart", "--json")
        #expect(second.status == 0, "\(second.error)")
        let summary = try JSONDecoder().decode(Summary.self, from: Data(second.output.utf8))
        #expect(summary.packed == [])
        #expect(
            summary.stages.map(\.name) == [
                "prepare", "boot", "load modules", "create target", "open device", "probe LUNs",
                "write and compare",
                "throughput", "delete target", "unload modules", "unmount configfs", "unload configfs",
                "power off",
            ]
        )
        #expect(summary.stages.first { $0.name == "write and compare" }?.result?.bytes == 64 << 20)
        let runs = try #require(summary.stages.first { $0.name == "throughput" }?.result?.runs)
        #expect(runs.map(\.iodepth) == [1, 32])
        #expect(runs.allSatisfy { $0.requests > 0 && $0.iops > 0 })
        #expect(summary.stages.allSatisfy { $0.milliseconds >= 0 })
        #expect(
            summary.totalMilliseconds >= summary.stages.map(\.milliseconds).reduce(0, +)
                - summary.stages.count
        )
    }

    @Test func aStepThatFailsIsNamedWithItsCauseAndTheLogsAreKept() async throws {
        let outcome = try await Host.run("quickstart", "--lun", "ramdisk:1T")
        #expect(outcome.status == 1)
        #expect(
            outcome.error.contains("ringside: run ringside target create naa.5001405c0ffee001"),
            "\(outcome.error)"
        )
        let line = try #require(outcome.error.split(separator: "\n").last)
        let directory = FilePath(String(try #require(line.split(separator: " ").last)))
        #expect(try directory.appending("commands.log").readText().contains("$ ringside target create"))
        #expect(try directory.appending("kernel.log").readText().contains("Linux version"))
        try directory.removeTree()
    }

    @Test func aLUNThatIsNoneIsRefusedBeforeAnythingStarts() async throws {
        let outcome = try await Host.run("quickstart", "--lun", "bogus")
        #expect(outcome.status == 2)
        #expect(outcome.error.contains("'bogus' is no kind of backstore"))
    }

    @Test func aDryRunBootsNothing() async throws {
        let outcome = try await Host.run("quickstart", "--dry-run")
        #expect(outcome.status == 0)
        #expect(
            outcome.output.contains(
                "ringside target create naa.5001405c0ffee001 --tpgt 1 --lun 0=ramdisk:64M"
            )
        )
    }
}

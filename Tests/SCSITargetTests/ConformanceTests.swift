// SPDX-License-Identifier: MIT
import SCSITarget
import SystemPackage
import Testing

/// The conformance tests of libiscsi, which reach the unit through iSCSI with two initiators.
struct ConformanceTests {
    /// Two fail for the tests' own sake: `UnmapSingle` takes the second block of a physical block for the first of the
    /// next, `OneCommand` has no room for a command of 32 bytes.
    @Test(arguments: [nil, ProtectionType.one]) func libiscsi(_ type: ProtectionType?) async throws {
        let target = TargetDevice()
        let protection = try type.map { UnitProtection($0, tuples: try MemoryTuples(blocks: 1 << 17)) }
        let unit = LogicalUnit(
            store: try RAMStore(byteCount: 64 << 20),
            identity: UnitIdentity(serial: "conformance"),
            protection: protection
        )
        target.attach(unit, at: 0)
        let server = try ISCSIServer(target)
        defer { server.stop() }
        let names = ["-i", "iqn.2026-11.test:a", "-I", "iqn.2026-11.test:b"]
        let text = try await SCSITools.run(
            "iscsi-test-cu",
            ["-d", "-v", "-g", "-t", "SCSI"] + names + ["iscsi://127.0.0.1:\(server.port)/iqn.2026-11.test/0"]
        ).text
        let results = ConformanceResults(text)
        #expect(
            results.failed == ["GetLBAStatus.UnmapSingle", "ReportSupportedOpcodes.OneCommand"],
            "\(text)"
        )
        #expect(results.passed.count >= 168, "\(results.passed)")
        #expect(results.passed.filter { $0.hasPrefix("ProutReserve.") }.count == 13, "\(results.passed)")
    }
}

/// What `iscsi-test-cu -v` printed: its own count takes a skipped test as passed.
private struct ConformanceResults {
    var passed: [String] = []
    var skipped: [String] = []
    var failed: [String] = []

    init(_ text: String) {
        var suite = ""
        var test = ""
        var lines: [Substring] = []
        func isEnd(_ line: Substring) -> Bool { line.contains("Test: ") || line.hasPrefix("Suite: ") }
        for line in (text + "\nSuite: end").split(separator: "\n") {
            if isEnd(line) && !test.isEmpty {
                let name = "\(suite).\(test)"
                if lines.contains(where: { $0.hasSuffix("FAILED") }) {
                    failed.append(name)
                } else if lines.contains(where: { $0.contains("SKIPPED") || $0.contains("does not support") })
                {
                    skipped.append(name)
                } else {
                    passed.append(name)
                }
                test = ""
            }
            if line.hasPrefix("Suite: ") { suite = String(line.dropFirst(7)) }
            if line.hasPrefix("  Test: ") {
                test = line.dropFirst(8).prefix { $0 != " " }.description
                lines = []
            }
            lines.append(line)
        }
    }
}

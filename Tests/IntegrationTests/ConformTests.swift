// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import TestVM
import Testing

/// `ringside vhost conform` against the kernel's own device, and against `ringside serve`.
@Suite(.needsTestVM, .serialized) struct ConformTests {
    /// The last line of a report: what passed, differed, failed and was skipped.
    private func counts(_ output: String) -> [Int] {
        (output.split(separator: "\n").last ?? "").split { !$0.isNumber }.compactMap { Int($0) }
    }

    @Test func theKernelPassesOrDiffersAsKnown() async throws {
        // What the cases do to the kernel's memory must show.
        let log = try await VirtualHost.boot(modules: ["vhost_scsi"], append: ["slub_debug=FZPU"]) { host in
            let outcome = try await host.run("ringside vhost conform --load")
            #expect(outcome.status == 0, "\(outcome.output)\(outcome.error)")
            let counts = counts(outcome.output)
            // At least 120 cases, and none that could not be tried.
            #expect(counts.count == 4 && counts[0] >= 200 && counts[2...] == [0, 0], "\(outcome.output)")
            let left = try await host.run(
                "find /sys/kernel/config/target/vhost /sys/kernel/config/target/core -name 'naa*' -o -name 'conf*'"
            )
            #expect(left.output.isEmpty)
            let unload = try await host.run("ringside module unload --dependents vhost_scsi")
            #expect(unload.status == 0, "\(unload.error)")
        }
        #expect(log.trouble.map(\.text) == [])
    }

    @Test func ourOwnBackEndPasses() async throws {
        let directory = try FilePath.makeTemporaryDirectory(prefix: "conform")
        defer { #expect(throws: Never.self) { try directory.removeTree() } }
        let outcome = try await Host.shell(
            """
            cd '\(directory)'
            '\(Host.ringside)' serve --socket s --control c --lun 0=ramdisk:8M --lun 1=ramdisk:1M,pi=1 >/dev/null 2>&1 &
            for tries in $(seq 300); do [ -S c ] && break; sleep 0.1; done
            '\(Host.ringside)' vhost conform --write --socket s --control c
            status=$?
            kill $!
            wait $! || status=1
            exit $status
            """
        )
        #expect(outcome.status == 0, "\(outcome.output)\(outcome.error)")
        let counts = counts(outcome.output)
        // NOTIFY_ON_EMPTY, which belongs to devices of old, is all that is skipped.
        #expect(counts.count == 4 && counts[0] >= 200 && counts[1...2] == [0, 0], "\(outcome.output)")
        let skipped = outcome.output.split(separator: "\n").filter { $0.contains("not offered") }
        #expect(skipped.allSatisfy { $0.contains("NOTIFY_ON_EMPTY") }, "\(skipped)")
    }

    @Test func aDeviceThatIsNotThereIsAnError() async throws {
        let absent = try await Host.run(
            "vhost",
            "conform",
            "--socket",
            "/nowhere",
            "--write",
            "--case",
            "setup.features-*"
        )
        #expect(absent.status == 1)
        #expect(absent.output.contains("connect to /nowhere"))
        let unsaid = try await Host.run("vhost", "conform", "--socket", "/nowhere")
        #expect(unsaid.status == 2)
        #expect(unsaid.error.contains("--socket overwrites LUN 0 of the back-end: say --write to do it."))
        let wrong = try await Host.run("vhost", "conform", "--case", "nothing.*")
        #expect(wrong.status == 2)
    }
}

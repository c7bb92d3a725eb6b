// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import TestVM
import Testing

@Suite(.needsTestVM, .serialized) struct TargetMisuseTests {
    /// Each of `Guest/misuse.txt` fails in the very words that stand there, and none changes anything.
    @Test func misuseChangesNothing() async throws {
        let file = FilePath(#filePath).removingLastComponent().appending("Guest").appending("misuse.txt")
        let cases = try file.readText().dropLast().split(separator: "\n\n")
        #expect(cases.count >= 60)
        try await VirtualHost.bootForTargets(modules: ["vhost_scsi", "loop"]) { host in
            try await host.expectSuccess("ringside target create naa.5001405c0ffee001 --lun 0=ramdisk:1M")
            let before = try await host.tree()
            for expected in cases {
                let command = expected.dropFirst(2).prefix { $0 != "\n" }
                let outcome = try await host.run("{ \(command); } </dev/null")
                // How a command is used is not part of the message, and how much memory is free is not always the same.
                let message = outcome.error.split(separator: "\n", omittingEmptySubsequences: false)
                    .prefix { !$0.isEmpty && !$0.hasPrefix("Help:") && !$0.hasPrefix("Usage:") }
                    .joined(separator: "\n").replacing(/only [0-9]+M/, with: "only …M")
                #expect("$ \(command)\n\(message)\n[\(outcome.status)]" == expected)
                #expect(outcome.output == "", "\(command)")
                #expect(try await host.tree() == before, "\(command)")
            }
        }
    }
}

// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing

/// The core's device side against the running kernel's vhost-scsi, on random rings.
@Suite(.needsTestVM, .serialized) struct RingDifferentialTests {
    private static let root = FilePath(#filePath).removingLastComponent().removingLastComponent()
        .removingLastComponent()

    /// Builds the program that compares, for a machine without libraries.
    private func build() async throws -> FilePath {
        let program = Self.root.appending(".build/vhost_scsi")
        let build = try await Host.shell(
            """
            cd '\(Self.root)' && gcc -std=gnu11 -O2 -Wall -Wextra -Werror -static \
            -ISources/CVirtqueue/include -ISources/CVirtqueue/user -ITests/Vectors/include -ITests/Differential \
            Tests/Differential/vhost_scsi.c Tests/Differential/scenario.c Tests/Vectors/mock_driver.c \
            Sources/CVirtqueue/*.c -o '\(program)'
            """
        )
        try #require(build.status == 0, "\(build.error)")
        return program
    }

    /// `RINGSIDE_RINGS` of them, 200 by default.
    @Test func theCoreAndTheKernelMakeTheSameOfEachRing() async throws {
        let rings = SystemCalls.environmentValue("RINGSIDE_RINGS").flatMap { Int($0) } ?? 200
        let wwpn = "naa.5001405c0ffee0d1"
        let files = [(host: try await build(), guest: FilePath("/usr/bin/vhost_scsi"))]
        try await VirtualHost.boot(modules: ["vhost_scsi"], files: files) { host in
            let outcome = try await host.run(
                """
                set -e
                ringside module load vhost_scsi > /dev/null
                grep -q /sys/kernel/config /proc/mounts || mount -t configfs none /sys/kernel/config
                ringside target create \(wwpn) --tpgt 1 --lun 0=ramdisk:1M > /dev/null
                vhost_scsi \(wwpn) 1 \(rings)
                ringside target delete \(wwpn) > /dev/null
                """
            )
            #expect(outcome.status == 0, "\(outcome.output)\(outcome.error)")
            #expect(outcome.output.hasPrefix("vhost-scsi: \(rings) rings, "))
        }
    }
}

// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import TestVM
import Testing

/// The ring core and its vectors in a real kernel.
@Suite(
    .enabled(if: ModuleFixtures.obstacle == nil, Comment(rawValue: ModuleFixtures.obstacle ?? "")),
    .serialized
)
struct RingSelftestTests {
    private static let folder = FilePath(#filePath).removingLastComponent().removingLastComponent()
        .removingLastComponent().appending("kmod/ring_selftest")

    /// Builds the module for the kernel that the test VMs boot.
    private static func build() async throws -> String {
        let headers = try KernelImage.find().modules.appending("build")
        let outcome = try await Host.shell("make -s -C '\(headers)' M='\(folder)' modules >&2")
        guard outcome.status == 0 else { throw OperationError("build", "\(folder)", cause: outcome.error) }
        return folder.appending("ring_selftest.ko").string
    }

    @Test func everyVectorPassesInTheKernel() async throws {
        let log = try await VirtualHost.boot(modules: [Self.build()]) { host in
            #expect(try await host.run("insmod /lib/modules/*/updates/ring_selftest.ko").status == 0)
            let report = try await host.run("cat /sys/kernel/debug/ring_selftest").output
            let lines = report.split(separator: "\n")
            let counts = lines.filter { $0.hasPrefix("vectors: ") }.joined().split(separator: " ")
            #expect(counts.count == 5 && counts[3] == "0" && counts[4] == "failed", "\(report)")
            // No fewer than user space has, whose tests count them.
            #expect(counts.count == 5 && Int(counts[1]) ?? 0 >= 100, "\(report)")
            #expect(lines.filter { $0.hasSuffix(" ns") }.count == 4, "\(report)")
            let figures = try await host.run("ringside ring bench --kernel")
            #expect(figures.status == 0 && figures.output.hasPrefix("\(counts[1]) vectors passed, 0 failed"))
            #expect(figures.output.split(separator: "\n").count == 6, "\(figures.output)")
            let bench = try await host.run("ringside ring bench --rounds 1 --batch 8")
            #expect(bench.status == 0 && bench.output.contains("one processor only"), "\(bench)")
            #expect(try await host.run("rmmod ring_selftest").status == 0)
            let gone = try await host.run("ringside ring bench --kernel")
            #expect(gone.status == 1 && gone.error.contains("load the module of kmod/ring_selftest"))
        }
        #expect(log.trouble.isEmpty)
    }
}

// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing
import VhostUser

/// A server that can have few descriptors open, and a front-end that sends as many as it can.
@Suite(.needsTestVM) struct ServeDescriptorTests {
    private static let limit = 64

    @Test func theNextFrontEndIsServed() async throws {
        let directory = try FilePath.makeTemporaryDirectory(prefix: "descriptors")
        defer { #expect(throws: Never.self) { try directory.removeTree() } }
        let arguments = "--socket s --control c --lun 0=ramdisk:1M"
        let server = try ServedProcess(in: directory, arguments, descriptors: Self.limit)
        let files = FilePath("/proc/\(server.number)/fd")
        let before = try Self.count(files)
        for _ in 0..<2 {
            try await exhaust(directory, files)
            let verify = ["vhost", "verify", "--socket", "\(directory)/s", "--lun", "0", "--write"]
            let outcome = try await Host.run(verify)
            #expect(outcome.status == 0, "\(outcome)")
        }
        // All that was sent is closed.
        for _ in 0..<100 where try Self.count(files) > before {
            SystemCalls.sleep(microseconds: 10_000)
        }
        #expect(try Self.count(files) == before)
        // The log does not fill up meanwhile.
        #expect(try server.said.split(separator: "\n").count < 200)
        #expect(try server.end() == 0)
    }

    /// How many descriptors are open, of those that the limit is about.
    private static func count(_ files: FilePath) throws -> Int {
        try files.entryNames().compactMap { Int($0) }.count { $0 < limit }
    }

    /// Connects, sends eventfds until there is room for no more, and one more, which ends the connection.
    private func exhaust(_ directory: FilePath, _ files: FilePath) async throws {
        let session = try FrontEndSession(directory.appending("s"))
        let event = try EventFD()
        let passed = PassedDescriptor(try OwnedDescriptor(duplicating: event.number))
        func message(_ request: VhostUserRequest, _ ring: UInt64) -> VhostUserMessage {
            VhostUserMessage(request, ring.littleEndianBytes, rights: [passed], needsReply: true)
        }
        var kept: UInt64 = 0
        while try Self.count(files) < Self.limit && kept < 66 {
            let answer = try session.exchange(message(.setRingCall, kept))
            #expect(answer.payload == UInt64(0).littleEndianBytes)
            kept += 1
        }
        #expect(try Self.count(files) == Self.limit)
        // Whoever runs the server has to wait.
        let counters = try await Host.shell(
            "timeout 1 \(Host.ringside) serve ctl counters --control \(directory)/c"
        )
        #expect(counters.status != 0, "\(counters)")
        let error = #expect(throws: OperationError.self) { try session.exchange(message(.setRingError, 0)) }
        #expect(error?.cause == "the back-end has closed the connection")
    }
}

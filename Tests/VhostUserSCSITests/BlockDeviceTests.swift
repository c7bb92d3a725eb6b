// SPDX-License-Identifier: MIT
import Glibc
import LinuxSystem
import SystemPackage
import Testing
import VhostSCSI
import VhostUserSCSI

/// A block device that is not ours: the vhost-user-blk of QEMU's storage daemon.
struct BlockDeviceTests {
    private static let byteCount = 2 << 20

    private func withDaemon(_ options: String = "", _ body: (FilePath, FilePath) throws -> Void) throws {
        let directory = try FilePath.makeTemporaryDirectory(prefix: "blk")
        defer { #expect(throws: Never.self) { try directory.removeTree() } }
        let (file, socket) = (directory.appending("file"), directory.appending("s"))
        try file.makeFile(byteCount: Int64(Self.byteCount))
        let daemon = try ChildProcess.spawn(
            arguments: [
                "qemu-storage-daemon", "--blockdev", "file,filename=\(file),node-name=n", "--export",
                "vhost-user-blk,id=e,node-name=n,addr.type=unix,addr.path=\(socket)\(options)",
            ],
            environment: []
        )
        defer {
            #expect(throws: Never.self) {
                try SystemCalls.send(SIGTERM, to: daemon.processID)
                SystemCalls.wait(for: daemon.processID)
                for stream in [daemon.input, daemon.output, daemon.errorOutput] { try stream.close() }
            }
        }
        try NBDTests.waitForListener(at: socket)
        try body(file, socket)
    }

    private func driver(_ socket: FilePath, depth: Int = 8, queues: Int = 1) throws -> BlockDriver {
        let transport = try SocketTransport(socket, wanted: .wantedOfBlockDevice)
        return try BlockDriver(
            transport,
            configuration: try transport.configuration(byteCount: BlockDriver.configurationBytes),
            depth: depth,
            transferBytes: 64 << 10,
            queues: queues
        )
    }

    private func job(_ pattern: ThroughputJob.Pattern, seed: UInt64?) -> ThroughputJob {
        var job = ThroughputJob(pattern, blockSize: 4096, limit: .requests(UInt64(Self.byteCount / 4096)))
        job.verifySeed = seed
        return job
    }

    /// The daemon has one front-end at a time: this one is gone when it returns.
    private func fill(_ socket: FilePath, _ queues: Int) throws {
        let driver = try driver(socket, queues: queues)
        #expect(driver.capacity == SCSICapacity(blocks: UInt64(Self.byteCount / 512), blockSize: 512))
        #expect(!driver.isReadOnly)
        let result = try job(.write, seed: 5).run(on: driver)
        #expect(result.requests == 512 && result.writes.count == 512)
        try driver.detach()
    }

    @Test(arguments: [1, 2]) func whatIsWrittenIsInTheFile(_ queues: Int) throws {
        try withDaemon(",writable=on,num-queues=2") { file, socket in
            try fill(socket, queues)
            // The word at byte 8n is (n + seed) times the golden ratio of 2^64.
            let words = (0..<UInt64(Self.byteCount / 8)).map { ($0 + 5) &* 0x9e37_79b9_7f4a_7c15 }
            #expect(try file.readAll() == words.flatMap(\.littleEndianBytes))
            let read = try driver(socket, queues: queues)
            #expect(try job(.randomRead, seed: 5).run(on: read).reads.count == 512)
            #expect(throws: OperationError.self) { try job(.read, seed: 6).run(on: read) }
            try read.detach()
        }
    }

    @Test func oneThatIsReadOnlyIsNotWritten() throws {
        try withDaemon { file, socket in
            let driver = try driver(socket)
            #expect(driver.isReadOnly)
            #expect(throws: OperationError.self) { try job(.write, seed: nil).run(on: driver) }
            #expect(try job(.read, seed: nil).run(on: driver).requests == 512)
            try driver.detach()
            #expect(try file.readAll().allSatisfy { $0 == 0 })
        }
    }

    @Test func moreQueuesThanItHasAreRefused() throws {
        try withDaemon(",num-queues=2") { _, socket in
            let error = #expect(throws: OperationError.self) { try driver(socket, queues: 3) }
            #expect(error?.cause == "the device has 2")
        }
    }

    @Test func aSCSITargetIsNone() throws {
        let server = try RunningServer(["0=ramdisk:1M"])
        #expect(throws: OperationError.self) { try driver(server.socket) }
        try server.end()
    }
}

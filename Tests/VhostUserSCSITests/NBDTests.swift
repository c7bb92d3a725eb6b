// SPDX-License-Identifier: MIT
import Glibc
import LinuxSystem
import SystemPackage
import Testing
import VhostSCSI
import VhostUserSCSI

/// Blocks of somebody else's NBD server, which QEMU's storage daemon is here.
struct NBDTests {
    private static let byteCount = 4 << 20

    private static func start(_ directory: FilePath, options: String = "writable=on") throws -> ChildProcess {
        let (file, socket) = (directory.appending("file"), directory.appending("nbd"))
        if socket.exists { try socket.removeFile() }
        let daemon = try ChildProcess.spawn(
            arguments: [
                "qemu-storage-daemon", "--blockdev", "file,filename=\(file),node-name=n,discard=unmap",
                "--nbd-server", "addr.type=unix,addr.path=\(socket)", "--export",
                "nbd,id=e,node-name=n,name=disk,\(options)",
            ],
            environment: []
        )
        for _ in 0..<1000 where !socket.exists { SystemCalls.sleep(microseconds: 10_000) }
        return daemon
    }

    private static func end(_ daemon: ChildProcess) throws {
        try SystemCalls.send(SIGTERM, to: daemon.processID)
        SystemCalls.wait(for: daemon.processID)
        for stream in [daemon.input, daemon.output, daemon.errorOutput] { try stream.close() }
    }

    private func withDaemon(
        _ options: String = "writable=on",
        _ body: (FilePath, inout ChildProcess, SCSIInitiator) throws -> Void
    ) throws {
        let directory = try FilePath.makeTemporaryDirectory(prefix: "nbd")
        try directory.appending("file").makeFile(byteCount: Int64(Self.byteCount))
        var daemon = try Self.start(directory, options: options)
        let server = try RunningServer(["0=nbd:nbd+unix:///disk?socket=\(directory)/nbd"])
        let initiator = try SCSIInitiator(try SocketTransport(server.socket), target: 0, depth: 4)
        try body(directory, &daemon, initiator)
        try initiator.detach()
        try server.end()
        try Self.end(daemon)
        try directory.removeTree()
    }

    @Test func whatIsWrittenIsInTheServersFile() throws {
        try withDaemon { directory, _, initiator in
            let result = try SurfaceCheck(seed: 7).run(on: initiator, lun: 0)
            #expect(result.byteCount == Self.byteCount)
            let command = SCSICommand.read(address: 9, blocks: 1, blockSize: 512)
            let block = try initiator.execute(command, lun: 0)
            #expect(try directory.appending("file").readAll()[9 * 512..<10 * 512].elementsEqual(block))
        }
    }

    @Test func anExportThatIsReadOnlyIsWriteProtected() throws {
        try withDaemon("writable=off") { _, _, initiator in
            try initiator.testUnitReady(lun: 0)
            let answer = try initiator.send(.write(address: 0, blocks: 1, blockSize: 512), lun: 0)
            // DATA PROTECT, WRITE PROTECTED
            #expect(answer.status == 2 && answer.sense[2] == 7 && answer.sense[12] == 0x27)
        }
    }

    @Test func aServerThatComesBackIsUsedAgain() throws {
        try withDaemon { directory, daemon, initiator in
            let read = SCSICommand.read(address: 0, blocks: 1, blockSize: 512)
            try initiator.testUnitReady(lun: 0)
            try Self.end(daemon)
            // MEDIUM ERROR, UNRECOVERED READ ERROR
            let failed = try initiator.send(read, lun: 0)
            #expect(failed.status == 2 && failed.sense[2] == 3 && failed.sense[12] == 0x11, "\(failed)")
            daemon = try Self.start(directory)
            // It may not listen yet.
            for _ in 0..<100 where try !initiator.send(read, lun: 0).isGood {
                SystemCalls.sleep(microseconds: 10_000)
            }
            #expect(try initiator.send(read, lun: 0).isGood)
        }
    }

    @Test func aServerThatIsNotThereIsAnError() throws {
        let specification = try UnitSpecification("0=nbd:nbd+unix:///?socket=/nowhere")
        #expect(throws: OperationError.self) { try specification.open() }
    }
}

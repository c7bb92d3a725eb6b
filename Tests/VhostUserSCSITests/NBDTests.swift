// SPDX-License-Identifier: MIT
import Glibc
import LinuxSystem
import Synchronization
import SystemPackage
import Testing
import VhostSCSI
import VhostUserSCSI

/// Blocks of somebody else's NBD server, which QEMU's storage daemon is here.
struct NBDTests {
    private static let byteCount = 4 << 20

    /// - Parameter faults: of QEMU's `blkdebug`, which fails what it is told to.
    static func start(
        _ directory: FilePath,
        options: String = "writable=on",
        faults: String = "",
        clients: Int = 0
    ) throws -> ChildProcess {
        let (file, socket) = (directory.appending("file"), directory.appending("nbd"))
        if socket.exists { try socket.removeFile() }
        let daemon = try ChildProcess.spawn(
            arguments: [
                "qemu-storage-daemon", "--blockdev",
                "raw,node-name=n,discard=unmap,file.driver=blkdebug,file.discard=unmap,file.image.driver=file,"
                    + "file.image.discard=unmap,file.image.filename=\(file)\(faults)",
                "--nbd-server", "addr.type=unix,addr.path=\(socket),max-connections=\(clients)", "--export",
                "nbd,id=e,node-name=n,name=disk,\(options)",
            ],
            environment: []
        )
        try waitForListener(at: socket)
        return daemon
    }

    /// Waits until somebody listens at a socket, which is there a moment before.
    static func waitForListener(at socket: FilePath) throws {
        for _ in 0..<1000 {
            let sockets = try FilePath("/proc/net/unix").readText().split(separator: "\n")
            if sockets.contains(where: { $0.hasSuffix(" \(socket)") && $0.contains(" 00010000 ") }) { return }
            SystemCalls.sleep(microseconds: 10_000)
        }
    }

    static func end(_ daemon: ChildProcess) throws {
        try SystemCalls.send(SIGTERM, to: daemon.processID)
        SystemCalls.wait(for: daemon.processID)
        for stream in [daemon.input, daemon.output, daemon.errorOutput] { try stream.close() }
    }

    private func withDaemon(
        _ options: String = "writable=on",
        faults: String = "",
        depth: Int = 4,
        _ body: (FilePath, inout ChildProcess, SCSIInitiator) throws -> Void
    ) throws {
        let directory = try FilePath.makeTemporaryDirectory(prefix: "nbd")
        try directory.appending("file").makeFile(byteCount: Int64(Self.byteCount))
        var daemon = try Self.start(directory, options: options, faults: faults)
        let server = try RunningServer(["0=nbd:nbd+unix:///disk?socket=\(directory)/nbd"])
        let initiator = try SCSIInitiator(try SocketTransport(server.socket), target: 0, depth: depth)
        try body(directory, &daemon, initiator)
        try initiator.detach()
        try server.end()
        try Self.end(daemon)
        try directory.removeTree()
    }

    /// 32 commands at a time.
    @Test func whatIsWrittenIsInTheServersFile() throws {
        try withDaemon(depth: 32) { directory, _, initiator in
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
            #expect(try initiator.send(write, lun: 0).isGood)
            #expect(try initiator.send(flush, lun: 0).isGood)
            try lose(&daemon, directory, initiator)
            let failed = try initiator.send(read, lun: 0)
            #expect(failed.decodedSense == Self.becomingReady, "\(failed)")
            daemon = try Self.start(directory)
            // It may not be found yet.
            for _ in 0..<200 where try !initiator.send(read, lun: 0).isGood {
                SystemCalls.sleep(microseconds: 10_000)
            }
            #expect(try initiator.send(read, lun: 0).isGood)
            // All that was written is safe.
            #expect(try initiator.send(flush, lun: 0).isGood)
        }
    }

    private let write = SCSICommand.write(address: 0, blocks: 1, blockSize: 512)
    private let stable = SCSICommand.raw([0x2a, 0x08, 0, 0, 0, 0, 0, 0, 1, 0], byteCount: 512, isWrite: true)
    private let flush = SCSICommand.raw([0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0], byteCount: 0, isWrite: false)
    static let becomingReady = SCSISense(key: 2, code: 4, qualifier: 1)
    private static let writeError = SCSISense(key: 3, code: 0x0c, qualifier: 0)

    /// Ends the server, and waits until that is known.
    private func lose(
        _ daemon: inout ChildProcess,
        _ directory: FilePath,
        _ initiator: SCSIInitiator
    ) throws {
        try Self.end(daemon)
        let read = SCSICommand.read(address: 0, blocks: 1, blockSize: 512)
        for _ in 0..<100 where try initiator.send(read, lun: 0).isGood {
            SystemCalls.sleep(microseconds: 10_000)
        }
    }

    /// What was answered, and not made safe, may be gone with the server: nothing says later that it is safe.
    @Test func aFlushFailsForGoodAfterUnsafeWritesWereLost() throws {
        try withDaemon { directory, daemon, initiator in
            try initiator.testUnitReady(lun: 0)
            #expect(try initiator.send(write, lun: 0).isGood)
            try lose(&daemon, directory, initiator)
            daemon = try Self.start(directory)
            for _ in 0..<200 where try !initiator.send(write, lun: 0).isGood {
                SystemCalls.sleep(microseconds: 10_000)
            }
            for command in [flush, flush, stable] {
                #expect(try initiator.send(command, lun: 0).decodedSense == Self.writeError)
            }
            #expect(try initiator.send(write, lun: 0).isGood)
        }
    }

    /// A fault that the server's disk has once.
    private static func fault(_ event: String, _ error: CInt) -> String {
        let fault = ",file.inject-error.0"
        return "\(fault).event=\(event)\(fault).errno=\(error)\(fault).once=on"
    }

    /// A server's disk tells once that it lost what was written.
    @Test func aFlushThatFailedFailsForGood() throws {
        try withDaemon(faults: Self.fault("flush_to_disk", EIO)) { _, _, initiator in
            try initiator.testUnitReady(lun: 0)
            #expect(try initiator.send(write, lun: 0).isGood)
            for command in [flush, flush, stable] {
                #expect(try initiator.send(command, lun: 0).decodedSense == Self.writeError)
            }
            #expect(try initiator.send(write, lun: 0).isGood)
            #expect(try initiator.send(.read(address: 0, blocks: 1, blockSize: 512), lun: 0).isGood)
        }
    }

    /// A server that has no room for a write is none that lost anything.
    @Test func aServerThatIsFullSaysSo() throws {
        try withDaemon(faults: Self.fault("write_aio", ENOSPC)) { _, _, initiator in
            try initiator.testUnitReady(lun: 0)
            let refused = try initiator.send(write, lun: 0)
            // DATA PROTECT, SPACE ALLOCATION FAILED WRITE PROTECT
            #expect(refused.decodedSense == SCSISense(key: 7, code: 0x27, qualifier: 7), "\(refused)")
            for command in [write, flush, stable] { #expect(try initiator.send(command, lun: 0).isGood) }
        }
    }

    /// A unit is removed and added again, with a server of one client at a time; who waits for it keeps nobody waiting.
    @Test func aUnitThatIsRemovedLetsGoOfTheServer() throws {
        let directory = try FilePath.makeTemporaryDirectory(prefix: "nbd")
        try directory.appending("file").makeFile(byteCount: Int64(Self.byteCount))
        let daemon = try Self.start(directory, clients: 1)
        let store = "nbd:nbd+unix:///disk?socket=\(directory)/nbd"
        let server = try RunningServer(["0=\(store)"])
        let control = server.control
        let answers = Mutex<[String]>([])
        let asker = try WorkerThread(name: "asker") {
            do {
                let add = ControlRequest.add(try UnitSpecification("1=\(store)"))
                answers.withLock { $0.append("asked") }
                let answer = try add.send(to: control)
                answers.withLock { $0.append(answer) }
            } catch {
                answers.withLock { $0.append("\(error)") }
            }
        }
        while answers.withLock({ $0.isEmpty }) { SystemCalls.sleep(microseconds: 1000) }
        SystemCalls.sleep(microseconds: 50_000)
        #expect(try ControlRequest.counters.send(to: control) == "no request ring runs")
        #expect(answers.withLock { $0 } == ["asked"])
        #expect(try ControlRequest.remove(target: 0, lun: 0).send(to: control) == "removed 0:0")
        asker.join()
        #expect(answers.withLock { $0 } == ["asked", "added 0:1=\(store)"])
        let initiator = try SCSIInitiator(try SocketTransport(server.socket), target: 0)
        try initiator.testUnitReady(lun: 1)
        // A second client would wait for ever.
        #expect(throws: OperationError.self) { try UnitSpecification("2=\(store)").open(for: "s") }
        try initiator.detach()
        try server.end()
        try Self.end(daemon)
        try directory.removeTree()
    }

    /// Data from memory that a front-end took away ends its connection, and not the one to the server.
    @Test func memoryThatIsTakenAwayIsNotTheServersLoss() throws {
        let directory = try FilePath.makeTemporaryDirectory(prefix: "nbd")
        try directory.appending("file").makeFile(byteCount: Int64(Self.byteCount))
        let daemon = try Self.start(directory)
        let server = try RunningServer(["0=nbd:nbd+unix:///disk?socket=\(directory)/nbd"])
        let write: [UInt8] = [0x2a, 0, 0, 0, 0, 0, 0, 0, 8, 0]
        do {
            let hostile = try HostileDriver(server.socket)
            // The first meets a unit attention.
            for _ in 0..<2 {
                try hostile.send(write, data: (0x50000, 4096))
                #expect(try hostile.areAnswered(2))
            }
            try hostile.truncate(to: 0x80000)
            try hostile.send(write, data: (0xc0000, 4096))
            #expect(server.says("its file was truncated"), "\(server.said)")
        }
        let initiator = try SCSIInitiator(try SocketTransport(server.socket), target: 0)
        try initiator.testUnitReady(lun: 0)
        #expect(try initiator.send(flush, lun: 0).isGood)
        try initiator.detach()
        try server.end()
        try Self.end(daemon)
        try directory.removeTree()
    }

    @Test func aServerThatIsNotThereIsAnError() throws {
        let specification = try UnitSpecification("0=nbd:nbd+unix:///?socket=/nowhere")
        #expect(throws: OperationError.self) { try specification.open(for: "/tmp/s") }
    }
}

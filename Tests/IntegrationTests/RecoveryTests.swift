// SPDX-License-Identifier: MIT
import Glibc
import LinuxSystem
import SystemPackage
import Testing

/// A server that is killed under load, again and again: the next one goes on with what was in flight.
@Suite(.needsTestVM, .serialized) struct RecoveryTests {
    /// `RINGSIDE_RECOVERY_ROUNDS` makes it a long one.
    private static let rounds =
        SystemCalls.environmentValue("RINGSIDE_RECOVERY_ROUNDS").flatMap { Int($0) } ?? 12

    /// On a disk, where io_uring is at work, and in memory, where the queue does it all.
    @Test(arguments: ["/var/tmp", "/dev/shm"])
    func everyRequestIsCarriedOutOnce(_ place: String) throws {
        let directory = try FilePath.makeTemporaryDirectory(prefix: "recovery", in: FilePath(place))
        defer { #expect(throws: Never.self) { try directory.removeTree() } }
        let disk = directory.appending("disk")
        try disk.write([UInt8](repeating: 0, count: 1 << 20))
        let file = try FileDescriptor.open(disk, .readOnly, options: .closeOnExec)
        let load = try RecoveryLoad(disk: file)
        for round in 0..<Self.rounds {
            let server = try ServedProcess(in: directory, "--socket socket --lun 0=file:disk")
            try load.connect(to: directory.appending("socket"))
            let enough = load.acknowledged + RecoveryLoad.depth
            for _ in 0..<1000 where load.acknowledged < enough { try load.run(milliseconds: 5) }
            try load.run(milliseconds: UInt64.random(in: 0...20))
            try server.end(by: SIGKILL)
            load.disconnect()
            let damage = try load.damage(mayBeUnderWay: true)
            #expect(damage.isEmpty, "round \(round): \(damage)")
        }
        // Its socket is still there.
        let server = try ServedProcess(in: directory, "--socket socket --lun 0=file:disk")
        try load.connect(to: directory.appending("socket"))
        try load.drain()
        #expect(try load.damage(mayBeUnderWay: false).isEmpty)
        // Of each round, some were acknowledged. A driver that goes on is told of no POWER ON: only one that was never
        // answered is.
        #expect(load.acknowledged >= Self.rounds * RecoveryLoad.depth)
        #expect(load.refusals.keys.allSatisfy { $0 == 6 } && load.refusals[6, default: 0] <= 2)
        #expect(try server.end() == 0)
        try file.close()
    }

    /// The server behind the server is killed: commands fail for as long as it is away, and go on when it is back.
    @Test func anNBDServerThatIsKilledComesBack() throws {
        let directory = try FilePath.makeTemporaryDirectory(prefix: "remote")
        defer { #expect(throws: Never.self) { try directory.removeTree() } }
        let disk = directory.appending("disk")
        try disk.write([UInt8](repeating: 0, count: 1 << 20))
        let file = try FileDescriptor.open(disk, .readOnly, options: .closeOnExec)
        var daemon = try BlockExport(of: disk, at: directory.appending("nbd"))
        let lun = "nbd:nbd+unix:///disk?socket=\(directory)/nbd"
        let server = try ServedProcess(in: directory, "--socket socket --lun '0=\(lun)'")
        let load = try RecoveryLoad(disk: file)
        try load.connect(to: directory.appending("socket"))
        for round in 0..<Self.rounds {
            let before = load.acknowledged
            // It may still be looked for.
            for _ in 0..<200 where load.acknowledged == before { try load.run(milliseconds: 10) }
            #expect(load.acknowledged > before, "round \(round)")
            try load.run(milliseconds: UInt64.random(in: 1...30))
            daemon.kill()
            try load.run(milliseconds: 10)
            let damage = try load.damage(mayBeUnderWay: true)
            #expect(damage.isEmpty, "round \(round): \(damage)")
            daemon = try BlockExport(of: disk, at: directory.appending("nbd"))
        }
        try load.drain()
        #expect(try load.damage(mayBeUnderWay: false).isEmpty)
        // NOT READY while it was away, and POWER ON at first.
        #expect(load.refusals[2, default: 0] >= Self.rounds && load.refusals[6] == 1, "\(load.refusals)")
        #expect(load.refusals.count == 2)
        daemon.kill()
        #expect(try server.end() == 0)
        try file.close()
    }
}

/// A file as an export of QEMU's storage daemon.
private struct BlockExport {
    private let process: Int32

    init(of file: FilePath, at socket: FilePath) throws {
        if socket.exists { try socket.removeFile() }
        let daemon = try ChildProcess.spawn(
            arguments: [
                "qemu-storage-daemon", "--blockdev", "file,filename=\(file),node-name=n", "--nbd-server",
                "addr.type=unix,addr.path=\(socket)", "--export",
                "nbd,id=e,node-name=n,name=disk,writable=on",
            ],
            environment: []
        )
        process = daemon.processID
        for stream in [daemon.input, daemon.output, daemon.errorOutput] { try stream.close() }
        for _ in 0..<1000 where !socket.exists { SystemCalls.sleep(microseconds: 10_000) }
    }

    func kill() {
        Glibc.kill(process, SIGKILL)
        SystemCalls.wait(for: process)
    }
}

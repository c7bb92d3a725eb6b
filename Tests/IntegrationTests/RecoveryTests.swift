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
            try load.run(milliseconds: UInt64.random(in: 1...30))
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
        // Of each round, some were acknowledged, and at most one unit attention came with it.
        #expect(load.acknowledged > Self.rounds * RecoveryLoad.depth)
        #expect(load.attentions <= Self.rounds + 1)
        #expect(try server.end() == 0)
        try file.close()
    }
}

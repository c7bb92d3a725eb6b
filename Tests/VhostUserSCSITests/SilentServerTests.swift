// SPDX-License-Identifier: MIT
import Glibc
import LinuxSystem
import Synchronization
import SystemPackage
import Testing
import VhostSCSI
import VhostUserSCSI

/// A server of blocks that keeps its connection and answers nothing: whoever waits for its commands does so for some
/// seconds.
struct SilentServerTests {
    private static let write: [UInt8] = [0x2a, 0, 0, 0, 0, 0, 0, 0, 8, 0]

    /// What waits for the commands.
    enum Waiter: CaseIterable, Sendable { case reset, nextFrontEnd, removal, end }

    @Test(arguments: Waiter.allCases)
    func aServerThatIsSilentIsGivenUp(_ waiter: Waiter) throws {
        let directory = try FilePath.makeTemporaryDirectory(prefix: "silent")
        try directory.appending("file").makeFile(byteCount: 1 << 20)
        let daemon = try NBDTests.start(directory)
        let units = ["0=nbd:nbd+unix:///disk?socket=\(directory)/nbd", "1=ramdisk:1M", "2=ramdisk:1M"]
        let server = try RunningServer(units)
        let seconds = try Self.withSilence(of: daemon.processID) { fallSilent in
            if waiter == .end {
                try withExtendedLifetime(try Self.write(to: server, fallSilent)) { _ in try server.end() }
                return
            }
            do {
                let hostile = try Self.write(to: server, fallSilent)
                try wait(waiter, for: hostile, server)
            }
            let initiator = try SCSIInitiator(try SocketTransport(server.socket), target: 0)
            try initiator.testUnitReady(lun: 1)
            let read = try initiator.send(.read(address: 0, blocks: 1, blockSize: 512), lun: 0)
            #expect(read.decodedSense?.isUnitAttention == true || read.decodedSense == NBDTests.becomingReady)
            try initiator.detach()
            try server.end()
        }
        #expect(seconds < 19, "\(seconds) s")
        #expect(server.says("the server of 0:0 is silent, and given up"), "\(server.said)")
        try NBDTests.end(daemon)
        try directory.removeTree()
    }

    private func wait(_ waiter: Waiter, for hostile: HostileDriver, _ server: RunningServer) throws {
        switch waiter {
        case .reset:
            try hostile.resetUnit()
            for _ in 0..<4 where try !hostile.areAnswered(0) {}
            #expect(try hostile.areAnswered(0))
            #expect(try hostile.areAnswered(2))
        case .removal:
            #expect(try ControlRequest.remove(target: 0, lun: 2).send(to: server.control) == "removed 0:2")
            #expect(try hostile.areAnswered(2))
        case .nextFrontEnd, .end: break
        }
    }

    /// A front-end that wrote before its blocks' server fell silent, and waits for another write.
    private static func write(to server: RunningServer, _ fallSilent: () throws -> Void) throws
        -> HostileDriver
    {
        let hostile = try HostileDriver(server.socket)
        // The first meets a unit attention.
        for _ in 0..<2 {
            try hostile.send(write, data: (0x50000, 4096))
            #expect(try hostile.areAnswered(2))
        }
        try fallSilent()
        try hostile.send(write, data: (0x50000, 4096))
        SystemCalls.sleep(microseconds: 50_000)
        return hostile
    }

    /// Stops a process when it is told to, and has it go on at the end or after 20 s, so that nothing waits for ever.
    ///
    /// - Returns: the seconds that `body` took.
    private static func withSilence(of process: CInt, _ body: (() throws -> Void) throws -> Void) throws
        -> Double
    {
        let hasEnded = Ended()
        let start = MonotonicClock.nanoseconds
        let waker = try WorkerThread(name: "waker") {
            for _ in 0..<200 where !hasEnded.value.load(ordering: .relaxed) {
                SystemCalls.sleep(microseconds: 100_000)
            }
            do { try SystemCalls.send(SIGCONT, to: process) } catch { Issue.record(error) }
        }
        defer {
            hasEnded.value.store(true, ordering: .relaxed)
            waker.join()
        }
        try body { try SystemCalls.send(SIGSTOP, to: process) }
        return Double(MonotonicClock.nanoseconds - start) / 1e9
    }

    private final class Ended: Sendable {
        let value = Atomic(false)
    }
}

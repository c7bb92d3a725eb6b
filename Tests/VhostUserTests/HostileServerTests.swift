// SPDX-License-Identifier: MIT
import LinuxSystem
import Synchronization
import SystemPackage
import Testing
import VhostSCSI
import VhostUserSCSI

/// All that a front-end can do wrong with messages, done to one server that runs: it drops each front-end, with the
/// reason in its log, and serves the next.
struct HostileServerTests {
    @Test func theNextOneIsServedAfterEachKind() throws {
        let directory = try FilePath.makeTemporaryDirectory(prefix: "hostile")
        defer { #expect(throws: Never.self) { try directory.removeTree() } }
        let socket = directory.appending("s")
        let units = UnitMap()
        let (unit, store) = try UnitSpecification("0=ramdisk:1M").open(for: socket)
        units.attach(unit, store: store, target: 0, lun: 0)
        let record = Record()
        let server = try TargetServer(units, at: socket, permissions: .ownerReadWrite, spin: .zero) {
            record.said($0)
        }
        let event = try EventFD()
        let stop = PassedDescriptor(try OwnedDescriptor(duplicating: event.number))
        let frontEnds = try WorkerThread(name: "front-ends") {
            for hostile in HostileFrontEndTests.cases {
                do {
                    try Self.meet(hostile, at: socket, record)
                } catch {
                    record.failed("\(hostile.name): \(error)")
                }
            }
            EventFD.signal(stop.number)
        }
        try server.run(until: stop.owner.descriptor)
        frontEnds.join()
        #expect(record.failures.isEmpty, "\(record.failures)")
        #expect(record.drops == HostileFrontEndTests.cases.count && record.drops > 80)
    }

    private static func meet(_ hostile: HostileFrontEndTests.Case, at socket: FilePath, _ record: Record)
        throws
    {
        let bench = try ConnectedBench(socket)
        try bench.negotiate()
        do {
            try hostile.act(bench)
        } catch Errno.brokenPipe {
            // It was dropped before it had sent all.
        }
        let isDropped = try bench.isDropped()
        if !isDropped || !record.takesDrop(hostile.says) { record.failed("\(hostile.name) is not refused") }
        let initiator = try SCSIInitiator(try SocketTransport(socket), target: 0)
        try initiator.testUnitReady(lun: 0)
        try initiator.execute(.write(address: 0, blocks: 1, blockSize: 512), lun: 0)
        try initiator.detach()
    }
}

/// What a server says, and what went wrong.
private final class Record: Sendable {
    private struct State {
        var drops: [String] = []
        var taken = 0
        var failures: [String] = []
    }

    private let state = Mutex(State())

    func said(_ line: String) {
        if line.contains(" dropped: ") { state.withLock { $0.drops.append(line) } }
    }

    func failed(_ what: String) { state.withLock { $0.failures.append(what) } }

    /// Whether one more front-end was dropped since the last call, for this reason.
    func takesDrop(_ reason: String) -> Bool {
        state.withLock { state in
            defer { state.taken = state.drops.count }
            return state.drops.count == state.taken + 1 && state.drops.last?.contains(reason) == true
        }
    }

    var drops: Int { state.withLock { $0.drops.count } }
    var failures: [String] { state.withLock { $0.failures } }
}

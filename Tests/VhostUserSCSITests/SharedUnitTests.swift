// SPDX-License-Identifier: MIT
import LinuxSystem
import SCSITarget
import SystemPackage
import Testing
import VhostSCSI
import VhostUserSCSI

/// One unit behind two sockets: two ways to one disk, for two initiators.
struct SharedUnitTests {
    private func withTwoWays(_ store: String, _ body: (SCSIInitiator, SCSIInitiator) throws -> Void) throws {
        let servers = try [RunningServer([]), RunningServer([])]
        let (unit, opened) = try UnitSpecification("0=\(store)").open(for: servers[0].socket)
        for server in servers { server.units.attach(unit, store: opened, target: 0, lun: 0) }
        let ways = try servers.map { try SCSIInitiator(try SocketTransport($0.socket), target: 0) }
        for way in ways { try way.testUnitReady(lun: 0) }
        try body(ways[0], ways[1])
        for way in ways { try way.detach() }
        for server in servers { try server.end() }
    }

    @Test func whatOneWritesTheOtherReads() throws {
        try withTwoWays("ramdisk:1M") { (one, other) throws in
            _ = try SurfaceCheck(seed: 9).run(on: one, lun: 0)
            let read = SCSICommand.read(address: 100, blocks: 8, blockSize: 512)
            let bytes = try one.execute(read, lun: 0)
            #expect(try other.execute(read, lun: 0) == bytes && Set(bytes).count > 1)
        }
    }

    @Test func whatOneReservesTheOtherDoesNotGet() throws {
        try withTwoWays("ramdisk:1M") { (one, other) throws in
            let read = SCSICommand.read(address: 0, blocks: 1, blockSize: 512)
            let reserve = SCSICommand.raw([0x16, 0, 0, 0, 0, 0], byteCount: 0, isWrite: false)
            #expect(try one.send(reserve, lun: 0).isGood)
            // RESERVATION CONFLICT
            #expect(try other.send(read, lun: 0).status == 0x18)
            #expect(try one.send(read, lun: 0).isGood)
            let release = SCSICommand.raw([0x17, 0, 0, 0, 0, 0], byteCount: 0, isWrite: false)
            #expect(try one.send(release, lun: 0).isGood)
            #expect(try other.send(read, lun: 0).isGood)
        }
    }

    @Test func whatOneReservedIsFreeOnceItsWayIsTakenAway() throws {
        let servers = try [RunningServer([]), RunningServer([])]
        let (unit, opened) = try UnitSpecification("0=ramdisk:1M").open(for: servers[0].socket)
        for server in servers { server.units.attach(unit, store: opened, target: 0, lun: 0) }
        servers[0].units.attach(unit, store: opened, target: 0, lun: 1)
        let ways = try servers.map { try SCSIInitiator(try SocketTransport($0.socket), target: 0) }
        for way in ways { try way.testUnitReady(lun: 0) }
        let reserve = SCSICommand.raw([0x16, 0, 0, 0, 0, 0], byteCount: 0, isWrite: false)
        #expect(try ways[0].settle(reserve, lun: 0).isGood)
        // The first of two ways is not the last.
        for (lun, status) in [(UInt16(1), UInt8(0x18)), (0, 0)] {
            #expect(servers[0].units.detach(target: 0, lun: lun) === unit)
            #expect(try ways[1].settle(.testUnitReady, lun: 0).status == status)
        }
        for way in ways { try way.detach() }
        for server in servers { try server.end() }
    }

    /// Its POWER ON is pending for ever.
    @Test func oneThatSendsNothingSlowsNobodyDown() throws {
        let servers = try [RunningServer([]), RunningServer([])]
        let (unit, opened) = try UnitSpecification("0=ramdisk:1M").open(for: servers[0].socket)
        for server in servers { server.units.attach(unit, store: opened, target: 0, lun: 0) }
        let silent = try SCSIInitiator(try SocketTransport(servers[1].socket), target: 0)
        let busy = try SCSIInitiator(try SocketTransport(servers[0].socket), target: 0)
        try busy.testUnitReady(lun: 0)
        let before = try servers[0].handed()
        for command in [SCSICommand.read, SCSICommand.write] {
            #expect(try busy.send(command(0, 8, 512), lun: 0).isGood)
        }
        #expect(try servers[0].handed() == before)
        // It meets its own attention all the same.
        let first = try silent.send(.read(address: 0, blocks: 1, blockSize: 512), lun: 0)
        #expect(first.decodedSense?.isUnitAttention == true)
        for way in [busy, silent] { try way.detach() }
        for server in servers { try server.end() }
    }

    /// What one has under way when the other resets the unit, or takes its registration away, ends before that does.
    @Test(arguments: ["reset", "clear", "preempt"])
    func oneWaitsForWhatTheOtherHasUnderWay(_ kind: String) throws {
        let servers = try [RunningServer([]), RunningServer([])]
        let store = try HeldStore()
        let unit = LogicalUnit(store: store, identity: UnitIdentity(serial: "held"))
        for server in servers { server.units.attach(unit, store: store, target: 0, lun: 0) }
        let ways = try servers.map { Way(try SCSIInitiator(try SocketTransport($0.socket), target: 0)) }
        for (index, way) in ways.enumerated() {
            #expect(try way.reserve(action: 0, key: 0, other: UInt8(index + 1)).isGood)
        }
        let writer = try WorkerThread(name: "writer") {
            #expect(throws: Never.self) {
                try ways[0].initiator.execute(.write(address: 0, blocks: 1, blockSize: 512), lun: 0)
            }
        }
        store.waitForEvents(1)
        let other = try WorkerThread(name: "other") {
            #expect(throws: Never.self) { try ways[1].endOthersCommands(by: kind) }
            store.note(kind)
        }
        SystemCalls.sleep(microseconds: 100_000)
        store.letGo()
        for thread in [writer, other] { thread.join() }
        #expect(store.noted == ["write begins", "write ends", kind])
        for way in ways { try way.initiator.detach() }
        for server in servers { try server.end() }
    }
}

/// An initiator that two threads use one after the other.
private final class Way: @unchecked Sendable {
    let initiator: SCSIInitiator

    init(_ initiator: SCSIInitiator) { self.initiator = initiator }

    func endOthersCommands(by kind: String) throws {
        switch kind {
        case "reset": #expect(try initiator.manage(.logicalUnitReset, lun: 0) == 0)
        case "clear": #expect(try initiator.manage(.clearTaskSet, lun: 0) == 0)
        // PREEMPT AND ABORT
        default: #expect(try reserve(action: 5, key: 2, other: 1).isGood)
        }
    }

    /// PERSISTENT RESERVE OUT, Write Exclusive.
    func reserve(action: UInt8, key: UInt8, other: UInt8) throws -> SCSIResponse {
        let keys = [key, other].flatMap { [UInt8](repeating: 0, count: 7) + [$0] }
        let command = SCSICommand.raw([0x5f, action, 1, 0, 0, 0, 0, 0, 24, 0], byteCount: 24, isWrite: true)
        return try initiator.settle(command, keys + [UInt8](repeating: 0, count: 8), lun: 0)
    }
}

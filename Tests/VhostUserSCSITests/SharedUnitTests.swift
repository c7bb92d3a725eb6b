// SPDX-License-Identifier: MIT
import LinuxSystem
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
}

// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing
import VhostSCSI
import VhostUser
import VhostUserSCSI

/// What our front-end can ask of a back-end, asked of our own.
struct FrontEndTests {
    private func withSession(_ body: (FrontEndSession) throws -> Void) throws {
        let server = try RunningServer(["0=ramdisk:1M"])
        try body(try FrontEndSession(server.socket))
        try server.end()
    }

    @Test func regionsComeAndGo() throws {
        try withSession { (session) throws in
            let slots = try session.memorySlots()
            #expect(slots == 64)
            let file = PassedDescriptor(try SharedMemory.makeFile(name: "memory", byteCount: 4096))
            let regions = (0...slots).map { index in
                SharedRegion(guestAddress: index << 12, byteCount: 4096, userAddress: index << 12, file: file)
            }
            for region in regions[..<64] { try session.add(region) }
            let error = #expect(throws: OperationError.self) { try session.add(regions[64]) }
            #expect(error?.cause == "the back-end refuses it")
            try session.remove(regions[3])
            #expect(throws: OperationError.self) { try session.remove(regions[3]) }
            try session.add(regions[64])
        }
    }

    @Test func theStatusIsKept() throws {
        try withSession { (session) throws in
            #expect(try session.status() == [])
            try session.setStatus(.driverOK)
            #expect(try session.status() == .driverOK)
        }
    }

    /// Rings that ran are handed over again, to a driver that begins anew.
    @Test func aDeviceIsReset() throws {
        let server = try RunningServer(["0=ramdisk:1M"])
        let hostile = try HostileDriver(server.socket)
        try hostile.send([0, 0, 0, 0, 0, 0])
        #expect(try hostile.areAnswered(2))
        try hostile.session.reset()
        try hostile.send([0, 0, 0, 0, 0, 0])
        SystemCalls.sleep(microseconds: 50_000)
        #expect(try hostile.answered(2) == 1)
        #expect(try ControlRequest.counters.send(to: server.control) == "no request ring runs")
        try server.end()
    }

    /// The used ring, the response and the data are marked, and nothing else, and nothing afterwards.
    @Test func theLogHoldsWhatIsWritten() throws {
        let server = try RunningServer(["0=ramdisk:1M"])
        let transport = try SocketTransport(server.socket)
        let initiator = try SCSIInitiator(transport, target: 0)
        let result = try LogCheck().run(on: initiator, transport, lun: 0)
        #expect(result.hasUsedRing && result.hasResponse && result.hasData)
        #expect(result.strays == 0 && result.late == 0)
        try initiator.testUnitReady(lun: 0)
        try initiator.detach()
        try server.end()
    }

    /// As firmware leaves out the rings for control and events.
    @Test func ringsThatAreAbsentAreNotMissed() throws {
        let server = try RunningServer(["0=ramdisk:1M"])
        let firmware = Firmware(try SocketTransport(server.socket))
        let initiator = try SCSIInitiator(firmware, target: 0)
        try initiator.testUnitReady(lun: 0)
        #expect(try initiator.readCapacity(lun: 0).byteCount == 1 << 20)
        try initiator.detach()
        try server.end()
    }

    /// Without a write cache a flush is news to the unit, and no longer the queue's.
    @Test func aFlushWithoutAWriteCacheIsTheUnits() throws {
        let directory = try FilePath.makeTemporaryDirectory(prefix: "cache", in: "/var/tmp")
        defer { #expect(throws: Never.self) { try directory.removeTree() } }
        try directory.appending("disk").makeFile(byteCount: 1 << 20)
        let server = try RunningServer(["0=file:\(directory)/disk"])
        let initiator = try SCSIInitiator(try SocketTransport(server.socket), target: 0)
        try initiator.testUnitReady(lun: 0)
        let flush = SCSICommand.raw([0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0], byteCount: 0, isWrite: false)
        let list = [0, 0, 0, 0, 8, 0x12] + [UInt8](repeating: 0, count: 18)
        let select = SCSICommand.raw([0x15, 0x10, 0, 0, 24, 0], byteCount: 24, isWrite: true)
        var before = try server.handed()
        #expect(try initiator.send(flush, lun: 0).isGood)
        #expect(try server.handed() == before)
        #expect(try initiator.settle(select, list, lun: 0).isGood)
        before = try server.handed()
        #expect(try initiator.send(.write(address: 0, blocks: 8, blockSize: 512), lun: 0).isGood)
        #expect(try server.handed() == before)
        #expect(try initiator.send(flush, lun: 0).isGood)
        #expect(try server.handed() == before + 1)
        try initiator.detach()
        try server.end()
    }
}

/// A transport that sets up the request rings alone.
private final class Firmware: SCSITransport {
    private let transport: SocketTransport

    init(_ transport: SocketTransport) { self.transport = transport }

    var name: String { transport.name }
    var features: VhostFeatures { transport.features }
    var needsSharedMemory: Bool { true }
    var events: [RingEvents] { transport.events }
    var isGone: Bool { transport.isGone }

    func start(memory: [VhostMemoryRegion], rings: [VhostRing]) throws(OperationError) {
        try transport.start(memory: memory, rings: [.absent, .absent] + rings.dropFirst(2))
    }

    func stop() throws(OperationError) { try transport.stop() }
}

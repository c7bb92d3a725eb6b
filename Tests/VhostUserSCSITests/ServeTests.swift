// SPDX-License-Identifier: MIT
import LinuxSystem
import SCSITarget
import SystemPackage
import Testing
import VhostSCSI
import VhostUserSCSI

/// The whole way: a front-end of our own, over a real socket, to stores of each kind.
struct ServeTests {
    private let read = SCSICommand.read(address: 0, blocks: 1, blockSize: 512)

    @Test(arguments: ["ramdisk:8M", "ramdisk:8M,bs=4096"])
    func whatIsWrittenIsReadBack(_ store: String) throws {
        try RunningServer.withInitiator(["0=\(store)"], depth: 16) { (initiator) throws in
            let result = try SurfaceCheck(seed: 3).run(on: initiator, lun: 0)
            #expect(result.byteCount == 8 << 20)
        }
    }

    /// On a disk, and in a file system that is memory: queues take different ways to their files.
    @Test(arguments: ["/var/tmp", "/dev/shm"], [0, 50])
    func aFileHoldsWhatIsWritten(_ place: String, _ spin: Int) throws {
        let directory = try FilePath.makeTemporaryDirectory(prefix: "disk", in: FilePath(place))
        let file = directory.appending("disk.img")
        try file.write([UInt8](repeating: 0, count: 4 << 20))
        let wait = Duration.microseconds(spin)
        try RunningServer.withInitiator(["0=file:\(file)"], depth: 8, spin: wait) { (initiator) throws in
            _ = try SurfaceCheck(seed: 5).run(on: initiator, lun: 0)
        }
        let bytes = try file.readAll()
        #expect(bytes.count == 4 << 20 && !bytes[4096..<4608].allSatisfy { $0 == 0 })
        // A later server gives out what is in the file, with 4096-byte blocks too.
        try RunningServer.withInitiator(["0=file:\(file),bs=4096,ro=on"]) { (initiator) throws in
            let command = SCSICommand.read(address: 1, blocks: 1, blockSize: 4096)
            #expect(try initiator.execute(command, lun: 0) == Array(bytes[4096..<8192]))
            let write = SCSICommand.write(address: 1, blocks: 1, blockSize: 4096)
            let refused = try initiator.send(write, lun: 0)
            // DATA PROTECT, WRITE PROTECTED
            #expect(refused.status == 2 && refused.sense[2] == 7 && refused.sense[12] == 0x27)
        }
        try directory.removeTree()
    }

    @Test func unitsAreFoundByTargetAndNumber() throws {
        let units = ["0=ramdisk:1M", "5=null:2M", "7:1=ramdisk:3M"]
        try RunningServer.withInitiator(units) { (initiator) throws in
            #expect(try initiator.reportLUNs() == [0, 5])
            #expect(try initiator.readCapacity(lun: 5).byteCount == 2 << 20)
        }
        try RunningServer.withInitiator(units, target: 7) { (initiator) throws in
            #expect(try initiator.reportLUNs() == [1])
            #expect(try initiator.readCapacity(lun: 1).byteCount == 3 << 20)
        }
        try RunningServer.withInitiator(units, target: 8) { (initiator) throws in
            // VIRTIO_SCSI_S_BAD_TARGET
            #expect(try initiator.send(.testUnitReady, lun: 0).response == 3)
        }
    }

    @Test func theFirstCommandMeetsAUnitAttention() throws {
        try RunningServer.withInitiator(["0=ramdisk:1M"]) { (initiator) throws in
            let first = try initiator.send(read, lun: 0)
            #expect(first.status == 2)
            #expect(first.decodedSense?.isUnitAttention == true)
            let second = try initiator.send(read, lun: 0)
            #expect(second.isGood && second.residual == 0)
        }
    }

    @Test func aReadBehindTheEndIsRefused() throws {
        try RunningServer.withInitiator(["0=ramdisk:1M"]) { (initiator) throws in
            try initiator.testUnitReady(lun: 0)
            let behind = SCSICommand.read(address: 2048, blocks: 1, blockSize: 512)
            let answer = try initiator.send(behind, lun: 0)
            #expect(answer.status == 2)
            #expect(answer.sense.count == 18 && answer.sense[2] == 5 && answer.sense[12] == 0x21)
        }
    }

    @Test func aFrontEndThatIsGoneMakesRoomForTheNext() throws {
        let server = try RunningServer(["0=ramdisk:1M"])
        for _ in 0..<20 {
            let initiator = try SCSIInitiator(try SocketTransport(server.socket), target: 0)
            try initiator.testUnitReady(lun: 0)
        }
        try server.end()
        #expect(server.said.count { $0.hasSuffix("disconnected") } >= 19, "\(server.said)")
    }

    @Test func aUnitThatIsTakenAwayNoLongerAnswers() throws {
        let server = try RunningServer(["0=ramdisk:1M", "1=ramdisk:1M"])
        let initiator = try SCSIInitiator(try SocketTransport(server.socket), target: 0)
        try initiator.testUnitReady(lun: 1)
        #expect(try initiator.send(read, lun: 1).isGood)
        #expect(server.units.detach(target: 0, lun: 1) != nil)
        let answer = try initiator.send(read, lun: 1)
        // ILLEGAL REQUEST, LOGICAL UNIT NOT SUPPORTED
        #expect(answer.status == 2 && answer.sense[2] == 5 && answer.sense[12] == 0x25)
        #expect(try initiator.reportLUNs() == [0])
        try initiator.detach()
        try server.end()
    }

    @Test func moreQueuesThanThereAreAreRefusedAtOnce() throws {
        let server = try RunningServer(["0=ramdisk:1M"])
        let error = #expect(throws: OperationError.self) {
            _ = try SCSIInitiator(try SocketTransport(server.socket), target: 0, queues: 65)
        }
        #expect(error?.description.contains("start 67 rings of") == true, "\(String(describing: error))")
        #expect(error?.cause == "the back-end has 66 at most")
        try SCSIInitiator(try SocketTransport(server.socket), target: 0, queues: 64).testUnitReady(lun: 0)
        try server.end()
    }

    @Test func aServerThatGoesAwayIsTheCause() throws {
        let server = try RunningServer(["0=ramdisk:1M"])
        let initiator = try SCSIInitiator(try SocketTransport(server.socket), target: 0, depth: 4)
        try initiator.testUnitReady(lun: 0)
        try server.end()
        let error = #expect(throws: OperationError.self) { try initiator.testUnitReady(lun: 0) }
        #expect(error?.cause == "the back-end has closed the connection")
    }

    /// Memory and descriptors go with the unit, once no command uses them.
    @Test func aUnitThatIsTakenAwayLeavesNothing() throws {
        let server = try RunningServer(["0=ramdisk:1M"])
        let directory = try FilePath.makeTemporaryDirectory(prefix: "disk")
        try directory.appending("disk.img").makeFile(byteCount: 1 << 20)
        let initiator = try SCSIInitiator(try SocketTransport(server.socket), target: 0)
        for store in ["ramdisk:1M", "file:\(directory)/disk.img", "null:1M"] {
            for _ in 0..<20 {
                let opened = try Self.add("1=\(store)", to: server)
                try initiator.testUnitReady(lun: 1)
                #expect(try initiator.send(read, lun: 1).isGood)
                let isGone = server.units.detach(target: 0, lun: 1) != nil
                #expect(isGone && opened.store == nil && opened.unit == nil, "\(store)")
            }
        }
        try initiator.detach()
        try server.end()
        try directory.removeTree()
    }

    private static func add(_ unit: String, to server: RunningServer) throws -> Opened {
        let (unit, store) = try UnitSpecification(unit).open(for: server.socket)
        #expect(server.units.attach(unit, store: store, target: 0, lun: 1))
        return Opened(unit: unit, store: store as AnyObject)
    }

    /// What a unit was made of, if it is still there.
    private struct Opened {
        weak var unit: LogicalUnit?
        weak var store: AnyObject?
    }
}

// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing
import VhostSCSI
import VhostUserSCSI

/// A file that grows or shrinks while it is served.
struct ResizeTests {
    @Test func theDriverIsToldAndReachesTheNewBlocks() throws {
        let directory = try FilePath.makeTemporaryDirectory(prefix: "resize")
        defer { #expect(throws: Never.self) { try directory.removeTree() } }
        let disk = directory.appending("disk")
        try disk.makeFile(byteCount: 1 << 20)
        let server = try RunningServer(["2=file:\(disk)", "3=ramdisk:1M,pi=1"])
        let features = VhostFeatures.wanted.union([.hotplug, .change])
        let transport = try SocketTransport(server.socket, wanted: features)
        let initiator = try SCSIInitiator(transport, target: 0)
        try initiator.testUnitReady(lun: 2)
        let resize = ControlRequest.resize(target: 0, lun: 2)
        #expect(try resize.send(to: server.control) == "0:2 has 1048576 bytes as before")
        #expect(try initiator.takeEvents().isEmpty)

        try disk.write([UInt8](repeating: 7, count: 3 << 20))
        let behind = SCSICommand.read(address: 4096, blocks: 1, blockSize: 512)
        #expect(
            try initiator.send(behind, lun: 2).decodedSense == SCSISense(key: 5, code: 0x21, qualifier: 0)
        )
        #expect(try resize.send(to: server.control) == "0:2 has 3145728 bytes now")
        let event = try #require(try initiator.takeEvents().first)
        // VIRTIO_SCSI_T_PARAM_CHANGE, with CAPACITY DATA HAS CHANGED.
        #expect(event.kind == .other(event: 3, reason: 0x092a) && event.lun == 2 && !event.hasMissedEvents)
        #expect(
            try initiator.send(behind, lun: 2).decodedSense == SCSISense(key: 6, code: 0x2a, qualifier: 9)
        )
        #expect(try initiator.readCapacity(lun: 2).byteCount == 3 << 20)
        #expect(try initiator.execute(behind, lun: 2) == [UInt8](repeating: 7, count: 512))

        for lun: UInt16 in [3, 4] {
            #expect(throws: OperationError.self) {
                try ControlRequest.resize(target: 0, lun: lun).send(to: server.control)
            }
        }
        try initiator.detach()
        try server.end()
    }
}

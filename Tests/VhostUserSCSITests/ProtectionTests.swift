// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing
import VhostSCSI
import VhostUserSCSI

/// Protection information the whole way: over a socket, with and without `VIRTIO_SCSI_F_T10_PI`.
struct ProtectionTests {
    @Test(arguments: ["ramdisk:8M,pi=1", "ramdisk:8M,pi=1,bs=4096"])
    func aDriverSendsItsOwn(_ store: String) throws {
        try RunningServer.withInitiator(["0=\(store)"], depth: 4, protection: true) { initiator in
            let result = try ProtectionCheck(seed: 3).run(on: initiator, lun: 0)
            #expect(result.blocks == (store.contains("4096") ? 2048 : 16384))
            #expect(result.wrongGuard.contains("guard"), "\(result.wrongGuard)")
            #expect(result.wrongReference.contains("reference"), "\(result.wrongReference)")
            // And what has none goes on beside it.
            _ = try SurfaceCheck(seed: 4).run(on: initiator, lun: 0)
        }
    }

    @Test(arguments: ["ramdisk:8M,pi=1", "ramdisk:8M,pi=2", "ramdisk:8M,pi=3,bs=4096"])
    func aDriverThatKnowsNothingOfIt(_ store: String) throws {
        try RunningServer.withInitiator(["0=\(store)", "1=ramdisk:1M"], depth: 4) { initiator in
            _ = try SurfaceCheck(seed: 5).run(on: initiator, lun: 0)
        }
    }

    @Test func itIsOfferedWhereAUnitHasIt() throws {
        for (units, offers) in [
            (["0=ramdisk:1M", "5=ramdisk:1M,pi=3"], true), (["0=ramdisk:1M,pi=0"], false),
        ] {
            let server = try RunningServer(units)
            let transport = try SocketTransport(server.socket, wanted: .wanted.union(.t10PI))
            #expect(transport.features.contains(.t10PI) == offers)
            try server.end()
        }
    }

    /// Damage in the files is found by whoever reads the block, whether the driver knows of information or not.
    @Test func damageIsFound() throws {
        let directory = try FilePath.makeTemporaryDirectory(prefix: "damage", in: "/var/tmp")
        defer { #expect(throws: Never.self) { try directory.removeTree() } }
        let disk = directory.appending("disk")
        try disk.makeFile(byteCount: 1 << 20)
        let unit = "0=file:\(disk),pi=1"
        try RunningServer.withInitiator([unit], depth: 4, protection: true) { initiator in
            _ = try ProtectionCheck(seed: 6).run(on: initiator, lun: 0)
        }
        for (file, byte) in [(disk, 100 * 512 + 7), (FilePath(disk.string + ".protection"), 200 * 8)] {
            var bytes = try file.readAll()
            bytes[byte] ^= 4
            try file.write(bytes)
        }
        for protection in [true, false] {
            try RunningServer.withInitiator([unit], depth: 4, protection: protection) { initiator in
                try initiator.testUnitReady(lun: 0)
                for block: UInt64 in [100, 200] {
                    let read = SCSICommand.read(address: block - 1, blocks: 3, blockSize: 512)
                    let answer = try initiator.send(read, lun: 0)
                    #expect(
                        answer.status == 2 && answer.sense[2] == 0xb && answer.sense[12...13] == [0x10, 1]
                    )
                    #expect(answer.sense[3...6] == [0, 0, 0, UInt8(block)])
                }
            }
        }
    }

    @Test(arguments: [
        ("0=null:1M,pi=1", "keeps no protection"), ("0=nbd:nbd://h/x,pi=1", "keeps no protection"),
        ("0=ramdisk:1M,pi=4", "1, 2 or 3"), ("0=ramdisk:1M,pi=on", "1, 2 or 3"),
    ])
    func whatCannotBe(_ text: String, _ reason: String) throws {
        do {
            _ = try UnitSpecification(text)
            Issue.record("\(text) was taken")
        } catch {
            #expect(error.description.contains(reason), "\(error)")
        }
    }

    @Test func aDeviceKeepsNone() throws {
        let directory = try FilePath.makeTemporaryDirectory(prefix: "device")
        defer { #expect(throws: Never.self) { try directory.removeTree() } }
        let link = directory.appending("zero")
        try link.makeSymbolicLink(to: "/dev/zero")
        do {
            _ = try UnitSpecification("0=file:\(link),pi=1").open(for: "/tmp/s")
            Issue.record("it was opened")
        } catch {
            #expect(error.description.contains("no regular file"), "\(error)")
        }
        #expect(try directory.entryNames() == ["zero"])
    }
}

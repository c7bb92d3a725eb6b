// SPDX-License-Identifier: MIT
import LinuxSystem
import SCSITarget
import SystemPackage
import Testing
import VhostUserSCSI

/// Persistent reservations that are to outlive the server do.
struct ReservationKeepingTests {
    private let nexus = Nexus("iqn.2026-11.ringside:one")

    private func execute(_ block: [UInt8], _ data: [UInt8] = [], room: Int = 0, on text: String) throws
        -> (status: SCSIStatus, data: [UInt8])
    {
        let unit = try UnitSpecification(text).open(for: "/tmp/s").unit
        var space = [UInt8](repeating: 0, count: room)
        // The first command of a process meets POWER ON, which PERSISTENT RESERVE passes over or not.
        var outcome: CommandOutcome?
        for _ in 0..<2 where outcome?.status != .good {
            var room = space.mutableSpan
            outcome = unit.execute(block.span, from: nexus, dataOut: data.span, dataIn: &room)
        }
        return (try #require(outcome?.status), space)
    }

    @Test func areThereInTheNextProcess() throws {
        let directory = try FilePath.makeTemporaryDirectory(prefix: "pr")
        let text = "0=ramdisk:1M,pr=\(directory)/reservations"
        // REGISTER of the key beef, with APTPL.
        let parameters: [UInt8] =
            [0, 0, 0, 0, 0, 0, 0, 0] + [0, 0, 0, 0, 0, 0, 0xbe, 0xef] + [0, 0, 0, 0, 1, 0, 0, 0]
        let register = try execute([0x5f, 0, 0, 0, 0, 0, 0, 0, 24, 0], parameters, on: text)
        #expect(register.status == .good)
        // READ KEYS: generation and length, and then the one key.
        let keys = try execute([0x5e, 0, 0, 0, 0, 0, 0, 0, 16, 0], room: 16, on: text)
        #expect(keys.status == .good)
        #expect(Array(keys.data[4...]) == [0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0xbe, 0xef])
        try directory.removeTree()
    }
}

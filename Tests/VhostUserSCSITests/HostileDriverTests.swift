// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing
import VhostSCSI
import VhostUser
import VhostUserSCSI

/// What a front-end can do wrong with its eventfds and its memory: the next one is served all the same, and the server
/// ends when it is told to.
struct HostileDriverTests {
    private static let testUnitReady: [UInt8] = [0, 0, 0, 0, 0, 0]

    /// Has a hostile driver do something, and a good one served afterwards.
    private func survives(_ act: (HostileDriver) throws -> Void) throws {
        let server = try RunningServer(["0=ramdisk:1M"])
        try withExtendedLifetime(try HostileDriver(server.socket)) { hostile in try act(hostile) }
        let initiator = try SCSIInitiator(try SocketTransport(server.socket), target: 0)
        try initiator.testUnitReady(lun: 0)
        try initiator.detach()
        try server.end()
    }

    @Test func aRequestRingsCallThatBlocksHoldsUpNobody() throws {
        try survives { hostile in
            try hostile.block(hostile.calls[2])
            try hostile.send(Self.testUnitReady)
            #expect(try hostile.areAnswered(2))
        }
    }

    /// Task management waits for the request ring.
    @Test func aCallThatBlocksHoldsUpNoTaskManagement() throws {
        try survives { hostile in
            try hostile.block(hostile.calls[2])
            try hostile.send(Self.testUnitReady)
            #expect(try hostile.areAnswered(2))
            try hostile.resetUnit()
            #expect(try hostile.areAnswered(0))
        }
    }

    /// It has no kick, so that it is to be looked at.
    @Test func aControlRingWithoutKickIsServed() throws {
        try survives { hostile in
            let none = (0x100 as UInt64).littleEndianBytes
            _ = try hostile.session.exchange(VhostUserMessage(.setRingKick, none, needsReply: true))
            for _ in 0..<3 {
                try hostile.resetUnit()
                #expect(try hostile.areAnswered(0))
            }
        }
    }

    @Test func aControlRingsCallThatBlocksHoldsUpNobody() throws {
        try survives { hostile in
            try hostile.block(hostile.calls[0])
            try hostile.resetUnit()
            #expect(try hostile.areAnswered(0))
        }
    }

    @Test func aNewCallThatBlocksHoldsUpNobody() throws {
        try survives { hostile in
            try hostile.block(hostile.calls[1])
            let ring = UInt64(2).littleEndianBytes
            let call = VhostUserMessage(.setRingCall, ring, rights: [hostile.calls[1]], needsReply: true)
            _ = try hostile.session.exchange(call)
        }
    }

    /// Nothing was signalled, and who reads would wait for that.
    @Test func aKickThatBlocksHoldsUpNobody() throws {
        try survives { hostile in
            try SystemCalls.setNonBlocking(hostile.kicks[0].owner.descriptor, false)
            for isEnabled in [UInt32(0), 1] {
                let state = UInt32(0).littleEndianBytes + isEnabled.littleEndianBytes
                _ = try hostile.session.exchange(VhostUserMessage(.setRingEnable, state, needsReply: true))
            }
        }
    }

    /// The connection ends as soon as the loss is met, and not with the next message.
    @Test func memoryThatIsTakenAwayEndsTheConnection() throws {
        let server = try RunningServer(["0=ramdisk:1M"])
        let hostile = try HostileDriver(server.socket)
        try hostile.truncate(to: 0)
        EventFD.signal(hostile.kicks[2].number)
        #expect(server.says("its file was truncated"), "\(server.said)")
        try server.end()
    }
}

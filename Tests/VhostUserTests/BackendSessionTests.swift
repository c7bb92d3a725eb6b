// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing
import VhostUser
import Virtqueue

/// The requests of QEMU 7.2, in the order in which a guest's firmware and kernel make it send them.
struct BackendSessionTests {
    private func number(_ answer: [UInt8]?) -> UInt64? {
        answer.map { bytes in
            var fields = WireFields(bytes)
            return fields.next()
        }
    }

    @Test func offersWhatQEMUAsksFor() throws {
        let bench = try SessionBench()
        let features = try number(bench.ask(.getFeatures))
        let transport = TransportFeatures.protocolFeatures | TransportFeatures.logAll
        #expect(features == bench.device.features | transport)
        #expect(try number(bench.ask(.getProtocolFeatures)) == ProtocolFeatures.all.rawValue)
        #expect(try number(bench.ask(.getQueueCount)) == 66)
        #expect(try number(bench.ask(.getMemorySlots)) == 64)
    }

    @Test func startsARingThatIsCompleteAndEnabled() throws {
        let bench = try SessionBench()
        try bench.negotiate()
        try bench.addMemory()
        try bench.start(2)
        #expect(bench.device.takeLog() == ["start 2 at 0"])
        let setup = try #require(bench.device.setups[2])
        #expect(setup.addresses.size == 128)
        #expect(setup.addresses.used - setup.addresses.descriptors == 0x2000)
        #expect(setup.kick != nil && setup.call == nil)
    }

    @Test func leavesRingsAloneThatAreOnlyEnabled() throws {
        // SeaBIOS sets up the request ring only, but QEMU enables all.
        let bench = try SessionBench()
        try bench.negotiate()
        try bench.addMemory()
        for ring in 0..<2 { try bench.ask(.setRingEnable, SessionBench.state(UInt32(ring), 1)) }
        try bench.start(2)
        #expect(bench.device.takeLog() == ["start 2 at 0"])
    }

    @Test func goesOnWhereItStopped() throws {
        let bench = try SessionBench()
        try bench.negotiate()
        try bench.addMemory()
        try bench.start(2)
        bench.device.base = 262
        try bench.ask(.setRingEnable, SessionBench.state(2, 0))
        let base = try bench.ask(.getRingBase, SessionBench.state(2, 0))
        #expect(base == SessionBench.state(2, 262))
        try bench.start(2, base: 262)
        #expect(bench.device.takeLog() == ["start 2 at 0", "stop 2", "start 2 at 262"])
    }

    @Test func keepsMemoryThroughAReset() throws {
        let bench = try SessionBench()
        try bench.negotiate()
        try bench.addMemory()
        try bench.start(2)
        try bench.ask(.resetDevice)
        try bench.start(2)
        #expect(bench.device.takeLog() == ["start 2 at 0", "stop 2", "reset", "start 2 at 0"])
    }

    @Test func aRunningRingGoesOnWithANewCallEventfdAndSignalsIt() throws {
        let bench = try SessionBench()
        try bench.negotiate()
        try bench.addMemory()
        try bench.start(2)
        bench.device.base = 7
        let event = try EventFD()
        let copy = PassedDescriptor(try OwnedDescriptor(duplicating: event.number))
        try bench.ask(.setRingCall, UInt64(2).littleEndianBytes, rights: [copy])
        #expect(bench.device.takeLog() == ["start 2 at 0", "stop 2", "start 2 at 7"])
        #expect(try event.drain() == 1)
    }

    @Test func memoryThatComesWhileRingsRunIsUsed() throws {
        let bench = try SessionBench()
        try bench.negotiate()
        try bench.addMemory()
        try bench.start(2)
        let more = PassedDescriptor(try SharedMemory.makeFile(name: "more", byteCount: 4096))
        let line = SessionBench.region(guest: 1 << 30, size: 4096, user: 1 << 40)
        try bench.ask(.addMemoryRegion, SessionBench.slot(line), rights: [more])
        #expect(bench.device.takeLog() == ["start 2 at 0", "stop 2", "start 2 at 0"])
        let removed = try bench.ask(.removeMemoryRegion, SessionBench.slot(line), needsReply: true)
        #expect(number(removed) == 0)
    }

    @Test func takesAWholeTable() throws {
        let bench = try SessionBench()
        try bench.negotiate()
        let table =
            SessionBench.state(2, 0) + SessionBench.region(size: 0x8000)
            + SessionBench.region(guest: 0x4_0000, size: 0x8000, user: 1 << 40, offset: 0x8000)
        let answer = try bench.ask(
            .setMemoryTable,
            table,
            rights: [bench.memory, bench.memory],
            needsReply: true
        )
        #expect(number(answer) == 0)
        try bench.start(3)
        #expect(bench.device.takeLog() == ["start 3 at 0"])
    }

    @Test func handsOutAnInFlightAreaOfTheProtocolsSize() throws {
        let bench = try SessionBench()
        try bench.negotiate()
        // 3 rings of 128 entries: the size that QEMU's own back-ends give.
        let ask =
            UInt64(0).littleEndianBytes + UInt64(0).littleEndianBytes
            + UInt16(3).littleEndianBytes + UInt16(128).littleEndianBytes + UInt32(0).littleEndianBytes
        try bench.peer.send(VhostUserMessage(.getInflight, ask))
        let answer = try #require(try bench.handle())
        #expect(number(answer.payload) == 6336)
        #expect(try answer.rights.first?.regularFileSize() == 6336)
        let back = try bench.ask(.setInflight, answer.payload, rights: answer.rights, needsReply: true)
        #expect(number(back) == 0)
        try bench.addMemory()
        try bench.start(2)
        #expect(bench.device.setups[2]?.inflight != nil)
    }

    @Test func aRingMayHaveFewerEntriesThanTheInFlightArea() throws {
        let bench = try SessionBench()
        try bench.negotiate()
        let ask =
            UInt64(0).littleEndianBytes + UInt64(0).littleEndianBytes
            + UInt16(3).littleEndianBytes + UInt16(256).littleEndianBytes + UInt32(0).littleEndianBytes
        try bench.peer.send(VhostUserMessage(.getInflight, ask))
        let answer = try #require(try bench.handle())
        try bench.ask(.setInflight, answer.payload, rights: answer.rights)
        try bench.addMemory()
        try bench.start(2)
        let inflight = try #require(bench.device.setups[2]?.inflight)
        #expect(inflight.area.queueSize == 256)
    }

    @Test func answersALogAndLogsFromThenOn() throws {
        let bench = try SessionBench()
        try bench.negotiate()
        try bench.addMemory()
        try bench.start(2)
        let file = PassedDescriptor(try SharedMemory.makeFile(name: "log", byteCount: 4096))
        // QEMU waits for the answer without asking for it.
        let place = UInt64(64).littleEndianBytes + UInt64(8).littleEndianBytes
        #expect(try number(bench.ask(.setLogBase, place, rights: [file])) == 0)
        #expect(bench.device.setups[2]?.log == nil)
        let features = TransportFeatures.protocolFeatures | TransportFeatures.logAll
        try bench.ask(.setFeatures, features.littleEndianBytes)
        let log = try #require(bench.device.setups[2]?.log)
        #expect(log.used == SessionBench.guest + 0x3000)
        #expect(log.words == 8)
        let flagged = SessionBench.address(2, flags: 1, log: 0x5000)
        try bench.ask(.setRingAddress, flagged)
        #expect(bench.device.setups[2]?.log?.used == 0x5000)
        try bench.ask(.setFeatures, TransportFeatures.protocolFeatures.littleEndianBytes)
        #expect(bench.device.setups[2]?.log == nil)
    }

    @Test func statusZeroIsAReset() throws {
        let bench = try SessionBench()
        try bench.negotiate()
        try bench.addMemory()
        try bench.start(2)
        try bench.ask(.setStatus, UInt64(0xf).littleEndianBytes)
        #expect(try number(bench.ask(.getStatus)) == 0xf)
        try bench.ask(.setStatus, UInt64(0).littleEndianBytes)
        #expect(try number(bench.ask(.getStatus)) == 0)
        #expect(bench.device.takeLog() == ["start 2 at 0", "stop 2", "reset"])
    }

    @Test func tellsTheConfigurationWithZeroesBehindIt() throws {
        let bench = try SessionBench()
        let ask = [UInt32(2), 4, 0].flatMap { $0.littleEndianBytes }
        let answer = try bench.ask(.getConfiguration, ask + [9, 9, 9, 9])
        #expect(answer == ask + [3, 4, 0, 0])
    }

    @Test func acceptsVersion1AndChangeWithoutAnOffer() throws {
        let bench = try SessionBench()
        let bits = TransportFeatures.version1 | 1 << 2 | TransportFeatures.protocolFeatures
        #expect(throws: Never.self) { try bench.ask(.setFeatures, bits.littleEndianBytes) }
    }

    @Test func aMessageInPiecesIsOneMessage() throws {
        let bench = try SessionBench()
        let bytes = VhostUserMessage(.getQueueCount).encoded
        for byte in bytes { #expect(try bench.sendRaw([byte])) }
        guard case .message(let answer) = try bench.peer.receive() else {
            Issue.record("no answer")
            return
        }
        #expect(number(answer.payload) == 66)
    }

    @Test func closingStopsEverything() throws {
        let bench = try SessionBench()
        try bench.negotiate()
        try bench.addMemory()
        try bench.start(2)
        bench.session.close()
        #expect(bench.device.takeLog() == ["start 2 at 0", "stop 2", "reset"])
    }
}

// SPDX-License-Identifier: MIT
import SCSITarget
import Synchronization
import SystemPackage
import Testing

/// Several units behind one target, and what initiators are told of them.
struct TargetDeviceTests {
    private func unit(_ serial: String) throws -> LogicalUnit {
        LogicalUnit(store: try NullStore(byteCount: 1 << 20), identity: UnitIdentity(serial: serial))
    }

    private let reportLUNs: [UInt8] = [0xa0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0]

    @Test func inventory() throws {
        let initiator = try Initiator()
        let target = initiator.target
        let spare = try unit("d")
        #expect(try target.attach(unit("b"), at: 300))
        #expect(try target.attach(unit("c"), at: 7))
        #expect(!target.attach(spare, at: 7) && !target.attach(spare, at: 0x4000))
        #expect(target.luns == [0, 7, 300])
        let expected: [UInt8] =
            [0, 0, 0, 24, 0, 0, 0, 0] + [0, 0, 0, 0, 0, 0, 0, 0] + [0, 7, 0, 0, 0, 0, 0, 0]
            + [0x41, 0x2c, 0, 0, 0, 0, 0, 0]
        #expect(initiator.send(reportLUNs).data == expected)
        // The answer is the same from every number, and cut to the allocation length.
        var absent = initiator
        absent.lun = 9
        #expect(absent.send(reportLUNs).data == expected)
        #expect(initiator.send([0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0]).data == Array(expected.prefix(16)))
        // Well-known units: none.
        #expect(initiator.send([0xa0, 0, 1, 0, 0, 0, 0, 0, 0, 16, 0, 0]).data == bytes(0, 8))
    }

    @Test func absentUnits() throws {
        var initiator = try Initiator()
        initiator.lun = 5
        let inquiry = initiator.send([0x12, 0, 0, 0, 36, 0])
        #expect(inquiry.outcome.status == .good && inquiry.data.count == 36 && inquiry.data[0] == 0x7f)
        #expect(initiator.send([0x12, 1, 0, 0, 36, 0]).sense == [5, 0x25, 0])
        #expect(
            initiator.send([0]).sense == [5, 0x25, 0] && initiator.send(read16(0, 1)).sense == [5, 0x25, 0]
        )
        let sense = initiator.send([3, 0, 0, 0, 18, 0])
        #expect(sense.outcome.status == .good && sense.data[2] == 5 && sense.data[12] == 0x25)
    }

    /// A change of the inventory is told once by every other unit, or by REPORT LUNS.
    @Test func hotPlug() throws {
        let first = try Initiator()
        let second = first.other("b")
        first.target.attach(try unit("b"), at: 1)
        #expect(first.send([0]).sense == [6, 0x3f, 0x0e] && first.isGood([0]))
        // REPORT LUNS to one unit speaks for all of them.
        var third = second
        third.lun = 1
        _ = third.send([0])
        first.target.attach(try unit("c"), at: 2)
        #expect(first.send([0]).sense == [6, 0x3f, 0x0e])
        #expect(second.isGood(reportLUNs) && second.isGood([0]) && third.isGood([0]))
        #expect(first.target.detach(1) != nil && first.target.detach(1) == nil)
        #expect(first.send([0]).sense == [6, 0x3f, 0x0e] && first.isGood([0]))
    }

    @Test func powerOnIsToldOnce() throws {
        let target = TargetDevice()
        target.attach(try unit("a"), at: 0)
        let initiator = Initiator(joining: target)
        // These three are carried out all the same; the last takes it.
        #expect(initiator.isGood([0x12, 0, 0, 0, 36, 0]) && initiator.isGood(reportLUNs))
        let sense = initiator.send([3, 0, 0, 0, 18, 0])
        #expect(sense.data[2] == 6 && sense.data[12] == 0x29)
        #expect(initiator.isGood([0]))
        target.disconnect(initiator.nexus)
        target.connect(initiator.nexus)
        #expect(
            initiator.send([0xff]).sense == [6, 0x29, 0] && initiator.send([0xff]).sense == [5, 0x20, 0]
        )
        // A reset is told to everybody, after what was pending.
        let other = initiator.other("b")
        target.reset()
        #expect(initiator.send([0]).sense == [6, 0x29, 3] && other.send([0]).sense == [6, 0x29, 3])
        #expect(initiator.isGood([0]) && other.isGood([0]))
    }

    @Test func startAndStop() throws {
        let store = try SpyStore(blocks: 8)
        let initiator = Initiator(store: store)
        #expect(initiator.isGood([0x1b, 0, 0, 0, 0, 0]))
        #expect(store.flushes.load(ordering: .relaxed) == 1)
        #expect(initiator.send([0]).sense == [2, 4, 2] && initiator.send(read16(0, 1)).sense == [2, 4, 2])
        #expect(initiator.isGood([0x12, 0, 0, 0, 36, 0]))
        #expect(initiator.send([3, 0, 0, 0, 18, 0]).data[2] == 2)
        #expect(initiator.isGood([0x1b, 0, 0, 0, 1, 0]) && initiator.isGood([0]))
        #expect(initiator.isGood([0x1b, 0, 0, 0, 0x10, 0]) && initiator.isGood([0]))
    }

    /// The gate shuts before the command that shuts it returns, and opens when nothing is left in the way.
    @Test func gate() throws {
        let store = try SpyStore(blocks: 8)
        let initiator = Initiator(store: store)
        let unit = try #require(initiator.target[0])
        let path = RecordedPath(initiator.nexus)
        unit.add(path)
        func gate() -> UnitGate? { path.gate }
        #expect(gate()?.isOpen == true && gate()?.isWritable == true && gate()?.flushesWrites == false)
        #expect(gate()?.blockCount == 8)
        unit.reset(of: initiator.nexus)
        #expect(gate()?.isOpen == false)
        #expect(initiator.send([0]).sense == [6, 0x29, 0] && gate()?.isOpen == true)
        let other = initiator.other("b")
        for (shut, open) in [([0x16], [0x17]), ([0x1b], [0x1b, 0, 0, 0, 1, 0])] as [([UInt8], [UInt8])] {
            #expect(other.isGood(shut) && gate()?.isOpen == false)
            #expect(other.isGood(open) && gate()?.isOpen == true)
        }
        // WCE off, then SWP on.
        #expect(initiator.isGood([0x15, 0x10, 0, 0, 24, 0], [0, 0, 0, 0, 0x08, 0x12] + bytes(0, 18)))
        #expect(gate()?.flushesWrites == true && gate()?.isWritable == true)
        #expect(
            initiator.isGood([0x15, 0x10, 0, 0, 16, 0], [0, 0, 0, 0, 0x0a, 10, 2, 0x10, 8] + bytes(0, 7))
        )
        #expect(gate()?.isOpen == true && gate()?.isWritable == false)
        store.resize(blocks: 4)
        try unit.refreshCapacity()
        #expect(gate()?.isOpen == false && gate()?.blockCount == 4)
        #expect(initiator.send([0]).sense == [6, 0x2a, 9] && gate()?.isOpen == true)
        // Nothing is left: no command counts on a last block.
        store.resize(blocks: 0)
        try unit.refreshCapacity()
        #expect(initiator.send([0]).sense == [6, 0x2a, 9] && gate()?.blockCount == 0)
        for cdb: [UInt8] in [[0], [0x25] + bytes(0, 9), [0x9e, 0x10] + bytes(0, 14), read16(0, 0), [0x35]] {
            #expect(initiator.send(cdb).sense == [2, 0x3a, 0], "\(cdb)")
        }
        #expect(initiator.isGood([0x1a, 0, 0x3f, 0, 255, 0]) && initiator.isGood([0x12, 0, 0, 0, 36, 0]))
    }
}

extension Initiator {
    /// An initiator that the target does not know yet.
    init(joining target: TargetDevice) { self.target = target }
}

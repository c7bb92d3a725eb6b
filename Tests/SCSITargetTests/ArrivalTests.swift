// SPDX-License-Identifier: MIT
import SCSITarget
import Synchronization
import SystemPackage
import Testing

/// What initiators find that come, come back or go on.
struct ArrivalTests {
    private let store: SpyStore
    private let initiator: Initiator

    init() throws {
        store = try SpyStore(blocks: 8)
        initiator = Initiator(store: store)
    }

    private var flushes: Int { store.flushes.load(ordering: .relaxed) }

    /// Whether a write is made safe before it is answered.
    private func flushes(_ initiator: Initiator) -> Bool {
        let before = flushes
        #expect(initiator.isGood(write16(0, 1), bytes(0, 512)))
        return flushes > before
    }

    private func setWriteCache(_ isOn: Bool) -> Initiator.Answer {
        initiator.send([0x15, 0x10, 0, 0, 24, 0], [0, 0, 0, 0, 0x08, 0x12, isOn ? 4 : 0] + bytes(0, 17))
    }

    private var writeCache: UInt8? { initiator.send([0x1a, 8, 0x08, 0, 255, 0]).data.dropFirst(6).first }

    /// Sets D_SENSE and SWP, switches the write cache off and stops the unit.
    private func change() {
        #expect(initiator.isGood([0x15, 0x10, 0, 0, 16, 0], [0, 0, 0, 0, 10, 10, 6, 0x10, 8] + bytes(0, 7)))
        #expect(setWriteCache(false).outcome.status == .good)
        #expect(initiator.isGood([0x1b, 0, 0, 0, 0, 0]))
    }

    private func comeBack(isContinued: Bool = false) {
        initiator.target.disconnect(initiator.nexus)
        initiator.target.connect(initiator.nexus, isContinued: isContinued)
    }

    @Test func aNewOneFindsTheUnitAsAfterAReset() throws {
        change()
        comeBack()
        let first = initiator.send([0])
        #expect(first.sense == [6, 0x29, 0] && first.outcome.sense.first == 0x70)
        #expect(initiator.isGood([0]))
        #expect(!flushes(initiator) && writeCache == 4)
    }

    @Test func aSecondOneFindsItAsTheFirstHasIt() throws {
        change()
        let other = initiator.other("b")
        #expect(other.send([0]).sense == [2, 4, 2])
        #expect(other.isGood([0x1b, 0, 0, 0, 1, 0]))
        #expect(other.send(write16(0, 1), bytes(0, 512)).sense == [7, 0x27, 2])
    }

    @Test func aResetOfTheNexusChangesNoModePage() throws {
        #expect(setWriteCache(false).outcome.status == .good)
        initiator.target.reset(of: initiator.nexus)
        #expect(initiator.send([0]).sense == [6, 0x29, 0])
        #expect(writeCache == 0 && flushes(initiator))
    }

    @Test func oneThatGoesOnFindsWhatItSet() throws {
        #expect(setWriteCache(false).outcome.status == .good)
        comeBack(isContinued: true)
        #expect(writeCache == 0 && flushes(initiator))
        #expect(setWriteCache(true).outcome.status == .good)
        comeBack(isContinued: true)
        #expect(!flushes(initiator))
    }

    /// Another process served it, and may have been told to do without a cache.
    @Test func oneThatGoesOnFromElsewhereLosesNoWrite() throws {
        var elsewhere = initiator
        elsewhere.nexus = Nexus("iqn.2026-11.test:elsewhere")
        initiator.target.connect(elsewhere.nexus, isContinued: true)
        #expect(flushes(elsewhere) && flushes(initiator))
        // A flush of another one says nothing of it.
        #expect(initiator.isGood([0x35] + bytes(0, 9)) && flushes(elsewhere))
        #expect(elsewhere.isGood([0x35] + bytes(0, 9)))
        #expect(!flushes(elsewhere) && !flushes(initiator))
        initiator.target.disconnect(elsewhere.nexus)
        initiator.target.connect(elsewhere.nexus, isContinued: true)
        #expect(!flushes(elsewhere))
    }

    @Test func whatWasWrittenIsSafeOnceTheWriteCacheIsOff() throws {
        #expect(!flushes(initiator))
        let before = flushes
        #expect(setWriteCache(false).outcome.status == .good)
        #expect(flushes == before + 1)
        #expect(setWriteCache(false).outcome.status == .good && setWriteCache(true).outcome.status == .good)
        #expect(flushes == before + 1)
        // Where that fails there is a cache still.
        store.fail(with: .ioError)
        #expect(setWriteCache(false).sense == [3, 0x0c, 0])
        #expect(writeCache == 4)
    }

    /// One that never sends a command keeps nobody from going past the unit.
    @Test func attentionsShutTheGateOfTheirOwnPath() throws {
        let unit = try #require(initiator.target[0])
        let (own, other) = (RecordedPath(initiator.nexus), RecordedPath(Nexus("iqn.2026-11.test:silent")))
        for path in [own, other] { unit.add(path) }
        unit.connect(Nexus("iqn.2026-11.test:silent"))
        #expect(own.gate?.isOpen == true && other.gate?.isOpen == false)
        #expect(initiator.isGood([0x16]))
        #expect(own.gate?.isWritable == true && other.gate?.isOpen == false)
        unit.remove(own)
        #expect(initiator.isGood([0x1b, 0, 0, 0, 0, 0]) && own.gate?.isOpen == true)
    }

    /// PREEMPT AND ABORT waits for those whom it removes, and for no others.
    @Test(arguments: [true, false])
    func preemptAndAbortSettlesWhomItRemoves(_ settles: Bool) throws {
        let (b, c) = (initiator.other("b"), initiator.other("c"))
        let unit = try #require(initiator.target[0])
        let paths = [initiator, b, c].map { RecordedPath($0.nexus, settles: settles) }
        for path in paths { unit.add(path) }
        func out(_ one: Initiator, _ action: UInt8, _ key: UInt64, _ other: UInt64) -> Initiator.Answer {
            one.send([0x5f, action, 1, 0, 0, 0, 0, 0, 24, 0], bytes(key, 8) + bytes(other, 8) + bytes(0, 8))
        }
        for (one, key) in [(initiator, 1), (b, 2), (c, 3)] as [(Initiator, UInt64)] {
            #expect(out(one, 0, 0, key).outcome.status == .good)
        }
        #expect(out(initiator, 4, 1, 2).outcome.status == .good)
        #expect(paths.map(\.flushes) == [0, 0, 0], "PREEMPT leaves commands alone")
        #expect(out(initiator, 5, 1, 3).sense == (settles ? nil : [4, 0x44, 0]))
        #expect(paths.map(\.flushes) == [0, 0, 1])
    }
}

/// A path that keeps the gates that it was told.
final class RecordedPath: UnitPath {
    let initiators: Set<Nexus>
    private let settles: Bool
    private let gates = Mutex<[UnitGate]>([])
    private let flushed = Atomic(0)

    init(_ nexus: Nexus, settles: Bool = true) {
        initiators = [nexus]
        self.settles = settles
    }

    var gate: UnitGate? { gates.withLock { $0.last } }
    var flushes: Int { flushed.load(ordering: .relaxed) }

    func open(_ gate: UnitGate) { gates.withLock { $0.append(gate) } }

    func flush(for patience: Duration?) -> Bool {
        flushed.add(1, ordering: .relaxed)
        return settles
    }
}

// SPDX-License-Identifier: MIT
import Testing

/// A reader stops the machine at any store and finds the old state or the new one.
@Suite struct PublicationTests {
    @Test(arguments: [1, 2] as [UInt32])
    func everyPrefixOfEveryOperationIsTheOldOrTheNewState(elfClass: UInt32) {
        let machine = WatchedMachine(capacity: 12, elfClass: elfClass)
        var handles: [UInt64] = []
        for i in 0..<12 as Range<UInt32> {
            let added = machine.register(.init(name: "KREG", seq: i, size: UInt64(4 * (i + 1))))
            #expect(added.status == 0)
            #expect(machine.lastStores > 0)
            expectAtomic(machine, count: i + 1)
            handles.append(added.handle)
        }
        for i in [0, 11, 5] {
            #expect(machine.update(handles[i], size: 256) == 0)
            expectAtomic(machine, count: 12)
        }
        machine.compact()
        expectAtomic(machine, count: 12)
        for (gone, i) in [3, 0, 11, 7, 1, 2, 4, 5, 6, 8, 9, 10].enumerated() {
            #expect(machine.unregister(handles[i]) == 0)
            expectAtomic(machine, count: UInt32(11 - gone))
        }
    }

    @Test func showingAndWithdrawingAreAtomic() {
        // The original said "enabled" before it said how many regions there were, and then made the header.
        #expect(!WatchedMachine(.original).lastChangeWasAtomic)
        #expect(WatchedMachine().lastChangeWasAtomic)

        let machine = WatchedMachine(capacity: 4)
        machine.register("KONE")
        let shown = machine.digest
        machine.withdraw()
        #expect(machine.lastChangeWasAtomic)
        #expect(machine.digest != shown)
        #expect(machine.show() == 0)
        #expect(machine.lastChangeWasAtomic)
        #expect(machine.digest == shown)
        #expect(machine.show() == -17)
    }

    @Test func withdrawingLeavesTheEntryZero() {
        let machine = WatchedMachine(capacity: 4)
        machine.register("KONE")
        machine.withdraw()
        #expect(machine.memory[0..<336].allSatisfy { $0 == 0 })
    }

    @Test func unregisteringAllLeavesTheTablesAsTheyWere() {
        let machine = WatchedMachine(capacity: 8)
        let fresh = machine.header
        let handles = (0..<8).map { machine.register("KREG_\($0)").handle }
        #expect(machine.header != fresh)
        for i in [4, 0, 7, 2, 1, 3, 5, 6] { #expect(machine.unregister(handles[i]) == 0) }
        #expect(machine.count == 0)
        // An even number of changes in all: the reader is pointed to the first copy again.
        #expect(machine.header == fresh)
    }

    private func expectAtomic(_ machine: WatchedMachine, count: UInt32) {
        #expect(machine.fault == nil)
        #expect(machine.count == count)
        #expect(machine.lastChangeWasAtomic)
    }
}

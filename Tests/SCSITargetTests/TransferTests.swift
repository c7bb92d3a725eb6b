// SPDX-License-Identifier: MIT
import SCSITarget
import Synchronization
import SystemPackage
import Testing

/// Data through READ, WRITE and what compares, and how much of it is said to be transferred.
struct TransferTests {
    private func pattern(_ count: Int, _ seed: UInt8) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 9) ^ seed }
    }

    @Test(arguments: [512, 4096])
    func everySizeOfReadAndWrite(blockSize: Int) throws {
        let initiator = try Initiator(blocks: 64, blockSize: blockSize)
        let long: [UInt8] = [0x7f, 0, 0, 0, 0, 0, 0, 0x18, 0]
        let writes: [[UInt8]] = [
            [0x0a, 0, 0, 5, 3, 0], [0x2a, 0, 0, 0, 0, 5, 0, 0, 3, 0],
            [0xaa, 0, 0, 0, 0, 5, 0, 0, 0, 3, 0, 0],
            write16(5, 3), long + [0x0b, 0, 0] + bytes(5, 8) + bytes(0, 8) + bytes(3, 4),
        ]
        let reads: [[UInt8]] = [
            [0x08, 0, 0, 5, 3, 0], [0x28, 0, 0, 0, 0, 5, 0, 0, 3, 0],
            [0xa8, 0, 0, 0, 0, 5, 0, 0, 0, 3, 0, 0],
            read16(5, 3), long + [0x09, 0, 0] + bytes(5, 8) + bytes(0, 8) + bytes(3, 4),
        ]
        for (index, write) in writes.enumerated() {
            let data = pattern(3 * blockSize, UInt8(index + 1))
            let written = initiator.send(write, data).outcome
            #expect(
                written.status == .good && written.dataOutCount == data.count && written.wanted == data.count
            )
            for read in reads {
                let answer = initiator.send(read, room: 3 * blockSize)
                #expect(answer.data == data && answer.outcome.wanted == data.count, "\(write) \(read)")
            }
        }
        // The neighbours are untouched.
        #expect(initiator.send(read16(4, 1)).data.allSatisfy { $0 == 0 })
        #expect(initiator.send(read16(8, 1)).data.allSatisfy { $0 == 0 })
    }

    @Test func zeroLengths() throws {
        let initiator = try Initiator()
        #expect(initiator.send([0x28]).outcome.wanted == 0)
        #expect(initiator.isGood(read16(255, 0)) && initiator.isGood(write16(0, 0)))
        #expect(initiator.isGood([0x89] + bytes(0, 15)) && initiator.isGood([0x42] + bytes(0, 9)))
        // READ(6) has no zero: it stands for 256.
        #expect(initiator.send([0x08, 0, 0, 0, 0, 0], room: 131072).data.count == 131072)
    }

    /// Room that is short gets its fill and no more; room to spare is left alone.
    @Test(arguments: [0, 1, 511, 512, 513, 1024, 1025, 4096])
    func room(count: Int) throws {
        let initiator = try Initiator()
        let data = pattern(1024, 9)
        #expect(initiator.isGood(write16(0, 2), data))
        let answer = initiator.send(read16(0, 2), room: count)
        #expect(answer.outcome.wanted == 1024)
        #expect(answer.data == Array(data.prefix(count)))
    }

    @Test func dataToSpare() throws {
        let initiator = try Initiator()
        let outcome = initiator.send(write16(0, 1), pattern(4096, 1)).outcome
        #expect(outcome.status == .good && outcome.dataOutCount == 512)
        #expect(initiator.send(read16(1, 1)).data.allSatisfy { $0 == 0 })
    }

    @Test func forcedUnitAccess() throws {
        let store = try SpyStore(blocks: 64)
        let initiator = Initiator(store: store)
        func flushes(_ cdb: [UInt8], _ data: [UInt8]) -> Int {
            let before = store.flushes.load(ordering: .relaxed)
            #expect(initiator.isGood(cdb, data), "\(cdb)")
            return store.flushes.load(ordering: .relaxed) - before
        }
        let zeroes = bytes(0, 1024)
        #expect(flushes(write16(0, 1), zeroes) == 0)
        #expect(flushes(write16(0, 1, flags: 0x08), zeroes) == 1)
        #expect(flushes([0x2e, 0, 0, 0, 0, 0, 0, 0, 1, 0], zeroes) == 1)
        #expect(flushes([0x89, 0x08] + bytes(0, 11) + [1, 0, 0], zeroes) == 1)
        #expect(flushes([0x35], []) == 1 && flushes([0x91] + bytes(0, 15), []) == 1)
        // With WCE off, everything is flushed.
        #expect(initiator.isGood([0x15, 0x10, 0, 0, 24, 0], [0, 0, 0, 0, 0x08, 0x12] + bytes(0, 18)))
        #expect(flushes(write16(0, 1), zeroes) == 1 && flushes([0x0a, 0, 0, 0, 1, 0], zeroes) == 1)
        #expect(flushes([0x41, 0, 0, 0, 0, 0, 0, 0, 1, 0], bytes(0, 512)) == 1)
    }

    @Test func verification() throws {
        let initiator = try Initiator()
        let data = pattern(1024, 3)
        #expect(initiator.isGood([0x2e, 2, 0, 0, 0, 8, 0, 0, 2, 0], data))
        #expect(initiator.isGood([0x2f, 0, 0, 0, 0, 8, 0, 0, 2, 0]))
        #expect(initiator.isGood([0x2f, 2, 0, 0, 0, 8, 0, 0, 2, 0], data))
        var wrong = data
        wrong[700] ^= 1
        let answer = initiator.send([0x8f, 2] + bytes(8, 8) + bytes(2, 4) + [0, 0], wrong)
        #expect(answer.outcome.sense == [0xf0, 0, 0x0e, 0, 0, 2, 0xbc, 10, 0, 0, 0, 0, 0x1d, 0, 0, 0, 0, 0])
        // One block against each.
        #expect(initiator.isGood([0xaf, 6, 0, 0, 0, 100, 0, 0, 0, 50, 0, 0], bytes(0, 512)))
        #expect(
            initiator.send([0xaf, 6, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0], bytes(0, 512)).sense == [0xe, 0x1d, 0]
        )
    }

    @Test func compareAndWrite() throws {
        let initiator = try Initiator()
        let (old, new) = (pattern(1024, 1), pattern(1024, 2))
        let cdb = [0x89, 0] + bytes(3, 8) + [0, 0, 0, 2, 0, 0]
        #expect(initiator.isGood(write16(3, 2), old))
        #expect(initiator.isGood(cdb, old + new))
        #expect(initiator.send(read16(3, 2)).data == new)
        let answer = initiator.send(cdb, old + old)
        #expect(answer.sense == [0xe, 0x1d, 0] && answer.outcome.sense[3...6] == [0, 0, 0, 0])
        #expect(initiator.send(read16(3, 2)).data == new)
    }

    /// Threads that count up one number by COMPARE AND WRITE lose no step.
    @Test func compareAndWriteIsAtomic() async throws {
        let first = try Initiator()
        let steps = 200
        await withTaskGroup(of: Void.self) { group in
            for name in ["b", "c", "d"] {
                let initiator = first.other(name)
                group.addTask {
                    for _ in 0..<steps {
                        while true {
                            let old = initiator.send(read16(0, 1)).data
                            let count = old.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
                            let new = bytes(count + 1, 8) + old.dropFirst(8)
                            if initiator.isGood([0x89] + bytes(0, 12) + [1, 0, 0], old + new) { break }
                        }
                    }
                }
            }
        }
        #expect(first.send(read16(0, 1)).number(0, 8) == UInt64(3 * steps))
    }

    @Test func orwrite() throws {
        let initiator = try Initiator()
        let (one, two) = (pattern(512, 1), pattern(512, 0x5a))
        #expect(initiator.isGood(write16(0, 1), one))
        #expect(initiator.isGood([0x8b, 0] + bytes(0, 8) + bytes(1, 4) + [0, 0], two))
        #expect(initiator.send(read16(0, 1)).data == zip(one, two).map { $0 | $1 })
    }
}

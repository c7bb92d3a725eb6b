// SPDX-License-Identifier: MIT
import LinuxSystem
import SCSITarget
import Synchronization
import SystemPackage
import Testing

/// Commands that are refused, and with what sense key and codes.
struct RefusalTests {
    private struct Case {
        let cdb: [UInt8]
        var sent = 0
        let sense: [UInt8]
    }

    private static let invalidField: [UInt8] = [5, 0x24, 0]
    private static let outOfRange: [UInt8] = [5, 0x21, 0]
    private static let shortList: [UInt8] = [5, 0x1a, 0]
    private static let shortData: [UInt8] = [5, 0x0e, 3]

    @Test func unknownCommands() throws {
        let initiator = try Initiator()
        for opcode: UInt8 in [0x01, 0x24, 0x83, 0x84, 0xc0, 0xff] {
            #expect(initiator.send([opcode]).sense == [5, 0x20, 0])
        }
        for cdb: [UInt8] in [
            [0x9e, 0x1f], [0xa3, 0x1f], [0x5e, 0x1f], [0x5f, 8], [0x7f, 0, 0, 0, 0, 0, 0, 24, 0, 1],
        ] {
            #expect(initiator.send(cdb).sense == Self.invalidField)
        }
    }

    /// The unit has 256 blocks of 512 bytes.
    @Test func fieldsAndRanges() throws {
        let initiator = try Initiator()
        let cases: [Case] = [
            // NACA.
            Case(cdb: [0, 0, 0, 0, 0, 0x04], sense: Self.invalidField),
            Case(cdb: [0x12, 1, 0x42, 0, 255, 0], sense: Self.invalidField),
            Case(cdb: [0x12, 0, 0x80, 0, 255, 0], sense: Self.invalidField),
            Case(cdb: [0x12, 2, 0, 0, 255, 0], sense: Self.invalidField),
            Case(cdb: [0xa0, 0, 3, 0, 0, 0, 0, 0, 16, 0], sense: Self.invalidField),
            Case(cdb: [0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 15], sense: Self.invalidField),
            Case(cdb: [0x25, 0, 0, 0, 0, 1, 0, 0, 0, 0], sense: Self.invalidField),
            Case(cdb: [0x1b, 0, 0, 0, 0x02, 0], sense: Self.invalidField),
            Case(cdb: [0x1b, 0, 0, 0, 0x41, 0], sense: Self.invalidField),
            // Ranges.
            Case(cdb: [0x08, 0, 0, 255, 2, 0], sense: Self.outOfRange),
            Case(cdb: [0x08, 0, 0, 1, 0, 0], sense: Self.outOfRange),
            Case(cdb: [0x28, 0, 0, 0, 1, 0, 0, 0, 1, 0], sense: Self.outOfRange),
            Case(cdb: [0x28, 0, 0, 0, 1, 0, 0, 0, 0, 0], sense: Self.outOfRange),
            Case(cdb: read16(.max, 1), sense: Self.outOfRange),
            Case(cdb: read16(.max, 0), sense: Self.outOfRange),
            Case(cdb: read16(1, 0xffff_ffff), sense: Self.outOfRange),
            Case(cdb: write16(.max - 1, 4), sent: 2048, sense: Self.outOfRange),
            Case(cdb: [0x91, 0] + bytes(256, 8) + [0, 0, 0, 0, 0, 0], sense: Self.outOfRange),
            Case(cdb: [0x9e, 0x12] + bytes(256, 8) + bytes(64, 4) + [0, 0], sense: Self.outOfRange),
            // Protection information.
            Case(cdb: [0x28, 0x20, 0, 0, 0, 0, 0, 0, 1, 0], sense: Self.invalidField),
            Case(cdb: write16(0, 1, flags: 0x60), sent: 512, sense: Self.invalidField),
            Case(cdb: [0x2f, 0x80, 0, 0, 0, 0, 0, 0, 1, 0], sense: Self.invalidField),
            // BYTCHK.
            Case(cdb: [0x2f, 0x04, 0, 0, 0, 0, 0, 0, 1, 0], sense: Self.invalidField),
            Case(cdb: [0x2e, 0x06, 0, 0, 0, 0, 0, 0, 1, 0], sent: 512, sense: Self.invalidField),
            // Data that is missing.
            Case(cdb: [0x2a, 0, 0, 0, 0, 0, 0, 0, 2, 0], sent: 1023, sense: Self.shortData),
            Case(cdb: [0x2f, 2, 0, 0, 0, 0, 0, 0, 2, 0], sent: 512, sense: Self.shortData),
            Case(cdb: [0x89, 0] + bytes(0, 11) + [1, 0, 0], sent: 1023, sense: Self.invalidField),
            Case(cdb: [0x89, 0] + bytes(0, 11) + [0, 0, 0], sent: 512, sense: Self.invalidField),
            Case(cdb: [0x41, 0, 0, 0, 0, 0, 0, 0, 2, 0], sent: 1024, sense: Self.shortData),
            // WRITE SAME: no length, ANCHOR, LBDATA.
            Case(cdb: [0x41, 0, 0, 0, 0, 0, 0, 0, 0, 0], sent: 512, sense: Self.invalidField),
            Case(cdb: [0x41, 0x10, 0, 0, 0, 0, 0, 0, 1, 0], sent: 512, sense: Self.invalidField),
            Case(cdb: [0x41, 0x02, 0, 0, 0, 0, 0, 0, 1, 0], sent: 512, sense: Self.invalidField),
            // UNMAP.
            Case(cdb: [0x42, 1, 0, 0, 0, 0, 0, 0, 24, 0], sent: 24, sense: Self.invalidField),
            Case(cdb: [0x42, 0, 0, 0, 0, 0, 0, 0, 7, 0], sent: 7, sense: Self.shortList),
            Case(cdb: [0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0], sent: 23, sense: Self.shortList),
            // Mode pages.
            Case(cdb: [0x1a, 0, 0x02, 0, 255, 0], sense: Self.invalidField),
            Case(cdb: [0x1a, 0, 0x08, 1, 255, 0], sense: Self.invalidField),
            Case(cdb: [0x1a, 0, 0xc8, 0, 255, 0], sense: [5, 0x39, 0]),
            Case(cdb: [0x15, 0, 0, 0, 24, 0], sent: 24, sense: Self.invalidField),
            Case(cdb: [0x15, 0x11, 0, 0, 24, 0], sent: 24, sense: Self.invalidField),
            Case(cdb: [0x15, 0x10, 0, 0, 3, 0], sent: 3, sense: Self.shortList),
            Case(cdb: [0x15, 0x10, 0, 0, 24, 0], sent: 20, sense: Self.shortList),
            // Reservations.
            Case(cdb: [0x16, 1, 0, 0, 0, 0], sense: Self.invalidField),
            Case(cdb: [0x5f, 0, 0, 0, 0, 0, 0, 0, 23, 0], sent: 24, sense: Self.shortList),
            Case(cdb: [0x5f, 0, 0, 0, 0, 0, 0, 0, 24, 0], sent: 23, sense: Self.shortList),
            // REPORT SUPPORTED OPERATION CODES, TASK MANAGEMENT FUNCTIONS, TARGET PORT GROUPS.
            Case(cdb: [0xa3, 0x0c, 1, 0xa3, 0, 0, 0, 0, 1, 0, 0, 0], sense: Self.invalidField),
            Case(cdb: [0xa3, 0x0c, 2, 0x28, 0, 0, 0, 0, 1, 0, 0, 0], sense: Self.invalidField),
            Case(cdb: [0xa3, 0x0c, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0], sense: Self.invalidField),
            Case(cdb: [0xa3, 0x0d, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0], sense: Self.invalidField),
            Case(cdb: [0xa3, 0x4a, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0], sense: Self.invalidField),
        ]
        for item in cases {
            let answer = initiator.send(item.cdb, [UInt8](repeating: 0, count: item.sent))
            #expect(answer.sense == item.sense, "\(item.cdb)")
            #expect(answer.outcome.dataInCount == 0 && answer.outcome.dataOutCount == 0)
        }
    }

    /// One transfer has a limit, which the block limits page tells.
    @Test func transfersBeyondTheLimit() throws {
        let initiator = Initiator(store: try NullStore(byteCount: 1 << 40))
        let limit = initiator.send([0x12, 1, 0xb0, 0, 255, 0]).number(8, 4)
        #expect(limit * 512 == UInt64(LogicalUnit.maximumTransfer))
        let answer = initiator.send(read16(0, limit), room: LogicalUnit.maximumTransfer)
        #expect(answer.outcome.dataInCount == LogicalUnit.maximumTransfer)
        #expect(initiator.send(read16(0, limit + 1)).sense == Self.invalidField)
        #expect(
            initiator.send([0x8f, 0] + bytes(0, 8) + bytes(limit + 1, 4) + [0, 0]).sense == Self.invalidField
        )
        let tooMuch = [0, 22, 0, 16, 0, 0, 0, 0] + bytes(0, 8) + bytes((1 << 20) + 1, 4) + [0, 0, 0, 0]
        #expect(initiator.send([0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0], tooMuch).sense == [5, 0x26, 0])
    }

    /// The field at fault is pointed at in both formats of the sense data.
    @Test func fieldPointers() throws {
        let initiator = try Initiator()
        #expect(
            initiator.send(read16(0, 1, flags: 0x20)).outcome.sense
                == [0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x24, 0, 0, 0xcf, 0, 1]
        )
        #expect(
            initiator.isGood([0x15, 0x10, 0, 0, 16, 0], [0, 0, 0, 0, 0x0a, 10, 0x06, 0x10] + bytes(0, 8))
        )
        #expect(
            initiator.send(read16(0, 1, flags: 0x20)).outcome.sense
                == [0x72, 5, 0x24, 0, 0, 0, 0, 8, 2, 6, 0, 0, 0xcf, 0, 1, 0]
        )
    }

    @Test func readOnlyStores() throws {
        let initiator = Initiator(store: try SpyStore(blocks: 8, isReadOnly: true))
        for cdb in [
            write16(0, 1), [0x89, 0] + bytes(0, 11) + [1, 0, 0],
            [0x93, 0] + bytes(0, 8) + bytes(1, 4) + [0, 0],
        ] {
            #expect(initiator.send(cdb, [UInt8](repeating: 0, count: 1024)).sense == [7, 0x27, 0], "\(cdb)")
        }
        #expect(initiator.send([0x1a, 0, 0x3f, 0, 255, 0]).data[2] & 0x80 != 0)
        // Thin provisioning is not offered, and so its commands are not there.
        #expect(initiator.send([0x42, 0, 0, 0, 0, 0, 0, 0, 8, 0], bytes(0, 8)).sense == [5, 0x20, 0])
        #expect(initiator.isGood(read16(0, 1)))
    }

    @Test func failuresOfTheStore() throws {
        let cases: [(Errno, read: [UInt8], write: [UInt8])] = [
            (.ioError, [3, 0x11, 0], [3, 0x0c, 0]), (.noSpace, [7, 0x27, 7], [7, 0x27, 7]),
            (.readOnlyFileSystem, [7, 0x27, 0], [7, 0x27, 0]), (.badAddress, [4, 0x44, 0], [4, 0x44, 0]),
            (.socketNotConnected, [2, 0x04, 1], [2, 0x04, 1]),
        ]
        for (error, read, write) in cases {
            let store = try SpyStore(blocks: 8)
            let initiator = Initiator(store: store)
            store.fail(with: error)
            #expect(initiator.send(read16(0, 1)).sense == read)
            #expect(initiator.send(write16(0, 1), bytes(0, 512)).sense == write)
            #expect(initiator.send([0x35]).sense == write)
        }
        let store = try SpyStore(blocks: 8)
        store.fail(with: .noMemory)
        #expect(Initiator(store: store).send(read16(0, 1)).outcome.status == .busy)
    }

    /// A store tells once that it lost what was written: from then on, the unit says of nothing that it is safe, in
    /// whatever way it is asked, and whatever is reset. What is only written or read is as good as before.
    @Test func aFlushThatFailedFailsForGood() throws {
        let store = try SpyStore(blocks: 8)
        let initiator = Initiator(store: store)
        store.fail(with: .ioError)
        #expect(initiator.send([0x35]).sense == [3, 0x0c, 0])
        store.fail(with: nil)
        initiator.target[0]?.reset()
        #expect(initiator.send([0]).sense == [6, 0x29, 3])
        for cdb in [[0x35], [0x91], write16(0, 1, flags: 0x08), [0x1b, 0, 0, 0, 0, 0]] {
            #expect(initiator.send(cdb, bytes(0, 512)).sense == [3, 0x0c, 0], "\(cdb)")
        }
        #expect(initiator.isGood(write16(0, 1), bytes(0, 512)))
        #expect(initiator.isGood(read16(0, 1)))
        #expect(store.flushes.load(ordering: .relaxed) == 0)
    }

    /// The one that is told of the loss has not said so yet when another asks.
    @Test func aFlushBesideOneThatFailsFails() throws {
        let store = try SpyStore(blocks: 8)
        let initiator = Initiator(store: store)
        store.lose(by: .ioError)
        let first = try WorkerThread(name: "first") { _ = initiator.send([0x35]) }
        while !store.isTold.load(ordering: .acquiring) { SystemCalls.sleep(microseconds: 100) }
        #expect(initiator.send([0x35]).sense == [3, 0x0c, 0])
        first.join()
    }

    /// A store that is away for a while has lost nothing.
    @Test func aFlushThatDidNotBeginMayBeTriedAgain() throws {
        let store = try SpyStore(blocks: 8)
        let initiator = Initiator(store: store)
        store.fail(with: .socketNotConnected)
        #expect(initiator.send([0x35]).sense == [2, 0x04, 1])
        store.fail(with: nil)
        #expect(initiator.isGood([0x35]))
    }
}

// SPDX-License-Identifier: MIT
import LinuxSystem
import SCSITarget
import SystemPackage
import Testing

/// RESERVE and PERSISTENT RESERVE, between three initiators: A and B are registered, C is not.
struct ReservationTests {
    private enum Action: UInt8 {
        case register, reserve, release, clear, preempt, preemptAndAbort, registerAndIgnore, registerAndMove
    }

    /// One initiator's PERSISTENT RESERVE commands.
    private final class Reserver {
        let initiator: Initiator
        var key: UInt64 = 0

        init(_ initiator: Initiator) { self.initiator = initiator }

        func out(_ action: Action, _ newKey: UInt64 = 0, type: UInt8 = 0, flags: UInt8 = 0)
            -> Initiator.Answer
        {
            let list = bytes(key, 8) + bytes(newKey, 8) + bytes(0, 4) + [flags, 0, 0, 0]
            return initiator.send([0x5f, action.rawValue, type, 0, 0, 0, 0, 0, 24, 0], list)
        }

        func register(_ newKey: UInt64) -> Bool {
            let answer = out(.register, newKey)
            if answer.outcome.status == .good { key = newKey }
            return answer.outcome.status == .good
        }

        var keys: [UInt64] {
            let answer = initiator.send([0x5e, 0, 0, 0, 0, 0, 0, 1, 0, 0])
            return stride(from: 8, to: answer.data.count, by: 8).map { answer.number($0, 8) }
        }

        /// Key and type of the reservation; empty where there is none.
        var reservation: [UInt64] {
            let answer = initiator.send([0x5e, 1, 0, 0, 0, 0, 0, 1, 0, 0])
            return answer.data.count == 8 ? [] : [answer.number(8, 8), answer.number(21, 1)]
        }
    }

    private func three(_ first: Initiator) -> (a: Reserver, b: Reserver, c: Reserver) {
        let (a, b) = (Reserver(first), Reserver(first.other("b")))
        #expect(a.register(0xa) && b.register(0xb))
        return (a, b, Reserver(first.other("c")))
    }

    private let conflict = SCSIStatus.reservationConflict

    /// The tables of SPC-4 and SBC-3: whether B (registered) and C (not) may, while A has the reservation.
    @Test(
        arguments: [
            (1, reads: (true, true), writes: (false, false)), (3, (false, false), (false, false)),
            (5, (true, true), (true, false)), (6, (true, false), (true, false)),
            (7, (true, true), (true, false)), (8, (true, false), (true, false)),
        ] as [(UInt8, reads: (Bool, Bool), writes: (Bool, Bool))]
    )
    func conflicts(type: UInt8, reads: (Bool, Bool), writes: (Bool, Bool)) throws {
        let (a, b, c) = three(try Initiator())
        #expect(a.out(.reserve, type: type).outcome.status == .good)
        let reading: [[UInt8]] = [
            read16(0, 1), [0x08, 0, 0, 0, 1, 0], [0x1a, 0, 0x3f, 0, 255, 0], [0x34] + bytes(0, 9),
            [0x2f] + bytes(0, 9),
            [0x9e, 0x12] + bytes(0, 8) + bytes(64, 4) + [0, 0], [0xa3, 0x0c, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0],
        ]
        let writing: [[UInt8]] = [
            write16(0, 0), [0x35], [0x41, 0, 0, 0, 0, 0, 0, 0, 1, 0], [0x42], [0x89] + bytes(0, 15),
            [0x2e] + bytes(0, 9),
            [0x15, 0x10, 0, 0, 0, 0], [0x1b, 0, 0, 0, 0x10, 0], [0x1e, 0, 0, 0, 1, 0], [0x8b] + bytes(0, 15),
        ]
        let always: [[UInt8]] = [
            [0], [0x12, 0, 0, 0, 36, 0], [0xa0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0], [3, 0, 0, 0, 18, 0],
            [0x25] + bytes(0, 9),
            [0x9e, 0x10] + bytes(0, 8) + bytes(32, 4) + [0, 0], [0x5e, 0, 0, 0, 0, 0, 0, 0, 64, 0],
            [0xa3, 0x0a, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0], [0x1b, 0, 0, 0, 1, 0], [0x1e, 0, 0, 0, 0, 0],
        ]
        for (commands, allowed) in [(reading, reads), (writing, writes), (always, (true, true))] {
            for cdb in commands {
                // COMPARE AND WRITE of no blocks takes no data.
                let block = cdb[0] == 0x89 ? [] : bytes(0, 512)
                #expect(a.initiator.isGood(cdb, block), "A \(cdb)")
                let answers = (b.initiator.send(cdb, block), c.initiator.send(cdb, block))
                #expect(answers.0.outcome.status == (allowed.0 ? .good : conflict), "B \(type) \(cdb)")
                #expect(answers.1.outcome.status == (allowed.1 ? .good : conflict), "C \(type) \(cdb)")
            }
        }
    }

    @Test func registering() throws {
        let a = Reserver(try Initiator())
        #expect(a.out(.reserve, type: 1).outcome.status == conflict, "not registered")
        #expect(a.out(.register).outcome.status == .good && a.keys == [])
        a.key = 9
        #expect(a.out(.register, 1).outcome.status == conflict, "a key that it does not have")
        a.key = 0
        #expect(a.register(1) && a.keys == [1])
        #expect(a.register(2) && a.keys == [2])
        a.key = 1
        #expect(a.out(.register, 3).outcome.status == conflict && a.keys == [2])
        #expect(a.out(.registerAndIgnore, 4).outcome.status == .good && a.keys == [4])
        a.key = 4
        #expect(a.out(.register, 0).outcome.status == .good && a.keys == [])
        // SPEC_I_PT, and APTPL without a place to keep it.
        a.key = 0
        #expect(a.out(.register, 1, flags: 8).sense == [5, 0x26, 0])
        #expect(a.out(.register, 1, flags: 1).sense == [5, 0x26, 0] && a.keys == [])
        #expect(a.out(.register, 1, flags: 4).outcome.status == .good)
    }

    @Test func reservingAndReleasing() throws {
        let (a, b, c) = three(try Initiator())
        #expect(
            a.out(.reserve, type: 2).sense == [5, 0x24, 0]
                && a.out(.reserve, type: 0x11).sense == [5, 0x24, 0]
        )
        #expect(a.out(.reserve, type: 5).outcome.status == .good && c.reservation == [0xa, 5])
        #expect(a.out(.reserve, type: 5).outcome.status == .good)
        #expect(a.out(.reserve, type: 6).outcome.status == conflict)
        #expect(b.out(.reserve, type: 5).outcome.status == conflict)
        // Only the holder releases, and only what it has.
        #expect(b.out(.release, type: 5).outcome.status == .good && a.reservation == [0xa, 5])
        #expect(a.out(.release, type: 6).sense == [5, 0x26, 4])
        #expect(c.out(.release, type: 5).outcome.status == conflict)
        #expect(a.out(.release, type: 5).outcome.status == .good && a.reservation == [])
        #expect(
            b.initiator.send([0]).sense == [6, 0x2a, 4] && c.initiator.isGood([0]) && a.initiator.isGood([0])
        )
        // A holder that unregisters gives up its reservation, too.
        #expect(a.out(.reserve, type: 6).outcome.status == .good && a.register(0))
        #expect(b.initiator.send([0]).sense == [6, 0x2a, 4])
        #expect(b.reservation == [] && b.keys == [0xb])
        b.key = 1
        #expect(b.out(.clear).outcome.status == conflict)
    }

    @Test func allRegistrants() throws {
        let (a, b, _) = three(try Initiator())
        #expect(a.out(.reserve, type: 8).outcome.status == .good && b.reservation == [0, 8])
        #expect(b.out(.reserve, type: 8).outcome.status == .good)
        // It lasts until the last of them is gone.
        #expect(a.register(0) && b.reservation == [0, 8])
        #expect(b.register(0) && b.reservation == [])
    }

    @Test func clearing() throws {
        let (a, b, _) = three(try Initiator())
        #expect(a.out(.reserve, type: 1).outcome.status == .good && b.out(.clear).outcome.status == .good)
        #expect(b.keys == [] && b.reservation == [])
        #expect(a.initiator.send([0]).sense == [6, 0x2a, 3] && b.initiator.isGood([0]))
    }

    @Test(arguments: [4, 5] as [UInt8]) func preempting(action: UInt8) throws {
        let preempt = try #require(Action(rawValue: action))
        let (a, b, c) = three(try Initiator())
        #expect(a.out(.reserve, type: 1).outcome.status == .good)
        #expect(c.out(preempt, 0xa, type: 3).outcome.status == conflict)
        #expect(b.out(preempt, 0x77, type: 3).outcome.status == conflict, "a key that nobody has")
        #expect(b.out(preempt, 0, type: 3).sense == [5, 0x26, 0])
        #expect(b.out(preempt, 0xa, type: 3).outcome.status == .good)
        #expect(b.keys == [0xb] && b.reservation == [0xb, 3])
        #expect(a.initiator.send([0]).sense == [6, 0x2a, 5])
        #expect(a.out(.release, type: 1).outcome.status == conflict)
    }

    /// Preempting a registrant that holds nothing takes its registration alone.
    @Test func preemptingRegistrations() throws {
        let (a, b, _) = three(try Initiator())
        #expect(a.out(.reserve, type: 1).outcome.status == .good)
        #expect(a.out(.preempt, 0xb, type: 3).outcome.status == .good)
        #expect(a.keys == [0xa] && a.reservation == [0xa, 1])
        #expect(b.initiator.send([0]).sense == [6, 0x2a, 5])
    }

    /// With all registrants as holders, key 0 removes all others.
    @Test func preemptingAllRegistrants() throws {
        let (a, b, _) = three(try Initiator())
        #expect(a.out(.reserve, type: 7).outcome.status == .good)
        #expect(b.out(.preempt, 0, type: 3).outcome.status == .good)
        #expect(b.keys == [0xb] && b.reservation == [0xb, 3] && a.initiator.send([0]).sense == [6, 0x2a, 5])
    }

    @Test func moving() throws {
        let (a, b, c) = three(try Initiator())
        func move(_ from: Reserver, to name: String, key: UInt64, unregister: Bool) -> Initiator.Answer {
            let size = max(20, (name.utf8.count + 4) / 4 * 4)
            let padding = [UInt8](repeating: 0, count: size - name.utf8.count)
            let transport = [5, 0] + bytes(UInt64(size), 2) + Array(name.utf8) + padding
            let list =
                bytes(from.key, 8) + bytes(key, 8) + [0, unregister ? 2 : 0, 0, 1]
                + bytes(UInt64(transport.count), 4)
                + transport
            return from.initiator.send([0x5f, 7, 0, 0, 0] + bytes(UInt64(list.count), 4) + [0], list)
        }
        let heir = c.initiator.nexus.name
        #expect(move(a, to: heir, key: 0xc, unregister: false).outcome.status == conflict, "holds nothing")
        #expect(a.out(.reserve, type: 3).outcome.status == .good)
        #expect(move(b, to: heir, key: 0xc, unregister: false).outcome.status == conflict)
        #expect(move(a, to: heir, key: 0, unregister: false).sense == [5, 0x26, 0])
        #expect(move(a, to: "iqn.nobody", key: 0xc, unregister: false).sense == [5, 0x26, 0])
        #expect(move(a, to: a.initiator.nexus.name, key: 0xc, unregister: false).sense == [5, 0x26, 0])
        #expect(move(a, to: heir, key: 0xc, unregister: true).outcome.status == .good)
        #expect(b.keys == [0xb, 0xc] && b.reservation == [0xc, 3])
        #expect(c.initiator.isGood(read16(0, 1)) && a.initiator.send(read16(0, 1)).outcome.status == conflict)
    }

    @Test func olderReserve() throws {
        let a = try Initiator()
        let (b, c) = (a.other("b"), a.other("c"))
        #expect(a.isGood([0x16]) && a.isGood([0x56]) && a.isGood(read16(0, 1)))
        for cdb: [UInt8] in [
            [0], read16(0, 1), [0x25] + bytes(0, 9), [0x16], [0x5e, 0, 0, 0, 0, 0, 0, 0, 8, 0],
        ] {
            #expect(b.send(cdb).outcome.status == conflict, "\(cdb)")
        }
        #expect(
            b.isGood([0x12, 0, 0, 0, 36, 0]) && b.isGood([0x17]) && b.send([0]).outcome.status == conflict
        )
        #expect(a.isGood([0x57]) && b.isGood([0]))
        // It ends with the initiator that has it, and with a reset.
        #expect(a.isGood([0x16]))
        a.target.disconnect(a.nexus)
        #expect(b.isGood([0x16]) && c.send([0]).outcome.status == conflict)
        a.target.reset()
        #expect(c.send([0]).sense == [6, 0x29, 3] && c.isGood([0]))
        // Beside persistent reservations, it does nothing for the registered and is refused to others.
        let (d, _, e) = three(a.other("d"))
        _ = d.initiator.send([0])
        #expect(d.initiator.isGood([0x16]) && e.initiator.send([0x16]).outcome.status == conflict)
        #expect(e.initiator.isGood([0]))
    }

    @Test func keptThroughPowerLoss() throws {
        let folder = try FilePath.makeTemporaryDirectory(prefix: "scsitarget")
        defer { #expect(throws: Never.self) { try folder.removeTree() } }
        let path = folder.appending("reservations")
        func restart() throws -> Initiator {
            Initiator(store: try NullStore(byteCount: 1 << 20), reservations: try ReservationFile(path))
        }
        var a = Reserver(try restart())
        #expect(a.initiator.send([0x5e, 2, 0, 0, 0, 0, 0, 0, 8, 0]).data[2...3] == [0x15, 0x80])
        #expect(a.register(0xa) && a.out(.reserve, type: 3).outcome.status == .good)
        // Nothing is kept without APTPL.
        #expect(try Reserver(restart()).keys == [])
        #expect(a.out(.registerAndIgnore, 0xa, flags: 1).outcome.status == .good)
        let after = Reserver(try restart())
        #expect(after.keys == [0xa] && after.reservation == [0xa, 3])
        #expect(after.initiator.send([0x5e, 2, 0, 0, 0, 0, 0, 0, 8, 0]).data[2...3] == [0x15, 0x81])
        #expect(after.initiator.other("b").send(read16(0, 1)).outcome.status == conflict)
        #expect(after.initiator.isGood(read16(0, 1)))
        // The last registration without APTPL ends it.
        a = Reserver(after.initiator)
        #expect(a.out(.registerAndIgnore, 0xa).outcome.status == .good)
        #expect(try Reserver(restart()).keys == [])
        try path.write("something else\n".utf8)
        #expect(throws: OperationError.self) { try ReservationFile(path) }
    }

    /// Where the file cannot be written, the command fails and changes nothing.
    @Test func fileThatCannotBeWritten() throws {
        let file = try ReservationFile("/proc/ringside-no-such-place/reservations")
        let a = Reserver(Initiator(store: try NullStore(byteCount: 1 << 20), reservations: file))
        #expect(a.out(.register, 1, flags: 1).sense == [4, 0x44, 0] && a.keys == [])
        #expect(a.out(.register, 1).outcome.status == .good)
    }

    @Test func tooManyRegistrations() throws {
        let first = try Initiator()
        for index in 0..<128 {
            let one = Reserver(first.other("many\(index)"))
            #expect(one.register(UInt64(index) + 1))
        }
        #expect(Reserver(first).out(.register, 1).sense == [5, 0x55, 4])
    }
}

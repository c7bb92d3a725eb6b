// SPDX-License-Identifier: MIT
import SCSITarget
import SystemPackage
import Testing

/// MODE SENSE and MODE SELECT.
struct ModeTests {
    private let caching: [UInt8] = [0x08, 0x12, 0x04] + bytes(0, 17)
    private let control: [UInt8] = [0x0a, 0x0a, 0x02, 0x10] + bytes(0, 8)

    @Test func senseInBothSizes() throws {
        let initiator = Initiator(store: try SpyStore(blocks: 0x123456))
        let six = initiator.send([0x1a, 0, 0x08, 0, 255, 0]).data
        #expect(six == [31, 0, 0x10, 8, 0, 0x12, 0x34, 0x56, 0, 0, 2, 0] + caching)
        #expect(initiator.send([0x1a, 0x08, 0x08, 0, 255, 0]).data == [23, 0, 0x10, 0] + caching)
        let ten = initiator.send([0x5a, 0x10, 0x08, 0, 0, 0, 0, 0, 255, 0]).data
        #expect(ten == [0, 42, 0, 0x10, 1, 0, 0, 16] + bytes(0x123456, 8) + bytes(512, 8) + caching)
        #expect(initiator.send([0x1a, 8, 0x3f, 0, 255, 0]).data.count == 4 + 12 + 20 + 12 + 12)
        #expect(initiator.send([0x1a, 8, 0x3f, 0xff, 7, 0]).data.count == 7)
    }

    @Test func changeableAndDefaults() throws {
        let initiator = Initiator(store: try SpyStore(blocks: 8))
        #expect(
            initiator.send([0x1a, 8, 0x48, 0, 255, 0]).data.dropFirst(4) == [0x08, 0x12, 4]
                + bytes(0, 17)[...]
        )
        #expect(
            initiator.send([0x1a, 8, 0x4a, 0, 255, 0]).data.dropFirst(4) == [10, 10, 4, 0, 8]
                + bytes(0, 7)[...]
        )
        #expect(initiator.isGood([0x15, 0x10, 0, 0, 24, 0], [0, 0, 0, 0, 8, 0x12] + bytes(0, 18)))
        #expect(initiator.send([0x1a, 8, 0x08, 0, 255, 0]).data[6] == 0)
        #expect(initiator.send([0x1a, 8, 0x88, 0, 255, 0]).data[6] == 4)
        initiator.target.reset()
        _ = initiator.send([0])
        #expect(initiator.send([0x1a, 8, 0x08, 0, 255, 0]).data[6] == 4)
    }

    /// A store without a write cache has no WCE to set.
    @Test func withoutCache() throws {
        let initiator = try Initiator()
        #expect(initiator.send([0x1a, 8, 0x08, 0, 255, 0]).data[6] == 0)
        #expect(initiator.send([0x15, 0x10, 0, 0, 24, 0], [0, 0, 0, 0] + caching).sense == [5, 0x26, 0])
    }

    @Test func badLists() throws {
        let initiator = Initiator(store: try SpyStore(blocks: 8))
        let cases: [(list: [UInt8], sense: [UInt8])] = [
            // An unknown page, a wrong length, a page with subpages, a bit that cannot be changed.
            ([0, 0, 0, 0, 0x1a, 10] + bytes(0, 10), [5, 0x26, 0]),
            ([0, 0, 0, 0, 0x08, 10] + bytes(0, 10), [5, 0x26, 0]),
            ([0, 0, 0, 0, 0x48, 1, 0, 8] + bytes(0, 8), [5, 0x26, 0]),
            ([0, 0, 0, 0, 0x08, 0x12, 5] + bytes(0, 17), [5, 0x26, 0]),
            // Half a page, and a page header of one byte.
            ([0, 0, 0, 0, 0x08, 0x12, 4], [5, 0x1a, 0]), ([0, 0, 0, 0, 0x08], [5, 0x1a, 0]),
            // Block descriptors: another size, another block size, another number, half of one.
            ([0, 0, 0, 7] + bytes(0, 7), [5, 0x26, 0]), ([0, 0, 0, 8] + bytes(4096, 8), [5, 0x26, 0]),
            ([0, 0, 0, 8] + bytes(9, 4) + bytes(512, 4), [5, 0x26, 0]), ([0, 0, 0, 8, 0], [5, 0x1a, 0]),
        ]
        for (list, sense) in cases {
            let answer = initiator.send([0x15, 0x10, 0, 0, UInt8(list.count), 0], list)
            #expect(answer.sense == sense, "\(list)")
        }
        // A bad page behind a good one keeps the good one from being set.
        let list = [0, 0, 0, 0, 8, 0x12] + bytes(0, 18) + [0x1a, 10] + bytes(0, 10)
        #expect(initiator.send([0x15, 0x10, 0, 0, 36, 0], list).sense == [5, 0x26, 0])
        #expect(initiator.send([0x1a, 8, 0x08, 0, 255, 0]).data[6] == 4)
    }

    @Test func selectInBothSizes() throws {
        let initiator = Initiator(store: try SpyStore(blocks: 8))
        let other = initiator.other("b")
        // What MODE SENSE gives may be sent back as it is.
        let ten = initiator.send([0x5a, 0x10, 0x3f, 0, 0, 0, 0, 0, 255, 0]).data
        #expect(initiator.isGood([0x55, 0x10, 0, 0, 0, 0, 0] + bytes(UInt64(ten.count), 2) + [0], ten))
        #expect(other.isGood([0]), "nothing was changed")
        let descriptor = bytes(8, 4) + bytes(512, 4)
        #expect(initiator.isGood([0x15, 0x10, 0, 0, 24, 0], [0, 0, 0, 8] + descriptor + control))
        #expect(other.isGood([0]))
        #expect(initiator.isGood([0x15, 0x10, 0, 0, 16, 0], [0, 0, 0, 0, 10, 10, 6, 0x10] + bytes(0, 8)))
        // Others are told; the sense data is in the format that was just chosen.
        #expect(initiator.isGood([0]))
        #expect(other.send([0]).outcome.sense == [0x72, 6, 0x2a, 1, 0, 0, 0, 0])
    }

    @Test func softwareWriteProtect() throws {
        let initiator = try Initiator()
        #expect(initiator.isGood([0x15, 0x10, 0, 0, 16, 0], [0, 0, 0, 0, 10, 10, 2, 0x10, 8] + bytes(0, 7)))
        #expect(initiator.send(write16(0, 1), bytes(0, 512)).sense == [7, 0x27, 2])
        #expect(initiator.isGood(read16(0, 1)))
        #expect(initiator.send([0x1a, 8, 0x0a, 0, 255, 0]).data[2] == 0x90)
        #expect(initiator.isGood([0x15, 0x10, 0, 0, 16, 0], [0, 0, 0, 0] + control))
        #expect(initiator.isGood(write16(0, 1), bytes(0, 512)))
    }
}

// SPDX-License-Identifier: MIT
import LinuxSystem
import SCSITarget
import Synchronization
import SystemPackage
import Testing

/// UNMAP, WRITE SAME and GET LBA STATUS, on the stores of the module.
struct ProvisioningTests {
    private func withFile(_ body: (FilePath) throws -> Void) throws {
        let folder = try FilePath.makeTemporaryDirectory(prefix: "scsitarget")
        defer { #expect(throws: Never.self) { try folder.removeTree() } }
        let path = folder.appending("disk")
        try path.write([UInt8](repeating: 0xff, count: 1 << 20))
        try body(path)
    }

    private func unmap(_ ranges: [(UInt64, UInt64)]) -> (cdb: [UInt8], list: [UInt8]) {
        let descriptors = ranges.flatMap { bytes($0.0, 8) + bytes($0.1, 4) + bytes(0, 4) }
        let list = bytes(UInt64(descriptors.count + 6), 2) + bytes(UInt64(descriptors.count), 2) + bytes(0, 4)
        return (
            [0x42, 0, 0, 0, 0, 0, 0] + bytes(UInt64(list.count + descriptors.count), 2) + [0],
            list + descriptors
        )
    }

    private func status(_ initiator: Initiator, from first: UInt64) -> [[UInt64]] {
        let answer = initiator.send([0x9e, 0x12] + bytes(first, 8) + bytes(4096, 4) + [0, 0])
        return stride(from: 8, to: answer.data.count, by: 16).map {
            [answer.number($0, 8), answer.number($0 + 8, 4), answer.number($0 + 12, 1)]
        }
    }

    @Test func unmapInAFile() throws {
        try withFile { path in
            let initiator = Initiator(store: try FileStore(path))
            #expect(status(initiator, from: 0) == [[0, 2048, 0]])
            let (cdb, list) = unmap([(8, 8), (64, 32)])
            #expect(initiator.isGood(cdb, list))
            #expect(
                status(initiator, from: 0) == [
                    [0, 8, 0], [8, 8, 1], [16, 48, 0], [64, 32, 1], [96, 1952, 0],
                ]
            )
            #expect(status(initiator, from: 70) == [[70, 26, 1], [96, 1952, 0]])
            #expect(initiator.send(read16(8, 8)).data.allSatisfy { $0 == 0 })
            #expect(initiator.send(read16(7, 1)).data.allSatisfy { $0 == 0xff })
            #expect(try path.stat().size == 1 << 20)
        }
    }

    /// One bad descriptor keeps all of them from being carried out.
    @Test func unmapChecksFirst() throws {
        try withFile { path in
            let initiator = Initiator(store: try FileStore(path))
            let (cdb, list) = unmap([(0, 8), (2048, 1)])
            #expect(initiator.send(cdb, list).sense == [5, 0x21, 0])
            #expect(status(initiator, from: 0) == [[0, 2048, 0]])
        }
    }

    @Test func writeSame() throws {
        try withFile { path in
            let initiator = Initiator(store: try FileStore(path))
            let block = (0..<512).map { UInt8(truncatingIfNeeded: $0) }
            #expect(initiator.isGood([0x41, 0, 0, 0, 0, 3, 0, 0, 5, 0], block))
            #expect(initiator.send(read16(3, 5)).data == Array(repeatElement(block, count: 5).joined()))
            #expect(initiator.send(read16(8, 1)).data.allSatisfy { $0 == 0xff })
            // Zeroes without UNMAP keep their space, with UNMAP they give it back.
            #expect(initiator.isGood([0x93, 0x01] + bytes(16, 8) + bytes(16, 4) + [0, 0]))
            #expect(initiator.send(read16(16, 8)).data.allSatisfy { $0 == 0 })
            #expect(initiator.isGood([0x93, 0x08] + bytes(32, 8) + bytes(16, 4) + [0, 0], bytes(0, 512)))
            #expect(status(initiator, from: 32).first == [32, 16, 1])
            // With UNMAP, a pattern is still written.
            #expect(initiator.isGood([0x93, 0x08] + bytes(32, 8) + bytes(1, 4) + [0, 0], block))
            #expect(initiator.send(read16(32, 1)).data == block)
        }
    }

    @Test func unmapInMemory() throws {
        let initiator = try Initiator(blocks: 64, blockSize: 4096)
        #expect(status(initiator, from: 0) == [[0, 64, 1]])
        #expect(initiator.isGood(write16(10, 2), [UInt8](repeating: 1, count: 8192)))
        #expect(status(initiator, from: 0) == [[0, 10, 1], [10, 2, 0], [12, 52, 1]])
        let (cdb, list) = unmap([(11, 1)])
        #expect(initiator.isGood(cdb, list))
        #expect(status(initiator, from: 9) == [[9, 1, 1], [10, 1, 0], [11, 53, 1]])
    }

    /// What a device discards may read as anything: it is not said to be zero, and WRITE SAME may not discard it.
    @Test func unmapWithoutZeroes() throws {
        let store = try SpyStore(blocks: 2048, unmapsToZeroes: false)
        let initiator = Initiator(store: store)
        let (cdb, list) = unmap([(8, 8), (64, 32)])
        #expect(initiator.isGood(cdb, list))
        #expect(store.discards.load(ordering: .relaxed) == 40 * 512)
        #expect(initiator.send([0x9e, 0x10] + bytes(0, 8) + bytes(32, 4) + [0, 0]).data[14] == 0x80)
        #expect(initiator.send([0x12, 1, 0xb2, 0, 64, 0]).data == [0, 0xb2, 0, 4, 0, 0x80, 0x02, 0])
        let same = [0x93, 0x08] + bytes(32, 8) + bytes(16, 4) + [0, 0]
        #expect(initiator.send(same, bytes(0, 512)).sense == [5, 0x24, 0])
    }

    @Test func filesThatCannotBeStores() throws {
        #expect(throws: Errno.noSuchFileOrDirectory) { try FileStore("/nowhere/disk") }
        #expect(throws: Errno.invalidArgument) { try RAMStore(byteCount: 513) }
        #expect(throws: Errno.invalidArgument) { try NullStore(byteCount: 4096, blockSize: 1024) }
        try withFile { path in
            #expect(throws: Errno.invalidArgument) { try FileStore(path, blockSize: 520) }
            try path.write([UInt8](repeating: 0, count: 511))
            #expect(throws: Errno.invalidArgument) { try FileStore(path) }
        }
    }

    /// A file that becomes shorter than it was gives a read error, and its new size once that is looked up.
    @Test func shrunkFile() throws {
        try withFile { path in
            let store = try FileStore(path)
            let initiator = Initiator(store: store)
            try path.write([UInt8](repeating: 1, count: 4096))
            #expect(initiator.send(read16(8, 1)).sense == [3, 0x11, 0])
            #expect(try initiator.target[0]?.refreshCapacity() == true)
            #expect(try initiator.target[0]?.refreshCapacity() == false)
            #expect(initiator.send(read16(0, 1)).sense == [6, 0x2a, 9])
            #expect(initiator.send([0x9e, 0x10] + bytes(0, 8) + bytes(32, 4) + [0, 0]).number(0, 8) == 7)
            #expect(initiator.send(read16(8, 1)).sense == [5, 0x21, 0])
        }
    }
}

// SPDX-License-Identifier: MIT
import LinuxSystem
import SCSITarget
import SystemPackage
import Testing

/// Protection information on its way to the medium and back.
@Suite struct ProtectionTests {
    private func unit(_ type: ProtectionType, blockSize: Int = 512) throws -> Initiator {
        Initiator(
            store: try RAMStore(byteCount: 256 * UInt64(blockSize), blockSize: blockSize),
            protection: UnitProtection(type, tuples: try MemoryTuples(blocks: 256))
        )
    }

    private func pattern(_ blocks: Int, _ seed: Int, blockSize: Int = 512) -> [UInt8] {
        (0..<blocks * blockSize).map { UInt8(truncatingIfNeeded: ($0 &+ seed) &* 0x9e37 >> 5) }
    }

    private func tuple(_ block: some Sequence<UInt8>, _ application: UInt64, _ reference: UInt64) -> [UInt8] {
        bytes(UInt64(BlockGuard.word(Array(block).span)), 2) + bytes(application, 2) + bytes(reference, 4)
    }

    /// The information that belongs to blocks from `address` on.
    private func tuples(_ data: [UInt8], at address: UInt64, blockSize: Int = 512) -> [UInt8] {
        stride(from: 0, to: data.count, by: blockSize).flatMap { start in
            tuple(data[start..<start + blockSize], 0, address + UInt64(start / blockSize))
        }
    }

    private func interleaved(_ data: [UInt8], _ tuples: [UInt8], blockSize: Int = 512) -> [UInt8] {
        var bytes: [UInt8] = []
        for index in 0..<data.count / blockSize {
            bytes += data[index * blockSize..<(index + 1) * blockSize]
            bytes += tuples[index * 8..<(index + 1) * 8]
        }
        return bytes
    }

    private func beside(_ tuples: [UInt8]) -> SeparateInformation { SeparateInformation(sent: tuples) }

    @Test(arguments: [512, 4096]) func whatComesWithoutIsMadeHere(_ blockSize: Int) throws {
        let initiator = try unit(.one, blockSize: blockSize)
        let data = pattern(3, 1, blockSize: blockSize)
        let own = tuples(data, at: 5, blockSize: blockSize)
        #expect(initiator.isGood(write16(5, 3), data))
        #expect(initiator.send(read16(5, 3), room: data.count).data == data)
        // Between the blocks, where there is room for both.
        let both = initiator.send(read16(5, 3, flags: 0x20), room: data.count + 24)
        #expect(
            both.data == interleaved(data, own, blockSize: blockSize)
                && both.outcome.wanted == data.count + 24
        )
        // Beside them.
        let information = SeparateInformation(room: 24)
        let answer = initiator.send(read16(5, 3, flags: 0x20), room: data.count, information: information)
        #expect(answer.data == data && answer.outcome.information == own)
        // Nowhere: it is checked, and stays here.
        #expect(initiator.send(read16(5, 3, flags: 0x20), room: data.count).data == data)
    }

    @Test func whatComesWithItIsStored() throws {
        let initiator = try unit(.one)
        let data = pattern(2, 3)
        var own = tuples(data, at: 9)
        (own[2], own[11]) = (0x12, 0x34)
        #expect(initiator.isGood(write16(9, 2, flags: 0x20), data, information: beside(own)))
        #expect(initiator.send(read16(9, 2, flags: 0x20)).data == interleaved(data, own))
        let other = pattern(2, 4)
        let both = interleaved(other, tuples(other, at: 9))
        #expect(initiator.send(write16(9, 2, flags: 0x20), both).outcome.dataOutCount == both.count)
        #expect(initiator.send(read16(9, 2, flags: 0x20)).data == both)
        // Too little is none.
        let short = initiator.send(write16(9, 2, flags: 0x20), data, information: beside(Array(own[..<8])))
        #expect(short.sense == [5, 0x0e, 3])
        #expect(initiator.send(read16(9, 2)).data == other)
    }

    /// The tables of RDPROTECT and WRPROTECT: what each code has checked.
    @Test(arguments: [ProtectionType.one, .three]) func codesChooseTheChecks(_ type: ProtectionType) throws {
        let data = pattern(1, 7)
        let checksGuard: Set<UInt8> = [0, 1, 4, 5]
        let checksReference: Set<UInt8> = type == .one ? [0, 1, 2, 5] : []
        for byte in [1, 3, 7] {
            let initiator = try unit(type)
            var wrong = tuples(data, at: 20)
            wrong[byte] ^= 1
            for code: UInt8 in 1...5 {
                let fails =
                    byte == 1 && checksGuard.contains(code) || byte == 7 && checksReference.contains(code)
                let answer = initiator.send(
                    write16(20, 1, flags: code << 5),
                    data,
                    information: beside(wrong)
                )
                #expect(answer.sense == (fails ? [0xb, 0x10, byte == 1 ? 1 : 3] : nil), "write \(code)")
                #expect(!fails || answer.outcome.sense[3...6] == [0, 0, 0, 20])
            }
            for code: UInt8 in 0...5 {
                let fails =
                    byte == 1 && checksGuard.contains(code) || byte == 7 && checksReference.contains(code)
                let answer = initiator.send(read16(18, 4, flags: code << 5))
                #expect(answer.sense == (fails ? [0xb, 0x10, byte == 1 ? 1 : 3] : nil), "read \(code)")
                #expect(!fails || answer.outcome.sense[3...6] == [0, 0, 0, 20])
                let verify = initiator.send([0x2f, code << 5, 0, 0, 0, 18, 0, 0, 4, 0])
                #expect(verify.sense == (fails ? [0xb, 0x10, byte == 1 ? 1 : 3] : nil), "verify \(code)")
            }
        }
    }

    @Test func codesThatAreNotThere() throws {
        let plain = try Initiator()
        let protected = try unit(.one)
        for initiator in [plain, protected] {
            for code: UInt8 in initiator.target === plain.target ? [1, 3, 6] : [6, 7] {
                for cdb in [read16(0, 1, flags: code << 5), [0x2f, code << 5, 0, 0, 0, 0, 0, 0, 1, 0]] {
                    #expect(initiator.send(cdb).sense == [5, 0x24, 0])
                }
                let data = pattern(1, 0)
                #expect(initiator.send(write16(0, 1, flags: code << 5), data).sense == [5, 0x24, 0])
            }
        }
        let compare = [0x89, 0x20] + bytes(0, 8) + [0, 0, 0, 1, 0, 0]
        #expect(protected.send(compare, pattern(2, 0)).sense == [5, 0x24, 0])
    }

    /// An application tag of FFFFh says that the block is not to be checked when it is read.
    @Test(arguments: [ProtectionType.one, .three]) func blocksWithoutInformation(_ type: ProtectionType)
        throws
    {
        let initiator = try unit(type)
        let data = pattern(1, 2)
        #expect(
            initiator.send(read16(8, 1, flags: 0x20)).data.suffix(8) == ArraySlice(repeating: 0xff, count: 8)
        )
        let half: [UInt8] = [1, 2, 0xff, 0xff, 0, 0, 0, 1]
        #expect(
            initiator.send(write16(8, 1, flags: 0x20), data, information: beside(half)).sense == [
                0xb, 0x10, 1,
            ]
        )
        #expect(initiator.isGood(write16(8, 1, flags: 0x60), data, information: beside(half)))
        #expect(initiator.isGood(read16(8, 1, flags: 0x20)) == (type == .one))
        let whole: [UInt8] = [1, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]
        #expect(initiator.isGood(write16(8, 1, flags: 0x60), data, information: beside(whole)))
        #expect(initiator.isGood(read16(8, 1, flags: 0x20)))
        // What is given back has none any more.
        #expect(initiator.isGood(write16(8, 1), data))
        let list = bytes(22, 2) + bytes(16, 2) + bytes(0, 4) + bytes(8, 8) + bytes(1, 4) + bytes(0, 4)
        #expect(initiator.isGood([0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0], list))
        let gone = initiator.send(read16(8, 1, flags: 0x20)).data
        #expect(gone == [UInt8](repeating: 0, count: 512) + [UInt8](repeating: 0xff, count: 8))
    }

    /// Type 2: the initiator says what the tags are, in commands of 32 bytes.
    @Test func expectedTags() throws {
        let initiator = try unit(.two)
        let data = pattern(2, 5)
        let own = tuple(data[..<512], 0xab12, 77) + tuple(data[512...], 0xab34, 78)
        let both = interleaved(data, own)
        #expect(initiator.send(write16(3, 2, flags: 0x20), both).sense == [5, 0x20, 0])
        let write = long(0x0b, 3, 2, code: 1, reference: 77, application: 0xab00, mask: 0xff00)
        #expect(initiator.isGood(write, both))
        let read = long(0x09, 3, 2, code: 1, reference: 77, application: 0xab00, mask: 0xff00)
        #expect(initiator.send(read).data == both)
        #expect(initiator.send(long(0x09, 4, 1, code: 1, reference: 77)).sense == [0xb, 0x10, 3])
        #expect(initiator.isGood(long(0x09, 4, 1, code: 4, reference: 77)))
        let other = long(0x09, 3, 2, code: 1, reference: 77, application: 0xab12, mask: 0xffff)
        let answer = initiator.send(other)
        #expect(answer.sense == [0xb, 0x10, 2] && answer.outcome.sense[3...6] == [0, 0, 0, 4])
        #expect(initiator.send(long(0x0b, 3, 2, code: 1, reference: 76), both).sense == [0xb, 0x10, 3])
        // Who knows nothing of tags reads the data all the same.
        #expect(initiator.send(read16(3, 2), room: 1024).data == data)
    }

    @Test func oneBlockForMany() throws {
        let initiator = try unit(.one)
        let data = pattern(1, 6)
        let same = [0x93, 0] + bytes(16, 8) + bytes(4, 4) + [0, 0]
        #expect(initiator.isGood(same, data))
        let all = data + data + data + data
        #expect(initiator.send(read16(16, 4, flags: 0x20)).data == interleaved(all, tuples(all, at: 16)))
        var protected = same
        protected[1] = 0x20
        var own = tuple(data, 0x55aa, 16)
        #expect(initiator.isGood(protected, data + own))
        let kept = (0..<4).flatMap { tuple(data, 0x55aa, 16 + UInt64($0)) }
        #expect(initiator.send(read16(16, 4, flags: 0x20)).data == interleaved(all, kept))
        own[7] ^= 1
        #expect(initiator.send(protected, data + own).sense == [0xb, 0x10, 3])
        #expect(initiator.send(same, data + own).sense == [5, 0x0e, 3])
        // Zeroes that keep their space have information, those that give it back have none.
        let zeroes = [UInt8](repeating: 0, count: 512)
        #expect(initiator.isGood(same, zeroes))
        #expect(initiator.send(read16(17, 1, flags: 0x20)).data == zeroes + [0, 0, 0, 0, 0, 0, 0, 17])
        protected[1] = 0x08
        #expect(initiator.isGood(protected, zeroes))
        #expect(
            initiator.send(read16(17, 1, flags: 0x20)).data == zeroes + [UInt8](repeating: 0xff, count: 8)
        )
    }

    @Test func whatIsChangedInPlaceHasNewInformation() throws {
        let initiator = try unit(.one)
        let (old, new) = (pattern(2, 1), pattern(2, 2))
        #expect(initiator.isGood(write16(30, 2), old))
        #expect(initiator.isGood([0x89, 0] + bytes(30, 8) + [0, 0, 0, 2, 0, 0], old + new))
        #expect(initiator.send(read16(30, 2, flags: 0x20)).data == interleaved(new, tuples(new, at: 30)))
        #expect(initiator.isGood([0x8b, 0] + bytes(30, 8) + bytes(2, 4) + [0, 0], old))
        let ored = zip(old, new).map { $0 | $1 }
        #expect(initiator.send(read16(30, 2, flags: 0x20)).data == interleaved(ored, tuples(ored, at: 30)))
    }

    @Test func informationIsCompared() throws {
        let initiator = try unit(.one)
        let data = pattern(2, 8)
        #expect(initiator.isGood(write16(40, 2), data))
        let cdb: [UInt8] = [0x2f, 0x22, 0, 0, 0, 40, 0, 0, 2, 0]
        var both = interleaved(data, tuples(data, at: 40))
        #expect(initiator.isGood(cdb, both))
        #expect(initiator.isGood([0x2e, 0x22, 0, 0, 0, 40, 0, 0, 2, 0], both))
        both[520 + 514] = 1
        let answer = initiator.send(cdb, both)
        #expect(answer.sense == [0xe, 0x1d, 0] && answer.outcome.sense[3...6] == [0, 0, 2, 0])
        both[520 + 513] ^= 1
        #expect(initiator.send(cdb, both).sense == [0xb, 0x10, 1])
    }

    /// Who reads while others write the same blocks never finds data beside the information of other data.
    @Test func readersMeetNoWriterHalfWay() async throws {
        let first = try unit(.one)
        #expect(first.isGood(write16(0, 8), pattern(8, 0)))
        await withTaskGroup(of: Void.self) { group in
            for name in ["b", "c"] {
                let writer = first.other(name)
                let own = name == "b" ? 1 : 2
                group.addTask {
                    for step in 0..<300 { _ = writer.send(write16(0, 8), pattern(8, own * step)) }
                }
            }
            let reader = first.other("d")
            group.addTask {
                for _ in 0..<1000 { #expect(reader.send(read16(0, 8)).sense == nil) }
            }
        }
    }

    /// A file's information is in a file beside it, 8 bytes for each block, where anybody can damage it.
    @Test func informationInAFile() throws {
        let directory = try FilePath.makeTemporaryDirectory(prefix: "protection")
        defer { #expect(throws: Never.self) { try directory.removeTree() } }
        let file = directory.appending("disk")
        try file.makeFile(byteCount: 64 << 10)
        let side = FileTuples.path(beside: file)
        func open() throws -> Initiator {
            let tuples = try FileTuples(side, blocks: 128, isReadOnly: false)
            return Initiator(store: try FileStore(file), protection: UnitProtection(.one, tuples: tuples))
        }
        let data = pattern(2, 11)
        let initiator = try open()
        #expect(try side.readAll() == [UInt8](repeating: 0xff, count: 1024))
        #expect(
            initiator.isGood(write16(100, 2), data) && initiator.isGood([0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        )
        var kept = try side.readAll()
        #expect(Array(kept[800..<816]) == tuples(data, at: 100))
        #expect(try open().send(read16(100, 2, flags: 0x20)).data == interleaved(data, tuples(data, at: 100)))
        kept[801] ^= 0x40
        try side.write(kept)
        let answer = try open().send(read16(99, 4))
        #expect(answer.sense == [0xb, 0x10, 1] && answer.outcome.sense[3...6] == [0, 0, 0, 100])
        try side.write(kept.dropLast())
        #expect(throws: OperationError.self) { _ = try open() }
        #expect(try side.readAll().count == 1023)
    }

    @Test func theUnitSaysSo() throws {
        let identification: [(ProtectionType, UInt8, UInt8)] = [
            (.one, 0x05, 1), (.two, 0x17, 3), (.three, 0x24, 5),
        ]
        for (type, checks, capacity) in identification {
            let initiator = try unit(type)
            #expect(initiator.send([0x12, 0, 0, 0, 96, 0]).data[5] & 1 == 1)
            #expect(initiator.send([0x12, 1, 0x86, 0, 64, 0]).data[4] == checks)
            #expect(initiator.send([0x9e, 0x10] + bytes(0, 8) + bytes(32, 4) + [0, 0]).data[12] == capacity)
            #expect(initiator.send([0x1a, 8, 0x0a, 0, 64, 0]).data[4 + 5] == 0x80)
        }
    }
}

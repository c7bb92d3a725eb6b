// SPDX-License-Identifier: MIT
import SystemPackage

/// Blocks of the medium that were checked to be there.
struct BlockRange {
    let first: UInt64
    let count: UInt64
    let blockSize: Int

    /// Where the first block starts in the store.
    var offset: UInt64 { first * UInt64(blockSize) }
    /// The size of all blocks.
    var byteCount: Int { Int(count) * blockSize }
    /// Where the blocks are in the store.
    var bytes: Range<UInt64> { offset..<offset + count * UInt64(blockSize) }

    /// Some of the blocks, from the one with the number `start` on.
    func part(from start: UInt64, most: UInt64) -> BlockRange {
        BlockRange(first: first + start, count: min(most, count - start), blockSize: blockSize)
    }
}

extension Command {
    /// The blocks from `first` on, where the medium has them.
    func blocks(_ first: UInt64, _ count: UInt64) throws(Refusal) -> BlockRange {
        let capacity = settings.blockCount
        guard first <= capacity, count <= capacity - first, first < capacity else {
            throw .check(.addressOutOfRange)
        }
        return BlockRange(first: first, count: count, blockSize: blockSize)
    }

    /// The blocks that the command names, no more than one command transfers.
    func transferRange() throws(Refusal) -> BlockRange {
        _ = try protectionCode()
        let range = try blocks(block.address, block.blocks)
        guard block.blocks <= UInt64(LogicalUnit.maximumTransfer / blockSize) else {
            throw .check(.invalidField(byte: block.lengthByte))
        }
        return range
    }

    /// The blocks that a command names that moves no data; a length of zero stands for all to the end.
    func rangeToEnd() throws(Refusal) -> BlockRange {
        let range = try blocks(block.address, block.blocks)
        return range.count > 0 ? range : try blocks(range.first, settings.blockCount - range.first)
    }

    func refuseWriteProtected() throws(Refusal) {
        if unit.store.isReadOnly { throw .check(.writeProtected) }
        if settings.softwareWriteProtect { throw .check(.softwareWriteProtected) }
    }

    /// Makes written data safe where the command or the caching mode page asks for it.
    func flushIfForced(_ isForced: Bool) throws(Refusal) {
        if unit.flushesWrites || isForced && unit.store.hasWriteCache { try flush() }
    }

    /// FUA of a command for the medium; the commands of six bytes have none.
    var forcesUnitAccess: Bool { block.opcode >> 5 != 0 && block.bit(3, of: block.flagsByte) }

    /// The initiator's data for `range`, where it sent all of it.
    func checkData(_ dataOut: Span<UInt8>, _ byteCount: Int) throws(Refusal) {
        if dataOut.count < byteCount { throw .check(.invalidCommandLength) }
    }

    /// Calls `body` with the stored bytes of `range`, a part at a time, with their protection information, and with the
    /// number of the part's first block in the range.
    func forEachPart(
        of range: BlockRange,
        _ body: (borrowing [UInt8], [UInt8], Int) throws(Refusal) -> Void
    ) throws(Refusal) {
        var done: UInt64 = 0
        while done < range.count {
            let part = range.part(from: done, most: UInt64((1 << 20) / blockSize))
            var bytes = [UInt8](repeating: 0, count: part.byteCount)
            var room = bytes.mutableSpan
            let tuples = try read(part, into: &room)
            try body(bytes, tuples, Int(done))
            done += part.count
        }
    }
}

// SPDX-License-Identifier: MIT
import SystemPackage

/// UNMAP, WRITE SAME and GET LBA STATUS: blocks without space of their own.
enum ProvisioningCommands {
    private static let four = [UInt8](repeating: 0xff, count: 4)

    static let rows: [CommandRow] = [
        CommandRow(
            0x42,
            "UNMAP",
            usage: [0x01, 0, 0, 0, 0, 0x3f, 0xff, 0xff, 0x04],
            .writing,
            presence: .withUnmap,
            needsMedium: true,
            body: .take(unmap)
        ),
        CommandRow(
            0x41,
            "WRITE SAME(10)",
            usage: [0xf8] + four + [0x3f, 0xff, 0xff, 0x04],
            .writing,
            needsMedium: true,
            body: .take(writeSame)
        ),
        CommandRow(
            0x93,
            "WRITE SAME(16)",
            usage: [0xf9] + four + four + four + [0x3f, 0x04],
            .writing,
            needsMedium: true,
            body: .take(writeSame)
        ),
        CommandRow(
            0x9e,
            "GET LBA STATUS",
            action: 0x12,
            usage: [0x1f] + four + four + four + [0x00, 0x04],
            .reading,
            needsMedium: true,
            body: .answer(status)
        ),
    ]

    @Sendable
    private static func unmap(_ command: Command, _ dataOut: Span<UInt8>) throws(Refusal) -> Int {
        if command.block.bit(0, of: 1) { throw .check(.invalidField(byte: 1, bit: 0)) }
        try command.refuseWriteProtected()
        let length = command.block.length(at: 7, bytes: 2)
        if length == 0 { return 0 }
        guard length >= 8, dataOut.count >= length else { throw .check(.parameterListLength) }
        for range in try unmapRanges(command, dataOut.extracting(first: length)) {
            try command.discard(range)
        }
        try command.flushIfForced(false)
        return length
    }

    /// The blocks to unmap, all of them checked before the first is touched.
    private static func unmapRanges(
        _ command: Command,
        _ list: Span<UInt8>
    ) throws(Refusal) -> [BlockRange] {
        let length = min(Int(list.number(at: 2, bytes: 2)), list.count - 8)
        guard length / 16 <= TransferLimits.unmapDescriptors else { throw .check(.invalidParameter(byte: 2)) }
        var ranges: [BlockRange] = []
        var total: UInt64 = 0
        for start in stride(from: 8, to: 8 + length / 16 * 16, by: 16) {
            let count = list.number(at: start + 8, bytes: 4)
            // No blocks are nowhere out of range.
            if count == 0 { continue }
            total += count
            guard total <= TransferLimits.unmapBlocks else {
                throw .check(.invalidParameter(byte: start + 8))
            }
            ranges.append(try command.blocks(list.number(at: start, bytes: 8), count))
        }
        return ranges
    }

    /// Writes one block, or zeroes (NDOB), all over a range; with UNMAP, zeroes need no space.
    @Sendable
    private static func writeSame(_ command: Command, _ dataOut: Span<UInt8>) throws(Refusal) -> Int {
        let block = command.block
        let sendsNothing = block.opcode == 0x93 && block.bit(0, of: 1)
        try refuseSameFlags(command)
        try command.refuseWriteProtected()
        // WSNZ: no length stands for all to the end.
        if block.blocks == 0 { throw .check(.invalidField(byte: block.lengthByte)) }
        let range = try command.transferRange()
        let blocks = sendsNothing ? 0 : 1
        let excess = dataOut.count - blocks * range.blockSize
        let information = try command.protectionCode() == 0 ? 0 : blocks * ProtectionTuple.byteCount
        guard excess == 0 || excess == information else { throw .check(.invalidCommandLength) }
        let taken = try command.takeBlocks(dataOut, blocks) { (pattern, tuples) throws(Refusal) in
            try command.checkSent(pattern, tuples, range.part(from: 0, most: 1))
            let all = command.repeating(tuples, over: range)
            if pattern.isAllZero {
                try command.zero(range, isUnmapped: block.bit(3, of: 1), all)
            } else {
                try fill(command, range, with: pattern, all)
            }
        }
        try command.flushIfForced(false)
        return taken
    }

    private static func refuseSameFlags(_ command: Command) throws(Refusal) {
        let block = command.block
        // ANCHOR would keep space for what is unmapped; the bits 1 and 2 change the pattern and are obsolete.
        if block.bit(4, of: 1) { throw .check(.invalidField(byte: 1, bit: 4)) }
        if block[1] & 0x06 != 0 { throw .check(.invalidField(byte: 1, bit: 2)) }
        if block.bit(3, of: 1) && !command.unit.unmapsToZeroes {
            throw .check(.invalidField(byte: 1, bit: 3))
        }
    }

    private static func fill(
        _ command: Command,
        _ range: BlockRange,
        with pattern: Span<UInt8>,
        _ tuples: [UInt8]
    ) throws(Refusal) {
        let step = min(range.count, UInt64((1 << 20) / range.blockSize))
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Int(step) * range.blockSize)
        for index in 0..<Int(step) * range.blockSize { bytes.append(pattern[index % pattern.count]) }
        for start in stride(from: 0, to: range.count, by: Int(step)) {
            let part = range.part(from: start, most: step)
            let own = tuples.dropFirst(Int(start) * ProtectionTuple.byteCount)
            try command.write(
                bytes.span.extracting(first: part.byteCount),
                at: part,
                Array(own.prefix(Int(part.count) * ProtectionTuple.byteCount))
            )
        }
    }

    /// GET LBA STATUS: runs of blocks with and without space, as many as there is room for, at most 256.
    @Sendable
    private static func status(_ command: Command) throws(Refusal) -> ShortAnswer {
        let allocation = command.block.length(at: 10, bytes: 4)
        guard allocation >= 24 else { throw .check(.invalidField(byte: 10)) }
        var first = try command.blocks(command.block.address, 0).first
        var descriptors: [UInt8] = []
        let room = min(256, (allocation - 8) / 16) * 16
        while first < command.settings.blockCount && descriptors.count < room {
            let (isAllocated, count) = try run(of: command, from: first)
            descriptors.append(bigEndian: first)
            descriptors.append(bigEndian: UInt32(count))
            descriptors += [isAllocated ? 0 : 1, 0, 0, 0]
            first += count
        }
        var bytes: [UInt8] = []
        bytes.append(bigEndian: UInt32(4 + descriptors.count))
        return ShortAnswer(bytes + [0, 0, 0, 0] + descriptors, allocation: allocation)
    }

    /// How many blocks from `first` on are alike: at least 1, no more than the field holds or the medium has.
    private static func run(
        of command: Command,
        from first: UInt64
    ) throws(Refusal) -> (isAllocated: Bool, count: UInt64) {
        let size = UInt64(command.blockSize)
        let extent = try command.reading { () throws(Errno) in
            try command.unit.store.allocation(at: first * size)
        }
        let most = min(command.settings.blockCount - first, UInt64(UInt32.max))
        return (extent.isAllocated, min(max(extent.end / size, first + 1) - first, most))
    }
}

extension Command {
    /// Gives the space of blocks back; those with protection information read as zeroes then, on any store.
    fileprivate func discard(_ range: BlockRange) throws(Refusal) {
        if unit.protection != nil { return try zero(range, isUnmapped: true) }
        try writing { () throws(Errno) in try unit.store.discard(range.bytes) }
    }
}

extension LogicalUnit {
    /// Whether what is unmapped reads as zeroes (LBPRZ), so that WRITE SAME may unmap.
    var unmapsToZeroes: Bool { CommandRow.Presence.withUnmap.holds(on: self) && store.unmapsToZeroes }
}

extension Span<UInt8> {
    fileprivate var isAllZero: Bool {
        for index in indices where self[index] != 0 { return false }
        return true
    }
}

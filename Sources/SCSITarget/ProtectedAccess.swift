// SPDX-License-Identifier: MIT
import SystemPackage

extension Command {
    /// RDPROTECT, WRPROTECT, VRPROTECT and their likes: 0, or up to 5 where the unit has protection information.
    func protectionCode() throws(Refusal) -> UInt8 {
        // The commands of six bytes have a part of the address there.
        let code = block.opcode >> 5 != 0 ? block[block.flagsByte] >> 5 : 0
        if code == 0 { return 0 }
        guard let protection = unit.protection, code <= 5 else {
            throw .check(.invalidField(byte: block.flagsByte, bit: 7))
        }
        // Who does not say which tags are right cannot have them checked.
        if protection.type == .two && !block.isLong { throw .check(.invalidOperationCode) }
        return code
    }

    /// Stops a command whose protection information is not taken.
    func refuseInformation() throws(Refusal) {
        if try protectionCode() != 0 { throw .check(.invalidField(byte: block.flagsByte, bit: 7)) }
    }

    /// The tags that the blocks from `first` on should have.
    private func tags(_ protection: UnitProtection, from first: UInt64) throws(Refusal) -> ExpectedTags {
        switch protection.type {
        case .one: return ExpectedTags(reference: UInt32(truncatingIfNeeded: first))
        case .two where block.isLong:
            if try protectionCode() == 0 { return ExpectedTags() }
            let reference = UInt32(truncatingIfNeeded: block.number(at: 20, bytes: 4))
            return ExpectedTags(
                reference: reference &+ UInt32(truncatingIfNeeded: first &- block.address),
                application: UInt16(truncatingIfNeeded: block.number(at: 24, bytes: 2)),
                mask: UInt16(truncatingIfNeeded: block.number(at: 26, bytes: 2))
            )
        case .two, .three: return ExpectedTags()
        }
    }
}

extension Command {
    /// Reads blocks, and checks them as the command wants it.
    ///
    /// - Returns: their protection information; none on a unit without.
    func read(_ range: BlockRange, into bytes: inout MutableSpan<UInt8>) throws(Refusal) -> [UInt8] {
        guard let protection = unit.protection else {
            try reading { () throws(Errno) in try unit.store.read(at: range.offset, into: &bytes) }
            return []
        }
        let tuples = try readBoth(protection, range, into: &bytes)
        // Only the guard tells whether a write came in between. Where it does, or is not looked at: once more, alone.
        let tells = ProtectionChecks(code: try protectionCode()).contains(.guardWord)
        if tells, try fault(protection, range, bytes.span, tuples.span, isRead: true) == nil { return tuples }
        return try protection.changing { () throws(Refusal) in
            let tuples = try readBoth(protection, range, into: &bytes)
            if let fault = try fault(protection, range, bytes.span, tuples.span, isRead: true) {
                throw .check(fault)
            }
            return tuples
        }
    }

    private func readBoth(
        _ protection: UnitProtection,
        _ range: BlockRange,
        into bytes: inout MutableSpan<UInt8>
    ) throws(Refusal) -> [UInt8] {
        var tuples = [UInt8](repeating: 0, count: Int(range.count) * ProtectionTuple.byteCount)
        try reading { () throws(Errno) in
            try unit.store.read(at: range.offset, into: &bytes)
            var room = tuples.mutableSpan
            try protection.tuples.read(at: range.first, into: &room)
        }
        return tuples
    }

    /// What is wrong with blocks and their information, as far as the command wants to know.
    func fault(
        _ protection: UnitProtection,
        _ range: BlockRange,
        _ data: Span<UInt8>,
        _ tuples: Span<UInt8>,
        isRead: Bool
    ) throws(Refusal) -> Sense? {
        let checks = ProtectionChecks(code: try protectionCode())
        let tags = try tags(protection, from: range.first)
        if checks.isEmpty { return nil }
        for index in 0..<Int(range.count) {
            let tuple = ProtectionTuple(tuples, at: index)
            if isRead && tuple.isUnchecked(protection.type) { continue }
            let block = data.extracting(index * blockSize..<(index + 1) * blockSize)
            if var fault = tags.fault(of: tuple, block, at: index, checks) {
                fault.information = range.first + UInt64(index)
                return fault
            }
        }
        return nil
    }

    /// Writes blocks, with information that came with them or is made here.
    func write(_ data: Span<UInt8>, at range: BlockRange, _ tuples: [UInt8] = []) throws(Refusal) {
        guard let protection = unit.protection else {
            return try writing { () throws(Errno) in try unit.store.write(data, at: range.offset) }
        }
        let kept = tuples.isEmpty ? makeTuples(protection, data, range) : tuples
        try changing(protection) { () throws(Errno) in
            try unit.store.write(data, at: range.offset)
            try protection.tuples.write(kept.span, at: range.first)
        }
    }

    /// The information for blocks that came without; `data` starts again where it ends.
    func makeTuples(_ protection: UnitProtection, _ data: Span<UInt8>, _ range: BlockRange) -> [UInt8] {
        var tuples: [UInt8] = []
        tuples.reserveCapacity(Int(range.count) * ProtectionTuple.byteCount)
        for index in 0..<Int(range.count) {
            let start = index * blockSize % data.count
            let address = UInt32(truncatingIfNeeded: range.first + UInt64(index))
            let reference = protection.type == .three ? ProtectionTuple.anyReference : address
            ProtectionTuple(data.extracting(start..<start + blockSize), reference: reference)
                .append(to: &tuples)
        }
        return tuples
    }

    /// Makes blocks read as zeroes.
    ///
    /// - Parameter isUnmapped: whether their space may be given back; they have no information then.
    func zero(_ range: BlockRange, isUnmapped: Bool, _ tuples: [UInt8] = []) throws(Refusal) {
        guard let protection = unit.protection else {
            return try writing { () throws(Errno) in
                try unit.store.zero(range.bytes, mayUnmap: isUnmapped)
            }
        }
        let zeroes = [UInt8](repeating: 0, count: blockSize)
        let kept = tuples.isEmpty && !isUnmapped ? makeTuples(protection, zeroes.span, range) : tuples
        try changing(protection) { () throws(Errno) in
            try unit.store.zero(range.bytes, mayUnmap: isUnmapped)
            if isUnmapped { return try protection.tuples.clear(range.first..<range.first + range.count) }
            try protection.tuples.write(kept.span, at: range.first)
        }
    }

    /// The information of one block for all of `range`, with the reference tags counted up where they count blocks.
    func repeating(_ tuples: [UInt8], over range: BlockRange) -> [UInt8] {
        guard let protection = unit.protection, !tuples.isEmpty else { return [] }
        var tuple = ProtectionTuple(tuples.span, at: 0)
        var all: [UInt8] = []
        for _ in 0..<range.count {
            tuple.append(to: &all)
            if protection.type != .three { tuple.reference &+= 1 }
        }
        return all
    }

    private func changing(_ protection: UnitProtection, _ body: () throws(Errno) -> Void) throws(Refusal) {
        try protection.changing { () throws(Refusal) in try writing(body) }
    }
}

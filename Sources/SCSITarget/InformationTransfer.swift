// SPDX-License-Identifier: MIT

/// Protection information that travels beside the data, as virtio-scsi with `VIRTIO_SCSI_F_T10_PI` has it.
public struct SeparateInformation: Sendable {
    /// What the initiator sent.
    public var sent: [UInt8]
    /// How much room there is for what it gets.
    public var room: Int

    public init(sent: [UInt8] = [], room: Int = 0) {
        (self.sent, self.room) = (sent, room)
    }
}

/// Where the information of a command's blocks is.
private enum InformationPlace {
    /// It stays here: made when data comes, taken off when it goes.
    case none
    /// Beside the data.
    case beside
    /// Behind each block.
    case between
}

extension Command {
    private func informationPlace(_ byteCount: Int, blocks: Int) throws(Refusal) -> InformationPlace {
        let size = blocks * ProtectionTuple.byteCount
        if try protectionCode() == 0 { return .none }
        let beside = max(information.sent.count, information.room)
        if beside > 0 {
            guard beside >= size else { throw .check(.invalidCommandLength) }
            return .beside
        }
        return byteCount >= blocks * blockSize + size ? .between : .none
    }

    /// Calls `body` with the initiator's blocks, and with the information that came with them, if any.
    ///
    /// - Returns: how much was taken of the data.
    func takeBlocks(
        _ dataOut: Span<UInt8>,
        _ blocks: Int,
        _ body: (Span<UInt8>, [UInt8]) throws(Refusal) -> Void
    ) throws(Refusal) -> Int {
        let byteCount = blocks * blockSize
        try checkData(dataOut, byteCount)
        switch try informationPlace(dataOut.count, blocks: blocks) {
        case .none:
            try body(dataOut.extracting(first: byteCount), [])
        case .beside:
            let tuples = Array(information.sent.prefix(blocks * ProtectionTuple.byteCount))
            try body(dataOut.extracting(first: byteCount), tuples)
        case .between:
            let (data, tuples) = separate(dataOut, blocks)
            try body(data.span, tuples)
            return data.count + tuples.count
        }
        return byteCount
    }

    private func separate(_ bytes: Span<UInt8>, _ blocks: Int) -> (data: [UInt8], tuples: [UInt8]) {
        var (data, tuples): ([UInt8], [UInt8]) = ([], [])
        data.reserveCapacity(blocks * blockSize)
        let step = blockSize + ProtectionTuple.byteCount
        for start in stride(from: 0, to: blocks * step, by: step) {
            for index in start..<start + blockSize { data.append(bytes[index]) }
            for index in start + blockSize..<start + step { tuples.append(bytes[index]) }
        }
        return (data, tuples)
    }

    /// Which bits of a tuple VERIFY compares: those that its code checks, or all where it checks none.
    var comparedInformation: [UInt8] {
        get throws(Refusal) {
            let code = try protectionCode()
            let checks = code == 3 ? .all : ProtectionChecks(code: code)
            let fields: [(ProtectionChecks, Int)] = [(.guardWord, 2), (.application, 2), (.reference, 4)]
            return fields.flatMap { [UInt8](repeating: checks.contains($0) ? 0xff : 0, count: $1) }
        }
    }

    /// Checks the information that came with blocks for `range`.
    func checkSent(_ data: Span<UInt8>, _ tuples: [UInt8], _ range: BlockRange) throws(Refusal) {
        guard !tuples.isEmpty, let protection = unit.protection else { return }
        if let fault = try fault(protection, range, data, tuples.span, isRead: false) {
            throw .check(fault)
        }
    }

    /// Reads blocks into the room that the initiator has for them, with their information where it wants that.
    func giveBlocks(_ range: BlockRange, _ dataIn: inout MutableSpan<UInt8>) throws(Refusal) -> Transfer {
        switch try informationPlace(dataIn.count, blocks: Int(range.count)) {
        case .none: return try fill(range, &dataIn).transfer
        case .beside:
            var (transfer, tuples) = try fill(range, &dataIn)
            transfer.information = tuples
            return transfer
        case .between:
            var data = [UInt8](repeating: 0, count: range.byteCount)
            var bytes = data.mutableSpan
            let tuples = try read(range, into: &bytes)
            let joined = join(data, tuples)
            return Transfer(wanted: joined.count, dataIn: dataIn.fill(from: joined))
        }
    }

    private func join(_ data: [UInt8], _ tuples: [UInt8]) -> [UInt8] {
        let size = ProtectionTuple.byteCount
        var bytes: [UInt8] = []
        bytes.reserveCapacity(data.count + tuples.count)
        for index in 0..<tuples.count / size {
            bytes += data[index * blockSize..<(index + 1) * blockSize]
            bytes += tuples[index * size..<(index + 1) * size]
        }
        return bytes
    }

    /// Reads as much as there is room for, which may end within a block.
    private func fill(_ range: BlockRange, _ dataIn: inout MutableSpan<UInt8>) throws(Refusal)
        -> (transfer: Transfer, tuples: [UInt8])
    {
        let count = min(range.byteCount, dataIn.count)
        let whole = range.part(from: 0, most: UInt64(count / blockSize))
        var room = dataIn._mutatingExtracting(first: whole.byteCount)
        let tuples = try read(whole, into: &room)
        if count > whole.byteCount {
            var last = [UInt8](repeating: 0, count: blockSize)
            var bytes = last.mutableSpan
            _ = try read(range.part(from: whole.count, most: 1), into: &bytes)
            for index in whole.byteCount..<count { dataIn[index] = last[index - whole.byteCount] }
        }
        return (Transfer(wanted: range.byteCount, dataIn: count), tuples)
    }
}

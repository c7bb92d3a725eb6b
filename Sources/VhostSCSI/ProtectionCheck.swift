// SPDX-License-Identifier: MIT
internal import CVirtioSCSI
public import LinuxSystem
internal import Virtqueue

/// Writes a whole logical unit with T10 protection information, reads it back with it, and sees that wrong information
/// is refused.
public struct ProtectionCheck: Sendable {
    /// What was found, when nothing differed.
    public struct Result: Equatable, Sendable {
        /// The blocks that were written, and then read, each with its information.
        public let blocks: UInt64
        /// How a write with a wrong guard was refused.
        public let wrongGuard: String
        /// How a write with the reference tag of another block was refused.
        public let wrongReference: String
    }

    /// What the data is made from.
    public let seed: UInt64

    public init(seed: UInt64) { self.seed = seed }

    /// Overwrites `lun`, a unit with protection of type 1, through an initiator whose device has `T10_PI` in use.
    ///
    /// - Throws: the first byte of data or information that differs; the refusal of a command; a wrong write that was
    ///   not refused.
    public func run(on initiator: SCSIInitiator, lun: UInt16) throws(OperationError) -> Result {
        guard initiator.hasProtection else {
            throw OperationError("check", "the protection of LUN \(lun)", cause: "T10_PI is not in use")
        }
        try initiator.testUnitReady(lun: lun)
        let capacity = try initiator.readCapacity(lun: lun)
        let step = UInt64(initiator.transferBytes / capacity.blockSize)
        for address in stride(from: 0, to: capacity.blocks, by: Int(step)) {
            let count = min(step, capacity.blocks - address)
            try exchange(initiator, lun, address, Int(count), capacity.blockSize)
        }
        return Result(
            blocks: capacity.blocks,
            wrongGuard: try refusal(initiator, lun, capacity, byte: 1, "a wrong guard"),
            wrongReference: try refusal(initiator, lun, capacity, byte: 7, "a wrong reference tag")
        )
    }

    private func exchange(
        _ initiator: SCSIInitiator,
        _ lun: UInt16,
        _ address: UInt64,
        _ count: Int,
        _ blockSize: Int
    ) throws(OperationError) {
        let data = DataPattern.bytes(
            seed: seed,
            position: address * UInt64(blockSize),
            count: count * blockSize
        )
        let tuples = ProtectionInformation.tuples(data, blockSize: blockSize, address: address)
        let write = SCSICommand.write(address: address, blocks: UInt32(count), blockSize: blockSize)
        if let failure = try initiator.send(write, lun: lun, data, tuples).failure {
            throw initiator.refusal(write, lun, failure)
        }
        let read = SCSICommand.read(address: address, blocks: UInt32(count), blockSize: blockSize)
        let (response, got) = try initiator.receive(read, lun: lun, tuples.count)
        if let failure = response.failure { throw initiator.refusal(read, lun, failure) }
        guard got.data == data else { throw differs(lun, "the data", address) }
        guard got.tuples == tuples else { throw differs(lun, "the protection information", address) }
    }

    /// How a write of block 0 is refused whose information has one bit turned.
    private func refusal(
        _ initiator: SCSIInitiator,
        _ lun: UInt16,
        _ capacity: SCSICapacity,
        byte: Int,
        _ what: String
    ) throws(OperationError) -> String {
        let data = DataPattern.bytes(seed: seed, position: 0, count: capacity.blockSize)
        var tuples = ProtectionInformation.tuples(data, blockSize: capacity.blockSize, address: 0)
        tuples[byte] ^= 1
        let write = SCSICommand.write(address: 0, blocks: 1, blockSize: capacity.blockSize)
        if let failure = try initiator.send(write, lun: lun, data, tuples).failure { return failure }
        throw OperationError("check", "the protection of LUN \(lun)", cause: "a write with \(what) succeeded")
    }

    private func differs(_ lun: UInt16, _ what: String, _ address: UInt64) -> OperationError {
        OperationError(
            "compare",
            "LUN \(lun)",
            cause: "\(what) of the transfer at block \(address) differs from what was written"
        )
    }
}

extension SCSIInitiator {
    /// Whether requests carry protection information.
    var hasProtection: Bool { queue.hasProtection }

    /// Writes data with its protection information.
    func send(_ command: SCSICommand, lun: UInt16, _ data: [UInt8], _ tuples: [UInt8]) throws(OperationError)
        -> SCSIResponse
    {
        let slot = queue.slots[0]
        queue.memory.fill(slot.data.slice(0, data.count), with: data)
        if let place = slot.protection { queue.memory.fill(place.slice(0, tuples.count), with: tuples) }
        return try exchange(command, lun: lun, .out(tuples.count))
    }

    /// Reads data with its protection information, `tupleBytes` of it.
    func receive(_ command: SCSICommand, lun: UInt16, _ tupleBytes: Int) throws(OperationError)
        -> (response: SCSIResponse, got: (data: [UInt8], tuples: [UInt8]))
    {
        let slot = queue.slots[0]
        // What an earlier request left there could be the very bytes that are expected.
        let data = slot.data.slice(0, command.byteCount)
        queue.memory.fill(data, with: [UInt8](repeating: 0, count: data.byteCount))
        let tuples = slot.protection?.slice(0, tupleBytes)
        if let tuples { queue.memory.fill(tuples, with: [UInt8](repeating: 0xff, count: tupleBytes)) }
        let response = try exchange(command, lun: lun, .in(tupleBytes))
        return (response, (queue.memory.copy(data), tuples.map { queue.memory.copy($0) } ?? []))
    }
}

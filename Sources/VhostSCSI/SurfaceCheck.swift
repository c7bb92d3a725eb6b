// SPDX-License-Identifier: MIT
public import LinuxSystem

/// Writes a pattern over a whole logical unit, reads it back and compares it.
public struct SurfaceCheck: Sendable {
    /// What was checked, when nothing differed.
    public struct Result: Equatable, Sendable {
        /// The bytes that were written, and then read.
        public let byteCount: UInt64
        /// How long writing took, in seconds.
        public let writeSeconds: Double
        /// How long reading and comparing took, in seconds.
        public let readSeconds: Double
    }

    /// What the pattern is made from; two seeds give patterns that differ everywhere.
    public let seed: UInt64

    public init(seed: UInt64) { self.seed = seed }

    /// Overwrites `lun` and compares what it then holds.
    ///
    /// - Throws: the first byte that differs, by block and offset; or the refusal of a command.
    public func run(on initiator: SCSIInitiator, lun: UInt16) throws(OperationError) -> Result {
        try initiator.testUnitReady(lun: lun)
        let capacity = try initiator.readCapacity(lun: lun)
        let writing = try pass(initiator, lun, capacity, isWrite: true)
        let reading = try pass(initiator, lun, capacity, isWrite: false)
        return Result(byteCount: capacity.byteCount, writeSeconds: writing, readSeconds: reading)
    }

    private func pass(
        _ initiator: SCSIInitiator,
        _ lun: UInt16,
        _ capacity: SCSICapacity,
        isWrite: Bool
    ) throws(OperationError) -> Double {
        let blocks = UInt32(initiator.transferBytes / capacity.blockSize)
        var sweep = SurfaceSweep(
            pattern: DataPattern(seed: seed),
            capacity: capacity,
            step: blocks,
            isWrite: isWrite
        )
        let start = MonotonicClock.nanoseconds
        try initiator.run(&sweep, lun: lun, blockSize: capacity.blockSize)
        let seconds = Double(MonotonicClock.nanoseconds - start) / 1e9
        guard let byte = sweep.mismatch else { return seconds }
        let (block, offset) = byte.quotientAndRemainder(dividingBy: UInt64(capacity.blockSize))
        throw OperationError(
            "compare",
            "LUN \(lun)",
            cause: "block \(block) differs from what was written, at byte \(offset) of the block"
        )
    }
}

/// One pass over all blocks, in order.
private struct SurfaceSweep: BlockWorkload {
    let pattern: DataPattern
    let capacity: SCSICapacity
    let step: UInt32
    let isWrite: Bool
    /// The first block that was not asked for yet.
    var position: UInt64 = 0
    /// The first byte of the logical unit that differs.
    ///
    /// Requests are made in order, and come back in any: once one differs no more are made, and when the last is back
    /// no byte before this one differs.
    var mismatch: UInt64?

    mutating func next(now: UInt64) -> BlockRequest? {
        guard position < capacity.blocks, mismatch == nil else { return nil }
        let blocks = UInt32(min(UInt64(step), capacity.blocks - position))
        defer { position += UInt64(blocks) }
        return BlockRequest(address: position, blocks: blocks, isWrite: isWrite)
    }

    /// A read's buffer is cleared: what an earlier request left there could be the very data that is expected.
    mutating func prepare(_ request: BlockRequest, _ words: inout MutableSpan<UInt64>) {
        if isWrite { pattern.fill(&words, position: start(of: request)) } else { words.update(repeating: 0) }
    }

    mutating func complete(_ request: BlockRequest, _ words: Span<UInt64>, nanoseconds: UInt64) {
        guard !isWrite, let offset = pattern.mismatch(words, position: start(of: request)) else { return }
        mismatch = min(mismatch ?? .max, start(of: request) + UInt64(offset))
    }

    private func start(of request: BlockRequest) -> UInt64 { request.address * UInt64(capacity.blockSize) }
}

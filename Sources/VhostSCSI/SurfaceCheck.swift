// SPDX-License-Identifier: MIT
internal import CVirtioLoad
public import LinuxSystem

/// Writes a pattern over a whole logical unit, reads it back and compares it.
///
/// The pattern differs in every 8 bytes of the unit, so that a block in the wrong place shows.
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

    /// One pass over all blocks, each queue over a slice of its own.
    ///
    /// Requests are made in order, and come back in any: once one differs no more are made, and when the last is back
    /// no byte of the slice before that one differs.
    private func pass(
        _ initiator: SCSIInitiator,
        _ lun: UInt16,
        _ capacity: SCSICapacity,
        isWrite: Bool
    ) throws(OperationError) -> Double {
        let step = UInt64(initiator.transferBytes / capacity.blockSize)
        let all = (capacity.blocks + step - 1) / step
        let slice = (all + UInt64(initiator.queueCount) - 1) / UInt64(initiator.queueCount)
        var jobs: [RequestLoad.Job] = []
        for queue in 0..<UInt64(initiator.queueCount) {
            let first = min(queue * slice * step, capacity.blocks)
            var job = RequestLoad.Job()
            job.first = first
            job.blocks = min(slice * step, capacity.blocks - first)
            job.places = (job.blocks + step - 1) / step
            job.count = job.places
            job.duration = .max
            job.step = UInt32(step)
            job.block_size = UInt32(capacity.blockSize)
            job.write_percent = isWrite ? 100 : 0
            job.has_pattern = true
            job.pattern = seed
            jobs.append(job)
        }
        let run = try LoadRun(jobs, on: LoadedUnit(initiator, lun))
        try run.compare(capacity)
        return Double(run.nanoseconds) / 1e9
    }
}

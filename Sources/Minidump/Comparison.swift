// SPDX-License-Identifier: MIT
public import LinuxSystem

extension DumpRegion {
    /// Compares the region's bytes with those that another reading of the same memory has at its physical address.
    ///
    /// - Returns: the offset of the first byte that differs or that one of them lacks; `nil` where all are equal.
    public func firstDifference(from memory: PhysicalMemory) throws(OperationError) -> UInt64? {
        let step: UInt64 = 1 << 20
        for start in stride(from: UInt64(0), to: size, by: Int(step)) {
            let length = min(step, size - start)
            let ours = runs.slice(from: start, length: length)
            let theirs = memory.runs(address: (physicalAddress ?? 0) &+ start, size: length)
            if ours.missingBytes > 0 || theirs.missingBytes > 0 { return start }
            let (left, right) = (try ours.readAll(), try theirs.readAll())
            if left != right { return start + UInt64(zip(left, right).prefix { $0 == $1 }.count) }
        }
        return nil
    }
}

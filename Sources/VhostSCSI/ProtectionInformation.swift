// SPDX-License-Identifier: MIT
import LinuxSystem

/// T10 protection information of type 1: for each block a guard over its data, an application tag and the low half of its
/// address, 8 bytes in all.
enum ProtectionInformation {
    static let tupleBytes = 8

    /// The tuples of blocks that follow each other.
    ///
    /// - Parameter data: whole blocks.
    static func tuples(_ data: [UInt8], blockSize: Int, address: UInt64) -> [UInt8] {
        var tuples: [UInt8] = []
        tuples.reserveCapacity(data.count / blockSize * tupleBytes)
        for (index, start) in stride(from: 0, to: data.count, by: blockSize).enumerated() {
            let word = BlockGuard.word(data.span.extracting(start..<start + blockSize))
            let reference = UInt32(truncatingIfNeeded: address + UInt64(index))
            tuples += [UInt8(word >> 8), UInt8(word & 0xff), 0, 0]
            tuples += (0..<4).map { UInt8(truncatingIfNeeded: reference >> (24 - 8 * $0)) }
        }
        return tuples
    }
}

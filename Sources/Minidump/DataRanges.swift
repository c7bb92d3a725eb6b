// SPDX-License-Identifier: MIT
import Glibc
import SystemPackage

extension InputFile {
    /// The ranges of the file that hold data, as far as its file system knows; holes between them read as zero.
    ///
    /// The corresponding C function is `lseek` with `SEEK_DATA` and `SEEK_HOLE`.
    func dataRanges(from start: UInt64, length: UInt64) -> [Range<UInt64>] {
        let end = min(size, start &+ length)
        var ranges: [Range<UInt64>] = []
        var position = start
        while position < end {
            let data = lseek(descriptor.rawValue, Int(position), seekData)
            if data < 0 {
                // ENXIO: nothing but a hole up to the end. Any other error: the file system keeps no account.
                return errno == ENXIO ? ranges : ranges + [position..<end]
            }
            let hole = lseek(descriptor.rawValue, data, seekHole)
            let upper = hole < 0 ? end : min(end, UInt64(hole))
            guard UInt64(data) < upper else { return ranges }
            ranges.append(UInt64(data)..<upper)
            position = upper
        }
        return ranges
    }
}

/// Glibc's SEEK_DATA and SEEK_HOLE, which its header hides without _GNU_SOURCE.
private let seekData: CInt = 3
private let seekHole: CInt = 4

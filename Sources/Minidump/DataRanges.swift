// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

extension InputFile {
    /// The ranges of the file that hold data, as far as its file system knows; holes between them read as zero.
    func dataRanges(from start: UInt64, length: UInt64) -> [Range<UInt64>] {
        let end = min(size, start &+ length)
        var ranges: [Range<UInt64>] = []
        var position = start
        while position < end {
            do throws(Errno) {
                guard let data = try descriptor.nextData(from: position) else { return ranges }
                let upper = min(end, try descriptor.nextHole(from: data) ?? end)
                guard data < upper else { return ranges }
                ranges.append(data..<upper)
                position = upper
            } catch {
                // The file system keeps no account: all of the rest may be data.
                return ranges + [position..<end]
            }
        }
        return ranges
    }
}

// SPDX-License-Identifier: MIT
import CLinux
internal import Glibc
public import SystemPackage

/// Reading and writing whole spans at any place of a file or block device, and the space behind it.
extension FileDescriptor {
    /// Fills `bytes` from `offset` on; the corresponding C function is `pread`.
    ///
    /// - Throws: `EIO` where the file ends before `bytes` is full.
    public func readFully(at offset: UInt64, into bytes: inout MutableSpan<UInt8>) throws(Errno) {
        // The kernel writes into the span's own memory, and no further.
        try unsafe bytes.withUnsafeMutableBytes { (buffer) throws(Errno) in
            var done = 0
            while done < buffer.count {
                let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
                let count = unsafe Glibc.pread(rawValue, rest.baseAddress, rest.count, off_t(offset) + done)
                if count == 0 { throw .ioError }
                done += try Self.progress(count)
            }
        }
    }

    /// Writes all of `bytes` from `offset` on; the corresponding C function is `pwrite`.
    public func writeFully(_ bytes: Span<UInt8>, at offset: UInt64) throws(Errno) {
        // The kernel reads the span's own memory, and no further.
        try unsafe bytes.withUnsafeBytes { (buffer) throws(Errno) in
            var done = 0
            while done < buffer.count {
                let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[done...])
                let count = unsafe Glibc.pwrite(rawValue, rest.baseAddress, rest.count, off_t(offset) + done)
                if count == 0 { throw .ioError }
                done += try Self.progress(count)
            }
        }
    }

    /// Makes written data safe, and what is needed to find it; the corresponding C function is `fdatasync`.
    public func syncData() throws(Errno) {
        while fdatasync(rawValue) != 0 {
            if Glibc.errno != EINTR { throw Errno(rawValue: Glibc.errno) }
        }
    }

    /// Makes a range read as zeroes and gives its space back; the size stays. The corresponding C function is
    /// `fallocate` with `FALLOC_FL_PUNCH_HOLE`.
    ///
    /// - Throws: `EOPNOTSUPP` where the file system or device cannot.
    public func punchHole(_ range: Range<UInt64>) throws(Errno) {
        try fallocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, range)
    }

    /// Makes a range read as zeroes and keeps its space; the corresponding C function is `fallocate` with
    /// `FALLOC_FL_ZERO_RANGE`.
    ///
    /// - Throws: `EOPNOTSUPP` where the file system or device cannot.
    public func zeroRange(_ range: Range<UInt64>) throws(Errno) {
        try fallocate(FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, range)
    }

    /// The first place at or behind `offset` that has data; the corresponding C function is `lseek` with `SEEK_DATA`.
    ///
    /// - Returns: nil where no data follows.
    public func nextData(from offset: UInt64) throws(Errno) -> UInt64? {
        try find(ringside_seek_data, from: offset)
    }

    /// The first place at or behind `offset` that has none, at the latest the end; the corresponding C function is
    /// `lseek` with `SEEK_HOLE`.
    ///
    /// - Returns: nil where the file ends before `offset`.
    public func nextHole(from offset: UInt64) throws(Errno) -> UInt64? {
        try find(ringside_seek_hole, from: offset)
    }

    private func find(_ whence: CInt, from offset: UInt64) throws(Errno) -> UInt64? {
        let place = Glibc.lseek(rawValue, off_t(offset), whence)
        if place < 0 && Glibc.errno == ENXIO { return nil }
        if place < 0 { throw Errno(rawValue: Glibc.errno) }
        return UInt64(place)
    }

    private func fallocate(_ mode: CInt, _ range: Range<UInt64>) throws(Errno) {
        let length = off_t(range.upperBound - range.lowerBound)
        while CLinux.fallocate(rawValue, mode, off_t(range.lowerBound), length) != 0 {
            if Glibc.errno != EINTR { throw Errno(rawValue: Glibc.errno) }
        }
    }

    /// How far one call got; none where a signal came in between.
    private static func progress(_ count: Int) throws(Errno) -> Int {
        if count >= 0 { return count }
        if Glibc.errno != EINTR { throw Errno(rawValue: Glibc.errno) }
        return 0
    }
}

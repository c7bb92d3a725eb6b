// SPDX-License-Identifier: MIT
import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// Copies runs of input files to an output file: holes stay holes, pages of zeros become holes, the kernel copies the
/// rest, and a checksum is taken on the way.
struct SparseCopy: ~Copyable {
    private let output: FileDescriptor
    private let outputName: String
    /// What of the input is being looked at.
    private let window: MemoryMapping
    /// Called with the number of bytes that were done.
    private let progress: (UInt64) -> Void

    /// What stays in a processor's second cache between reading, looking and writing.
    private static let windowSize = 256 << 10
    private static let pageSize = 4096

    init(to output: FileDescriptor, name: String, progress: @escaping (UInt64) -> Void) throws(OperationError)
    {
        (self.output, outputName, self.progress) = (output, name, progress)
        do throws(Errno) {
            window = try MemoryMapping(byteCount: Self.windowSize)
        } catch {
            throw OperationError("copy to", name, errno: error)
        }
    }

    /// Copies runs to where `place` is the start of the first, and adds them to a checksum; missing bytes count as
    /// zeros and are not written.
    func copy(_ runs: [Run], to place: UInt64, _ checksum: inout Checksum) throws(OperationError) {
        for run in runs {
            if let source = run.source {
                let (start, wraps) = place.addingReportingOverflow(run.offset)
                guard !wraps, start <= UInt64(Int64.max) - run.length else {
                    throw OperationError("write", outputName, errno: .fileTooLarge)
                }
                try copy(source, length: run.length, to: start, &checksum)
            } else {
                checksum.addZeros(run.length)
            }
        }
    }

    private func copy(_ source: Run.Source, length: UInt64, to place: UInt64, _ checksum: inout Checksum)
        throws(OperationError)
    {
        var done = source.offset
        for range in source.file.dataRanges(from: source.offset, length: length) {
            checksum.addZeros(range.lowerBound - done)
            progress(range.lowerBound - done)
            var offset = range.lowerBound
            while offset < range.upperBound {
                // Windows end at multiples of their size, so that pages of the input are looked at as a whole.
                let count = min(
                    UInt64(Self.windowSize) - offset % UInt64(Self.windowSize),
                    range.upperBound - offset
                )
                try copyWindow(
                    Run.Source(file: source.file, offset: offset),
                    count: Int(count),
                    to: place + (offset - source.offset),
                    &checksum
                )
                progress(count)
                offset += count
            }
            done = range.upperBound
        }
        checksum.addZeros(source.offset + length - done)
        progress(source.offset + length - done)
    }

    /// Reads one window and copies those of its pages that hold anything but zeros, neighbours in one go.
    private func copyWindow(_ source: Run.Source, count: Int, to place: UInt64, _ checksum: inout Checksum)
        throws(OperationError)
    {
        // The window is as large as count may be, and ours alone.
        let bytes = unsafe UnsafeMutableRawBufferPointer(start: window.base, count: count)
        try unsafe read(source, into: bytes)
        unsafe checksum.add(UnsafeRawBufferPointer(bytes))
        var (position, pending) = (0, 0..<0)
        while position < count {
            let end = min(
                position + Self.pageSize - Int(source.offset + UInt64(position)) % Self.pageSize,
                count
            )
            if unsafe !isZero(UnsafeRawBufferPointer(rebasing: bytes[position..<end])) {
                pending = pending.isEmpty ? position..<end : pending.lowerBound..<end
            } else if !pending.isEmpty {
                try unsafe write(bytes, pending, source, place)
                pending = end..<end
            }
            position = end
        }
        if !pending.isEmpty { try unsafe write(bytes, pending, source, place) }
    }

    /// Fills a buffer; a file that has become shorter reads as zeros.
    private func read(_ source: Run.Source, into bytes: UnsafeMutableRawBufferPointer) throws(OperationError)
    {
        var filled = 0
        while filled < bytes.count {
            let count = unsafe pread(
                source.file.descriptor.rawValue,
                bytes.baseAddress.map { unsafe $0 + filled },
                bytes.count - filled,
                Int(source.offset) + filled
            )
            if count < 0 && errno == EINTR { continue }
            if count < 0 { throw OperationError("read", source.file.name, errno: Errno(rawValue: errno)) }
            if count == 0 { break }
            filled += count
        }
        for index in filled..<bytes.count { unsafe bytes[index] = 0 }
    }

    /// Lets the kernel copy a part of the window's bytes from file to file; where it cannot, between these two file
    /// systems, they are written from the window.
    private func write(
        _ bytes: UnsafeMutableRawBufferPointer,
        _ part: Range<Int>,
        _ source: Run.Source,
        _ place: UInt64
    )
        throws(OperationError)
    {
        var position = part.lowerBound
        var canCopy = true
        while position < part.upperBound {
            let count: Int
            if canCopy {
                var from = Int(source.offset) + position
                var to = Int(place) + position
                // Both offsets outlive the call.
                count = unsafe copy_file_range(
                    source.file.descriptor.rawValue,
                    &from,
                    output.rawValue,
                    &to,
                    part.upperBound - position,
                    0
                )
                if count <= 0 {
                    canCopy = false
                    continue
                }
            } else {
                // Inside of the window.
                let start = unsafe bytes.baseAddress.map { unsafe $0 + position }
                count = unsafe pwrite(
                    output.rawValue,
                    start,
                    part.upperBound - position,
                    Int(place) + position
                )
            }
            if count < 0 && errno == EINTR { continue }
            if count < 0 { throw OperationError("write", outputName, errno: Errno(rawValue: errno)) }
            position += count
        }
    }

    /// Whether all bytes are zero, looked at in words.
    private func isZero(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var position = 0
        // All loads end at or before the buffer's end.
        while position + 64 <= bytes.count {
            let words = unsafe bytes.loadUnaligned(fromByteOffset: position, as: SIMD8<UInt64>.self)
            if words != .zero { return false }
            position += 64
        }
        while position < bytes.count {
            if unsafe bytes[position] != 0 { return false }
            position += 1
        }
        return true
    }
}

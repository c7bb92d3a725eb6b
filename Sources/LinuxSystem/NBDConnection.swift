// SPDX-License-Identifier: MIT
internal import CNBD
internal import Glibc
public import SystemPackage
import Synchronization

/// A connection to an export of an NBD server, made anew where it was lost; any thread may use it, one at a time.
///
/// The corresponding library is libnbd, which is loaded when the first connection is made.
@safe public final class NBDConnection: Sendable {
    /// What the export is like.
    public struct Shape: Sendable {
        public let byteCount: UInt64
        public let isReadOnly: Bool
        public let hasWriteCache: Bool
        public let canUnmap: Bool
        /// Whether several connections see each other's writes, and flush for each other.
        public let canBeShared: Bool
    }

    public let shape: Shape
    private let uri: String
    private let link: Mutex<Link>

    /// The C core's connection; nil after it was lost.
    ///
    /// Sendable although it holds a pointer: it is used under a lock.
    @safe private struct Link: @unchecked Sendable {
        var pointer: OpaquePointer?
    }

    /// Connects.
    ///
    /// - Throws: `ENOSYS` where libnbd is not installed; what the server or libnbd gives.
    public init(_ uri: String) throws(Errno) {
        var shape = nbd_shape()
        let pointer = try unsafe Self.open(uri, &shape)
        link = Mutex(unsafe Link(pointer: pointer))
        self.uri = uri
        self.shape = Shape(
            byteCount: shape.bytes,
            isReadOnly: shape.read_only,
            hasWriteCache: shape.flushes,
            canUnmap: shape.zeroes && shape.trims,
            canBeShared: shape.shared
        )
    }

    deinit {
        // Nobody else has it any more.
        link.withLock { link in unsafe nbd_link_close(link.pointer) }
    }

    private static func open(_ uri: String, _ shape: inout nbd_shape) throws(Errno) -> OpaquePointer? {
        var pointer: OpaquePointer?
        let result = unsafe nbd_link_open(uri, &shape, &pointer)
        if result < 0 { throw Errno(rawValue: -result) }
        return unsafe pointer
    }

    /// Reads until `bytes` is full.
    public func read(at offset: UInt64, into bytes: inout MutableSpan<UInt8>) throws(Errno) {
        try unsafe bytes.withUnsafeMutableBytes { room throws(Errno) in
            let (start, count) = (room.baseAddress, UInt64(room.count))
            try unsafe use { unsafe nbd_link_read($0, start, count, offset) }
        }
    }

    /// Writes all of `bytes`.
    public func write(_ bytes: Span<UInt8>, at offset: UInt64) throws(Errno) {
        try unsafe bytes.withUnsafeBytes { data throws(Errno) in
            let (start, count) = (data.baseAddress, UInt64(data.count))
            try unsafe use { unsafe nbd_link_write($0, start, count, offset) }
        }
    }

    /// Makes safe what was written.
    public func flush() throws(Errno) { try unsafe use { unsafe nbd_link_flush($0) } }

    /// Makes a range zero, of less than 4 GiB.
    public func zero(_ range: Range<UInt64>, mayUnmap: Bool) throws(Errno) {
        try unsafe use { unsafe nbd_link_zero($0, UInt64(range.count), range.lowerBound, mayUnmap) }
    }

    /// Runs one request; where the connection is lost by it, the next one makes another.
    ///
    /// - Throws: what the server gives; `EIO` where it is not there.
    private func use(_ body: (OpaquePointer?) -> CInt) throws(Errno) {
        let result = link.withLock { link in
            if unsafe link.pointer == nil {
                var shape = nbd_shape()
                if unsafe nbd_link_open(uri, &shape, &link.pointer) < 0 { return -EIO }
            }
            let result = unsafe body(link.pointer)
            if unsafe result == 0 || nbd_link_alive(link.pointer) { return result }
            unsafe nbd_link_close(link.pointer)
            unsafe link.pointer = nil
            return -EIO
        }
        if result < 0 { throw Errno(rawValue: -result) }
    }
}

// SPDX-License-Identifier: MIT
internal import CNBD
public import SystemPackage

/// A connection to an export of an NBD server, made anew where it is lost; any thread may use it, several at a time.
///
/// The corresponding library is libnbd, which is loaded when the first connection is made.
@safe public final class NBDConnection: Sendable {
    /// What the export is like.
    public struct Shape: Sendable {
        public let byteCount: UInt64
        public let isReadOnly: Bool
        public let hasWriteCache: Bool
        /// Whether the server makes ranges zero.
        public let canZero: Bool
        public let canUnmap: Bool
        /// Whether single writes can be made safe at once.
        public let hasStableWrites: Bool
    }

    public let shape: Shape
    /// The C core's connection, valid while this lives; its functions may be called on any thread.
    package nonisolated(unsafe) let link: OpaquePointer

    /// Connects.
    ///
    /// - Throws: `ENOSYS` where libnbd is not installed; what the server or libnbd gives.
    public init(_ uri: String) throws(Errno) {
        var shape = nbd_shape()
        var link: OpaquePointer?
        // The shape and the connection are set where it returns 0.
        try Errno.check(unsafe nbd_link_open(uri, &shape, &link))
        guard let link = unsafe link else { throw .noMemory }
        unsafe self.link = link
        self.shape = Shape(
            byteCount: shape.bytes,
            isReadOnly: shape.read_only,
            hasWriteCache: shape.flushes,
            canZero: shape.zeroes,
            canUnmap: shape.zeroes && shape.trims,
            hasStableWrites: shape.stable
        )
    }

    deinit {
        // Nobody else has it any more.
        unsafe nbd_link_close(link)
    }

    /// Fails what is under way and what still comes with `ENOTCONN`, for good.
    public func abandon() { unsafe nbd_link_abandon(link) }

    /// Does the same where requests are under way and the server has answered none for 5 seconds.
    ///
    /// - Returns: whether it has given the server up.
    public func abandonIfSilent() -> Bool { unsafe nbd_link_abandon_silent(link) }

    /// Reads until `bytes` is full.
    ///
    /// - Throws: `ENOTCONN` while the server is away; what it gives.
    public func read(at offset: UInt64, into bytes: inout MutableSpan<UInt8>) throws(Errno) {
        try unsafe bytes.withUnsafeMutableBytes { room throws(Errno) in
            try unsafe run(NBD_READ, room.baseAddress, UInt64(room.count), offset)
        }
    }

    /// Writes all of `bytes`.
    ///
    /// - Throws: `ENOTCONN` while the server is away; what it gives.
    public func write(_ bytes: Span<UInt8>, at offset: UInt64) throws(Errno) {
        try unsafe bytes.withUnsafeBytes { data throws(Errno) in
            // What is written is only read from there.
            let start = unsafe UnsafeMutableRawPointer(mutating: data.baseAddress)
            try unsafe run(NBD_WRITE, start, UInt64(data.count), offset)
        }
    }

    /// Makes safe what was written.
    ///
    /// - Throws: `EIO` where it may be lost, from then on; `ENOTCONN` while the server is away; what it gives.
    public func flush() throws(Errno) { try unsafe run(NBD_FLUSH, nil, 0, 0) }

    /// Makes a range zero, of less than 4 GiB.
    ///
    /// - Throws: `ENOTCONN` while the server is away; what it gives.
    public func zero(_ range: Range<UInt64>, mayUnmap: Bool) throws(Errno) {
        try unsafe run(NBD_ZERO, nil, UInt64(range.count), range.lowerBound, mayUnmap)
    }

    /// Waits for one request; its data stays where it is meanwhile.
    private func run(
        _ operation: nbd_operation,
        _ data: UnsafeMutableRawPointer?,
        _ bytes: UInt64,
        _ offset: UInt64,
        _ trims: Bool = false
    ) throws(Errno) {
        var request = unsafe nbd_request()
        unsafe (request.operation, request.data, request.bytes) = (operation, data, bytes)
        unsafe (request.offset, request.trims) = (offset, trims)
        try Errno.check(unsafe nbd_link_run(link, &request))
    }
}

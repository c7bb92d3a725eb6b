// SPDX-License-Identifier: MIT
public import LinuxSystem
public import SystemPackage

/// Blocks of an NBD server's export, which may be anywhere: qemu-nbd, nbdkit, and what those reach.
///
/// All commands are under way at the same time, on one connection. While the server is away they fail with `ENOTCONN`,
/// which the initiator is to take for a unit that becomes ready; it is looked for again until it is back.
public final class NBDStore: BlockStore {
    public let blockSize: Int
    public let byteCount: UInt64
    public let isReadOnly: Bool
    public let canUnmap: Bool
    public let unmapGranularity = 4096
    public let hasWriteCache: Bool
    /// The connection itself, for a caller that reads and writes past the store.
    public let connection: NBDConnection

    /// How much is made zero by one request.
    private static let zeroBytes: UInt64 = 1 << 30

    /// Connects.
    ///
    /// - Parameter uri: as in `nbd://host/export` or `nbd+unix:///export?socket=/run/nbd.sock`.
    /// - Throws: `ENOSYS` where libnbd is not installed; `EINVAL` where the export has not one whole block; what the
    ///   server or libnbd gives.
    public init(_ uri: String, blockSize: Int = 512, isReadOnly: Bool = false) throws(Errno) {
        connection = try NBDConnection(uri)
        let shape = connection.shape
        let bytes = blockSize > 0 ? shape.byteCount / UInt64(blockSize) * UInt64(blockSize) : 0
        guard BlockSize.divides(bytes, blockSize) else { throw .invalidArgument }
        self.blockSize = blockSize
        byteCount = bytes
        self.isReadOnly = isReadOnly || shape.isReadOnly
        canUnmap = !self.isReadOnly && shape.canUnmap
        hasWriteCache = shape.hasWriteCache
    }

    public func read(at offset: UInt64, into bytes: inout MutableSpan<UInt8>) throws(Errno) {
        // libnbd refuses to be asked for nothing.
        if bytes.count > 0 { try connection.read(at: offset, into: &bytes) }
    }

    public func write(_ bytes: Span<UInt8>, at offset: UInt64) throws(Errno) {
        if bytes.count > 0 { try connection.write(bytes, at: offset) }
    }

    public func flush() throws(Errno) {
        if hasWriteCache { try connection.flush() }
    }

    public func zero(_ range: Range<UInt64>, mayUnmap: Bool) throws(Errno) {
        if !connection.shape.canZero { return try writeZeroes(range) }
        for start in stride(from: range.lowerBound, to: range.upperBound, by: Int(Self.zeroBytes)) {
            let end = min(start + Self.zeroBytes, range.upperBound)
            try connection.zero(start..<end, mayUnmap: mayUnmap && canUnmap)
        }
    }
}

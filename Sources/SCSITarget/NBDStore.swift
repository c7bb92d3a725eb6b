// SPDX-License-Identifier: MIT
import LinuxSystem
import Synchronization
public import SystemPackage

/// Blocks of an NBD server's export, which may be anywhere: qemu-nbd, nbdkit, and what those reach.
///
/// Commands that come at the same time use connections of their own where the server keeps those consistent, and wait
/// for each other where it does not. A command that loses its connection fails; the next makes another.
public final class NBDStore: BlockStore {
    public let blockSize: Int
    public let byteCount: UInt64
    public let isReadOnly: Bool
    public let canUnmap: Bool
    public let unmapGranularity = 4096
    public let hasWriteCache: Bool
    private let connections: [NBDConnection]
    private let next = Atomic<UInt>(0)

    /// How many connections there are to a server that keeps them consistent.
    private static let most = 4
    /// How much is made zero by one request.
    private static let zeroBytes: UInt64 = 1 << 30

    /// Connects.
    ///
    /// - Parameter uri: as in `nbd://host/export` or `nbd+unix:///export?socket=/run/nbd.sock`.
    /// - Throws: `ENOSYS` where libnbd is not installed; `EINVAL` where the export has not one whole block; what the
    ///   server or libnbd gives.
    public init(_ uri: String, blockSize: Int = 512, isReadOnly: Bool = false) throws(Errno) {
        let first = try NBDConnection(uri)
        let shape = first.shape
        let bytes = blockSize > 0 ? shape.byteCount / UInt64(blockSize) * UInt64(blockSize) : 0
        guard BlockSize.divides(bytes, blockSize) else { throw .invalidArgument }
        self.blockSize = blockSize
        byteCount = bytes
        self.isReadOnly = isReadOnly || shape.isReadOnly
        canUnmap = !self.isReadOnly && shape.canUnmap
        hasWriteCache = shape.hasWriteCache
        var connections = [first]
        while shape.canBeShared && connections.count < Self.most {
            connections.append(try NBDConnection(uri))
        }
        self.connections = connections
    }

    private var connection: NBDConnection {
        let turn = next.wrappingAdd(1, ordering: .relaxed).oldValue
        return connections[Int(turn % UInt(connections.count))]
    }

    public func read(at offset: UInt64, into bytes: inout MutableSpan<UInt8>) throws(Errno) {
        try connection.read(at: offset, into: &bytes)
    }

    public func write(_ bytes: Span<UInt8>, at offset: UInt64) throws(Errno) {
        try connection.write(bytes, at: offset)
    }

    public func flush() throws(Errno) {
        // One is enough: servers that share connections flush for all of them.
        if hasWriteCache { try connection.flush() }
    }

    public func zero(_ range: Range<UInt64>, mayUnmap: Bool) throws(Errno) {
        for start in stride(from: range.lowerBound, to: range.upperBound, by: Int(Self.zeroBytes)) {
            let end = min(start + Self.zeroBytes, range.upperBound)
            try connection.zero(start..<end, mayUnmap: mayUnmap && canUnmap)
        }
    }
}

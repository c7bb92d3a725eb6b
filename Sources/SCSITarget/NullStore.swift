// SPDX-License-Identifier: MIT
public import SystemPackage

/// Blocks that are always zero: what is written is lost, for measuring everything but the store.
public struct NullStore: BlockStore {
    public let blockSize: Int
    public let byteCount: UInt64

    public var canUnmap: Bool { true }

    /// - Parameters:
    ///   - byteCount: more than 0, a multiple of `blockSize`.
    ///   - blockSize: 512 or 4096.
    public init(byteCount: UInt64, blockSize: Int = 512) throws(Errno) {
        guard BlockSize.divides(byteCount, blockSize) else { throw .invalidArgument }
        self.byteCount = byteCount
        self.blockSize = blockSize
    }

    public func read(at offset: UInt64, into bytes: inout MutableSpan<UInt8>) throws(Errno) {
        bytes.update(repeating: 0)
    }

    public func write(_ bytes: Span<UInt8>, at offset: UInt64) throws(Errno) {}
    public func zero(_ range: Range<UInt64>, mayUnmap: Bool) throws(Errno) {}
    public func allocation(at offset: UInt64) throws(Errno) -> StoreExtent {
        StoreExtent(isAllocated: false, end: byteCount)
    }
}

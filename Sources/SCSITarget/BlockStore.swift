// SPDX-License-Identifier: MIT
public import SystemPackage

/// Where a logical unit keeps its blocks.
///
/// Offsets and lengths are in bytes. The unit has checked them before it calls: whole blocks that lie within
/// ``byteCount``. Any of the functions may be called on any thread, several at a time; where two writes overlap in time
/// and place, either may win, block by block. An error becomes sense data: see ``Sense/init(reading:)`` and
/// ``Sense/init(writing:)``.
public protocol BlockStore: Sendable {
    /// The size of a logical block: 512 or 4096.
    var blockSize: Int { get }
    /// The size of the store, a multiple of ``blockSize``. It may change; ``LogicalUnit/refreshCapacity()`` tells the
    /// unit.
    var byteCount: UInt64 { get }
    /// Whether writes are refused, with WRITE PROTECTED.
    var isReadOnly: Bool { get }
    /// Whether ranges can be deallocated.
    var canUnmap: Bool { get }
    /// Whether what ``discard(_:)`` deallocates reads as zeroes.
    var unmapsToZeroes: Bool { get }
    /// How many bytes are deallocated at a time, a multiple of ``blockSize``.
    var unmapGranularity: Int { get }
    /// Where the first whole granule begins, a multiple of ``blockSize``.
    var unmapAlignment: Int { get }
    /// Whether written data is safe only after ``flush()``.
    var hasWriteCache: Bool { get }

    /// Looks up the size again, after somebody has changed it.
    func refreshSize() throws(Errno)
    /// Reads until `bytes` is full.
    func read(at offset: UInt64, into bytes: inout MutableSpan<UInt8>) throws(Errno)
    /// Writes all of `bytes`.
    func write(_ bytes: Span<UInt8>, at offset: UInt64) throws(Errno)
    /// Makes safe what has been written before.
    func flush() throws(Errno)
    /// Makes a range read as zeroes.
    ///
    /// - Parameter mayUnmap: whether its space may be given back.
    func zero(_ range: Range<UInt64>, mayUnmap: Bool) throws(Errno)
    /// Deallocates a range, where ``canUnmap`` says so.
    func discard(_ range: Range<UInt64>) throws(Errno)
    /// Whether the byte at `offset` has space of its own, and where the run of bytes alike ends.
    func allocation(at offset: UInt64) throws(Errno) -> StoreExtent
}

/// A run of a store's bytes that all have space of their own, or all have none.
public struct StoreExtent: Equatable, Sendable {
    /// Whether the bytes have space of their own.
    public var isAllocated: Bool
    /// The offset of the first byte behind the run.
    public var end: UInt64

    public init(isAllocated: Bool, end: UInt64) {
        self.isAllocated = isAllocated
        self.end = end
    }
}

extension BlockStore {
    public var isReadOnly: Bool { false }
    public var canUnmap: Bool { false }
    public var unmapsToZeroes: Bool { true }
    public var unmapGranularity: Int { blockSize }
    public var unmapAlignment: Int { 0 }
    public var hasWriteCache: Bool { false }
    public func refreshSize() throws(Errno) {}
    public func flush() throws(Errno) {}
    public func discard(_ range: Range<UInt64>) throws(Errno) { try zero(range, mayUnmap: true) }
    public func allocation(at offset: UInt64) throws(Errno) -> StoreExtent {
        StoreExtent(isAllocated: true, end: byteCount)
    }

    /// Makes a range zero where there is no faster way.
    func writeZeroes(_ range: Range<UInt64>) throws(Errno) {
        if range.isEmpty { return }
        let zeroes = [UInt8](repeating: 0, count: Int(min(UInt64(1 << 20), UInt64(range.count))))
        for offset in stride(from: range.lowerBound, to: range.upperBound, by: zeroes.count) {
            let count = Int(min(UInt64(zeroes.count), range.upperBound - offset))
            try write(zeroes.span.extracting(first: count), at: offset)
        }
    }
}

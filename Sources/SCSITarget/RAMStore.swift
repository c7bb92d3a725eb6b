// SPDX-License-Identifier: MIT
public import LinuxSystem
public import SystemPackage

/// Blocks in memory, all zeroes at first and gone with the process.
public final class RAMStore: BlockStore {
    public let blockSize: Int
    public let byteCount: UInt64
    /// The memory itself, for a caller that reads and writes past the store.
    public let memory: SharedMemory

    public var canUnmap: Bool { true }
    public var unmapGranularity: Int { 4096 }

    /// - Parameters:
    ///   - byteCount: more than 0, a multiple of `blockSize`.
    ///   - blockSize: 512 or 4096.
    public init(byteCount: UInt64, blockSize: Int = 512) throws(Errno) {
        guard let size = Int(exactly: byteCount), BlockSize.divides(byteCount, blockSize) else {
            throw .invalidArgument
        }
        self.byteCount = byteCount
        self.blockSize = blockSize
        memory = try SharedMemory(name: "ringside-disk", byteCount: size)
    }

    public func read(at offset: UInt64, into bytes: inout MutableSpan<UInt8>) throws(Errno) {
        memory.read(at: Int(offset), into: &bytes)
    }

    public func write(_ bytes: Span<UInt8>, at offset: UInt64) throws(Errno) {
        memory.write(bytes, at: Int(offset))
    }

    public func zero(_ range: Range<UInt64>, mayUnmap: Bool) throws(Errno) {
        if range.isEmpty { return }
        // The kernel zeroes the parts of pages at the ends.
        try memory.descriptor.punchHole(range)
    }

    public func allocation(at offset: UInt64) throws(Errno) -> StoreExtent {
        try memory.descriptor.extent(at: offset, size: byteCount)
    }
}

/// What logical blocks can be.
enum BlockSize {
    /// Whether blocks of this size are possible and fill a store of `byteCount` bytes.
    static func divides(_ byteCount: UInt64, _ blockSize: Int) -> Bool {
        (blockSize == 512 || blockSize == 4096) && byteCount > 0 && byteCount % UInt64(blockSize) == 0
    }

    /// A number of bytes in whole blocks, `least` blocks or more.
    static func rounded(_ byteCount: Int?, _ blockSize: Int, atLeast least: Int = 1) -> Int {
        max((byteCount ?? 0) / blockSize, least) * blockSize
    }
}

extension FileDescriptor {
    /// The run of bytes at `offset` that have data behind them, or have none.
    func extent(at offset: UInt64, size: UInt64) throws(Errno) -> StoreExtent {
        let data = try nextData(from: offset) ?? size
        if data > offset { return StoreExtent(isAllocated: false, end: min(data, size)) }
        return StoreExtent(isAllocated: true, end: min(try nextHole(from: offset) ?? size, size))
    }
}

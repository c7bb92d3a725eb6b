// SPDX-License-Identifier: MIT
public import LinuxSystem
import Synchronization
public import SystemPackage

/// Blocks in a file or on a block device, read and written where they are asked for.
///
/// A file gives deallocated space back where its file system can punch holes, a block device where it can discard.
public final class FileStore: BlockStore {
    public let path: FilePath
    public let blockSize: Int
    public let isReadOnly: Bool
    public let canUnmap: Bool
    public let unmapsToZeroes: Bool
    public let unmapGranularity: Int
    public let unmapAlignment: Int
    public let hasWriteCache = true
    private let mode: FileDescriptor.AccessMode
    private let owner: OwnedDescriptor
    private let size: Atomic<UInt64>
    private let zeroing: Zeroing

    /// The open file, valid while the store lives.
    public var descriptor: FileDescriptor { owner.descriptor }
    public var byteCount: UInt64 { size.load(ordering: .relaxed) }

    /// Opens what is there; bytes behind the last whole block are left alone.
    ///
    /// - Throws: what `open` and `lseek` do, and `EINVAL` where the block size is neither 512 nor 4096 or there is not
    ///   one whole block.
    public init(_ path: FilePath, blockSize: Int = 512, isReadOnly: Bool = false) throws(Errno) {
        self.path = path
        self.blockSize = blockSize
        self.isReadOnly = isReadOnly
        mode = isReadOnly ? .readOnly : .readWrite
        owner = try OwnedDescriptor(opening: path, mode)
        let bytes = try owner.descriptor.wholeBlocks(of: blockSize)
        guard BlockSize.divides(bytes, blockSize) else { throw .invalidArgument }
        size = Atomic(bytes)
        let limits = try owner.descriptor.provisioning(size: bytes)
        canUnmap = !isReadOnly && limits != nil
        // A device that is asked to zero and cannot without unmapping no longer does either.
        zeroing = Zeroing(isRefused: try owner.descriptor.isBlockDevice() && canUnmap)
        unmapsToZeroes = limits?.zeroes ?? true
        unmapGranularity = BlockSize.rounded(limits?.granularity, blockSize)
        unmapAlignment = BlockSize.rounded(limits?.alignment, blockSize, atLeast: 0)
    }

    /// The file once more, for a caller that reads and writes past the store: of writes that were lost, each open file
    /// is told once.
    ///
    /// - Throws: what `open` does with a name in `/proc/self/fd`.
    public func reopened() throws(Errno) -> OwnedDescriptor {
        let name = FilePath("/proc/self/fd/\(owner.number)")
        return try OwnedDescriptor(opening: name, mode)
    }

    public func refreshSize() throws(Errno) {
        size.store(try descriptor.wholeBlocks(of: blockSize), ordering: .relaxed)
    }

    public func read(at offset: UInt64, into bytes: inout MutableSpan<UInt8>) throws(Errno) {
        try descriptor.readFully(at: offset, into: &bytes)
    }

    public func write(_ bytes: Span<UInt8>, at offset: UInt64) throws(Errno) {
        try descriptor.writeFully(bytes, at: offset)
    }

    public func flush() throws(Errno) { try descriptor.syncData() }

    public func zero(_ range: Range<UInt64>, mayUnmap: Bool) throws(Errno) {
        if range.isEmpty { return }
        if mayUnmap && canUnmap && unmapsToZeroes {
            do throws(Errno) {
                return try descriptor.punchHole(range)
            } catch {
                // A device may refuse what its queue offers, and parts of its own blocks (EINVAL).
                guard error == .notSupported || error == .invalidArgument else { throw error }
            }
        }
        if try !zeroing.zero(range, of: descriptor) { try writeZeroes(range) }
    }

    public func discard(_ range: Range<UInt64>) throws(Errno) {
        if unmapsToZeroes { return try zero(range, mayUnmap: true) }
        if range.isEmpty { return }
        do throws(Errno) {
            try descriptor.discard(range)
        } catch {
            // Parts of the device's own blocks keep their space.
            guard error == .invalidArgument else { throw error }
        }
    }

    public func allocation(at offset: UInt64) throws(Errno) -> StoreExtent {
        try descriptor.extent(at: offset, size: byteCount)
    }
}

/// Zeroing without giving space back, by the file system or the device.
private struct Zeroing: ~Copyable {
    private let isRefused: Atomic<Bool>

    init(isRefused: Bool) { self.isRefused = Atomic(isRefused) }

    /// Returns whether it could.
    func zero(_ range: Range<UInt64>, of file: FileDescriptor) throws(Errno) -> Bool {
        if isRefused.load(ordering: .relaxed) { return false }
        do throws(Errno) {
            try file.zeroRange(range)
            return true
        } catch {
            // EINVAL is the answer of block devices that have no such command.
            guard error == .notSupported || error == .invalidArgument else { throw error }
            isRefused.store(true, ordering: .relaxed)
            return false
        }
    }
}

extension FileDescriptor {
    /// The size of the whole blocks that a file or a block device has.
    fileprivate func wholeBlocks(of blockSize: Int) throws(Errno) -> UInt64 {
        let end = try Errno.narrow { try seek(offset: 0, from: .end) }
        guard blockSize > 0 else { throw .invalidArgument }
        return UInt64(end) / UInt64(blockSize) * UInt64(blockSize)
    }

    /// How space is given back; nil where the file system or the device cannot.
    ///
    /// In a file, a hole is tried where it has none of its bytes, behind its end.
    fileprivate func provisioning(size: UInt64) throws(Errno) -> DiscardLimits? {
        if try isBlockDevice() { return try discardLimits() }
        do throws(Errno) {
            let start = (size + 0xffff) & ~0xffff
            try punchHole(start..<start + 4096)
            return DiscardLimits(granularity: 4096, alignment: 0, zeroes: true)
        } catch {
            return nil
        }
    }
}

// SPDX-License-Identifier: MIT
public import LinuxSystem
public import SystemPackage

/// Tuples in a file, one behind the other, as the kernel's fileio backstore keeps them beside its file.
public final class FileTuples: TupleStore {
    private let owner: OwnedDescriptor

    /// The file that belongs to a file of blocks.
    public static func path(beside file: FilePath) -> FilePath { FilePath(file.string + ".protection") }

    /// Opens the file; one that is missing or empty is filled with tuples that say nothing.
    ///
    /// - Parameters:
    ///   - blocks: how many there are.
    ///   - isReadOnly: whether nothing is written, so that the file has to be there.
    /// - Throws: where that cannot be, or the file is of another number of blocks: it is left alone.
    public init(_ path: FilePath, blocks: UInt64, isReadOnly: Bool) throws(OperationError) {
        let expected = blocks * UInt64(ProtectionTuple.byteCount)
        let size: UInt64
        do throws(Errno) {
            owner = try Self.open(path, isReadOnly)
            size = try owner.descriptor.size
            if size == 0 && !isReadOnly { try prepare(0..<expected) }
        } catch {
            throw OperationError("open", path.string, errno: error)
        }
        guard size == expected || size == 0 && !isReadOnly else {
            throw OperationError(
                "open",
                path.string,
                cause: "it is not the protection information of \(blocks) blocks, \(expected) bytes",
                hint: "without the file, a new one is made, and no block is protected until it is written"
            )
        }
    }

    private static func open(_ path: FilePath, _ isReadOnly: Bool) throws(Errno) -> OwnedDescriptor {
        let file = try Errno.narrow {
            try FileDescriptor.open(
                path,
                isReadOnly ? .readOnly : .readWrite,
                options: isReadOnly ? .closeOnExec : [.create, .closeOnExec],
                permissions: .ownerReadWrite
            )
        }
        return OwnedDescriptor(adopting: file)
    }

    /// Fills a file that is empty; where that fails, it is empty again.
    private func prepare(_ range: Range<UInt64>) throws(Errno) {
        do throws(Errno) {
            try fill(range)
        } catch {
            try Errno.narrow { try owner.descriptor.resize(to: 0) }
            throw error
        }
    }

    public func read(at block: UInt64, into tuples: inout MutableSpan<UInt8>) throws(Errno) {
        try owner.descriptor.readFully(at: block * UInt64(ProtectionTuple.byteCount), into: &tuples)
    }

    public func write(_ tuples: Span<UInt8>, at block: UInt64) throws(Errno) {
        try owner.descriptor.writeFully(tuples, at: block * UInt64(ProtectionTuple.byteCount))
    }

    public func clear(_ blocks: Range<UInt64>) throws(Errno) {
        let size = UInt64(ProtectionTuple.byteCount)
        try fill(blocks.lowerBound * size..<blocks.upperBound * size)
    }

    public func flush() throws(Errno) { try owner.descriptor.syncData() }

    private func fill(_ range: Range<UInt64>) throws(Errno) {
        let bytes = [UInt8](repeating: 0xff, count: Int(min(1 << 20, UInt64(range.count))))
        for start in stride(from: range.lowerBound, to: range.upperBound, by: 1 << 20) {
            let count = min(bytes.count, Int(range.upperBound - start))
            try owner.descriptor.writeFully(bytes.span.extracting(first: count), at: start)
        }
    }
}

extension FileDescriptor {
    fileprivate var size: UInt64 {
        get throws(Errno) { try UInt64(Errno.narrow { try seek(offset: 0, from: .end) }) }
    }
}

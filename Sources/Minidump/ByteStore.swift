// SPDX-License-Identifier: MIT
public import LinuxSystem
public import SystemPackage

/// Bytes that can be read at any place: a file, or a part of a dump that is in memory.
protocol ByteStore {
    var size: UInt64 { get }
    /// What messages call it.
    var name: String { get }
    /// The bytes from `offset` on, fewer than `count` where the store ends before.
    func read(at offset: UInt64, count: Int) throws(OperationError) -> [UInt8]
}

extension ByteStore {
    /// All `count` bytes at `offset`, or `nil` where not all of them are there.
    func readWhole(at offset: UInt64, count: Int) throws(OperationError) -> [UInt8]? {
        guard offset <= size, UInt64(count) <= size - offset else { return nil }
        let bytes = try read(at: offset, count: count)
        return bytes.count == count ? bytes : nil
    }
}

/// Bytes that are in memory.
struct MemoryBytes: ByteStore {
    var bytes: [UInt8]
    var name: String
    var size: UInt64 { UInt64(bytes.count) }

    func read(at offset: UInt64, count: Int) -> [UInt8] {
        guard offset < size else { return [] }
        return Array(bytes[Int(offset)..<min(bytes.count, Int(offset) + count)])
    }
}

/// An input file, open for as long as something refers to it.
///
/// It is read where and when it is needed, never as a whole.
public final class InputFile: ByteStore, Sendable {
    public let path: FilePath
    /// Its size in bytes when it was opened.
    public let size: UInt64
    private let owner: OwnedDescriptor

    var name: String { path.string }
    var descriptor: FileDescriptor { owner.descriptor }

    /// Opens a file for reading; the corresponding C function is `open`.
    public init(_ path: FilePath) throws(OperationError) {
        self.path = path
        do throws(Errno) {
            owner = try OwnedDescriptor(opening: path, .readOnly)
            let end = try Errno.narrow { [descriptor = owner.descriptor] in
                try descriptor.seek(offset: 0, from: .end)
            }
            size = UInt64(end)
        } catch {
            throw OperationError("open", path.string, errno: error)
        }
    }

    func read(at offset: UInt64, count: Int) throws(OperationError) -> [UInt8] {
        guard offset < size else { return [] }
        let count = Int(min(UInt64(count), size - offset))
        do throws(Errno) {
            return try Errno.narrow { try descriptor.readBytes(at: Int64(offset), count: count) }
        } catch {
            throw OperationError("read", "\(path) at \(hexadecimal(offset))", errno: error)
        }
    }
}

extension FileDescriptor {
    /// Up to `count` bytes from `offset` on; the corresponding C function is `pread`.
    fileprivate func readBytes(at offset: Int64, count: Int) throws -> [UInt8] {
        try unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                // The rest of the buffer, which pread fills from its start.
                let rest = unsafe UnsafeMutableRawBufferPointer(
                    rebasing: UnsafeMutableRawBufferPointer(buffer)[filled...]
                )
                let read = try unsafe self.read(fromAbsoluteOffset: offset + Int64(filled), into: rest)
                if read == 0 { return }
                filled += read
            }
        }
    }
}

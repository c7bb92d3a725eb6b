// SPDX-License-Identifier: MIT
import CLinux
internal import Glibc
public import SystemPackage

/// Zeroed memory with a descriptor of its own, which another process can map, too; pages are present once they are
/// written.
///
/// The corresponding C functions are `memfd_create`, `ftruncate` and `mmap`.
@safe public struct SharedMemory: ~Copyable, @unchecked Sendable {
    // Sendable: what it holds never changes; the bytes behind it are anybody's, as with a file.

    private let mapping: MemoryMapping
    private let owner: OwnedDescriptor

    /// The first byte. Anybody who has the descriptor may write any byte behind it at any time.
    @unsafe public var base: UnsafeMutableRawPointer { unsafe mapping.base }
    /// The size in bytes, a multiple of the page size.
    public var byteCount: Int { mapping.byteCount }

    /// The memory as a file, valid while the owner lives. It can neither shrink nor grow.
    public var descriptor: FileDescriptor { owner.descriptor }

    /// Makes at least `byteCount` bytes, none of them present yet.
    ///
    /// - Parameters:
    ///   - name: what `/proc/self/maps` shows.
    ///   - byteCount: more than 0; rounded up to pages.
    public init(name: String, byteCount: Int) throws(Errno) {
        let page = Int(Glibc.sysconf(Int32(_SC_PAGESIZE)))
        let size = (byteCount + page - 1) / page * page
        let file = try Self.makeFile(name: name, byteCount: size)
        let mapped = try MemoryMapping(sharing: file.descriptor, byteCount: size)
        owner = file
        mapping = mapped
    }

    /// A file without a name, of a size that stays.
    public static func makeFile(name: String, byteCount: Int) throws(Errno) -> OwnedDescriptor {
        let number = unsafe memfd_create(name, UInt32(MFD_CLOEXEC | MFD_ALLOW_SEALING))
        if number < 0 { throw Errno(rawValue: Glibc.errno) }
        let file = OwnedDescriptor(adopting: FileDescriptor(rawValue: number))
        guard ftruncate(number, off_t(byteCount)) == 0,
            fcntl(number, ringside_add_seals, ringside_seal_seal_shrink_grow) == 0
        else { throw Errno(rawValue: Glibc.errno) }
        return file
    }

    /// Copies bytes out, from `offset` on, until `bytes` is full.
    public func read(at offset: Int, into bytes: inout MutableSpan<UInt8>) {
        precondition(offset >= 0 && bytes.count <= byteCount && offset <= byteCount - bytes.count)
        // Both ranges were just checked, and the span's memory is its own.
        unsafe bytes.withUnsafeMutableBytes { buffer in
            unsafe buffer.copyMemory(from: UnsafeRawBufferPointer(start: base + offset, count: buffer.count))
        }
    }

    /// Copies all of `bytes` in, from `offset` on.
    public func write(_ bytes: Span<UInt8>, at offset: Int) {
        precondition(offset >= 0 && bytes.count <= byteCount && offset <= byteCount - bytes.count)
        // Both ranges were just checked, and the span's memory is its own.
        unsafe bytes.withUnsafeBytes { buffer in
            guard let start = buffer.baseAddress else { return }
            unsafe (base + offset).copyMemory(from: start, byteCount: buffer.count)
        }
    }
}

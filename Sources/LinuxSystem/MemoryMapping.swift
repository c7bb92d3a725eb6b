// SPDX-License-Identifier: MIT
internal import Glibc
public import SystemPackage

/// Page-aligned memory with one owner, unmapped when the owner goes out of scope: anonymous and zeroed, or a file's.
///
/// The corresponding C functions are `mmap` and `munmap`.
///
/// Sendable although it holds a pointer: neither pointer nor size ever changes, and the bytes are anybody's.
@safe public struct MemoryMapping: ~Copyable, @unchecked Sendable {
    /// The first byte. Another party (a device, the kernel) may write any byte behind it at any time.
    @unsafe public let base: UnsafeMutableRawPointer
    /// The size in bytes, a multiple of the page size.
    public let byteCount: Int

    /// The address of the first byte as the kernel takes it.
    public var address: UInt64 { unsafe UInt64(UInt(bitPattern: base)) }

    /// Maps at least `byteCount` bytes, with every page present so that the first touch costs nothing.
    ///
    /// - Parameter byteCount: more than 0; rounded up to pages.
    public init(byteCount: Int) throws(Errno) {
        let page = Int(Glibc.sysconf(Int32(_SC_PAGESIZE)))
        self.byteCount = (byteCount + page - 1) / page * page
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE
        unsafe base = try Self.map(self.byteCount, flags, -1)
    }

    /// Maps the first `byteCount` bytes of a file, shared with everyone who maps it too.
    ///
    /// Touching a page behind the file's end is a SIGBUS.
    ///
    /// - Parameter byteCount: more than 0.
    public init(sharing file: FileDescriptor, byteCount: Int) throws(Errno) {
        self.byteCount = byteCount
        unsafe base = try Self.map(byteCount, MAP_SHARED | MAP_NORESERVE, file.rawValue)
    }

    private static func map(_ byteCount: Int, _ flags: CInt, _ file: CInt) throws(Errno)
        -> UnsafeMutableRawPointer
    {
        let mapped = unsafe Glibc.mmap(nil, byteCount, PROT_READ | PROT_WRITE, flags, file, 0)
        guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else {
            throw Errno(rawValue: Glibc.errno)
        }
        return unsafe mapped
    }

    deinit {
        // The range is exactly what init mapped, and nobody can name it any more.
        _ = unsafe Glibc.munmap(base, byteCount)
    }
}

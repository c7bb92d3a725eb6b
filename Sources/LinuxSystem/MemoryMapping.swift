// SPDX-License-Identifier: MIT
internal import Glibc
public import SystemPackage

/// Anonymous, zeroed, page-aligned memory with one owner, unmapped when the owner goes out of scope.
///
/// The corresponding C functions are `mmap` and `munmap`.
@safe public struct MemoryMapping: ~Copyable {
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
        let mapped = unsafe Glibc.mmap(nil, self.byteCount, PROT_READ | PROT_WRITE, flags, -1, 0)
        guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else {
            throw Errno(rawValue: Glibc.errno)
        }
        unsafe base = mapped
    }

    deinit {
        // The range is exactly what init mapped, and nobody can name it any more.
        _ = unsafe Glibc.munmap(base, byteCount)
    }
}

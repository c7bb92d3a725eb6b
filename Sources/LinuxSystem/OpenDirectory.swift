// SPDX-License-Identifier: MIT
import CLinux
import Glibc
public import SystemPackage

/// A directory that stays open: paths are looked up from it, which costs the kernel less than a walk from the root.
public final class OpenDirectory: Sendable {
    private let owner: OwnedDescriptor

    /// Opens a directory; the corresponding C function is `open` with `O_DIRECTORY`.
    public convenience init(_ path: FilePath) throws(Errno) {
        try self.init(opening: path.string, from: AT_FDCWD)
    }

    private init(opening path: String, from directory: CInt) throws(Errno) {
        // unsafe: the C string lives for the call.
        let number = unsafe openat(directory, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if number < 0 { throw Errno(rawValue: Glibc.errno) }
        owner = OwnedDescriptor(adopting: FileDescriptor(rawValue: number))
    }

    /// A directory below this one; the corresponding C function is `openat`.
    public func directory(_ path: String) throws(Errno) -> OpenDirectory {
        try OpenDirectory(opening: path, from: owner.number)
    }

    /// The names in it, sorted, without `.` and `..`, each with its type, which is one of `DT_DIR`, `DT_REG` and so on; the
    /// corresponding system call is `getdents64`.
    public func entries() throws(Errno) -> [(name: String, type: CInt)] {
        lseek(owner.number, 0, SEEK_SET)
        var entries: [(name: String, type: CInt)] = []
        var count = 1
        while count > 0 {
            // unsafe: the kernel fills the buffer from its start with whole records and tells how far.
            unsafe withUnsafeTemporaryAllocation(byteCount: 32768, alignment: 8) { buffer in
                count = unsafe ringside_getdents(owner.number, buffer.baseAddress, UInt(buffer.count))
                let records = unsafe UnsafeRawBufferPointer(rebasing: buffer[..<max(0, count)])
                unsafe Self.read(records, into: &entries)
            }
        }
        if count < 0 { throw Errno(rawValue: Glibc.errno) }
        return entries.sorted { $0.name < $1.name }
    }

    /// Reads records of `struct linux_dirent64`: two numbers of 8 bytes, the record's length in 2, the type in 1, the name.
    private static func read(
        _ records: UnsafeRawBufferPointer,
        into entries: inout [(name: String, type: CInt)]
    ) {
        var start = 0
        while start < records.count {
            let length = Int(unsafe records.load(fromByteOffset: start + 16, as: UInt16.self))
            let type = CInt(unsafe records[start + 18])
            let name = unsafe records[(start + 19)..<(start + length)].prefix { $0 != 0 }
            start += length
            let text = unsafe String(decoding: name, as: UTF8.self)
            if text != "." && text != ".." { entries.append((text, type)) }
        }
    }

    /// What one `read` of a file below gives, at most a page; the corresponding C functions are `openat` and `read`.
    public func readOnce(_ path: String) throws(Errno) -> [UInt8] {
        // unsafe: the C string lives for the call.
        let number = unsafe openat(owner.number, path, O_RDONLY | O_CLOEXEC)
        if number < 0 { throw Errno(rawValue: Glibc.errno) }
        let file = OwnedDescriptor(adopting: FileDescriptor(rawValue: number))
        return try file.descriptor.readSome(upTo: 4096)
    }

    /// What a symbolic link below holds; the corresponding C function is `readlinkat`.
    public func linkTarget(_ path: String) throws(Errno) -> String {
        var count = 0
        // unsafe: readlinkat fills the buffer from its start and tells how far.
        let target = unsafe withUnsafeTemporaryAllocation(byteCount: Int(PATH_MAX), alignment: 1) { buffer in
            let bytes = unsafe buffer.bindMemory(to: CChar.self)
            guard let start = bytes.baseAddress else { return "" }
            count = unsafe readlinkat(owner.number, path, start, buffer.count)
            return unsafe String(decoding: buffer[..<max(0, count)], as: UTF8.self)
        }
        if count < 0 { throw Errno(rawValue: Glibc.errno) }
        return target
    }

    /// How many names a file or directory below has: a directory has one for each directory in it, and two more. The
    /// corresponding C function is `fstatat`.
    public func linkCount(_ path: String) throws(Errno) -> Int {
        var record = stat()
        // unsafe: the C string lives for the call, and the kernel fills the whole record.
        if unsafe fstatat(owner.number, path, &record, 0) != 0 { throw Errno(rawValue: Glibc.errno) }
        return Int(record.st_nlink)
    }
}

// SPDX-License-Identifier: MIT
import Glibc
public import LinuxSystem
public import SystemPackage

/// The running system's file system: every function is the system call that its requirement names.
public struct LinuxFileSystem: ConfigFileSystem {
    /// How long a lock is waited for, in seconds.
    public var lockTimeout: Int

    public init(lockTimeout: Int = 10) { self.lockTimeout = lockTimeout }

    public func makeDirectory(_ path: FilePath) throws(Errno) {
        // unsafe: the C string lives for the call.
        try check(unsafe path.withPlatformString { unsafe mkdir($0, 0o755) })
    }

    public func removeDirectory(_ path: FilePath) throws(Errno) {
        // unsafe: the C string lives for the call.
        try check(unsafe path.withPlatformString { unsafe rmdir($0) })
    }

    public func link(_ path: FilePath, to target: FilePath) throws(Errno) {
        // unsafe: both C strings live for the call.
        let result = unsafe target.withPlatformString { old in
            unsafe path.withPlatformString { new in unsafe symlink(old, new) }
        }
        try check(result)
    }

    public func unlink(_ path: FilePath) throws(Errno) {
        // unsafe: the C string lives for the call.
        try check(unsafe path.withPlatformString { unsafe Glibc.unlink($0) })
    }

    public func read(_ path: FilePath) throws(Errno) -> String {
        try withDescriptor(path, .readOnly) { descriptor in
            var bytes: [UInt8] = []
            var count = 0
            repeat {
                var block = [UInt8](repeating: 0, count: 16384)
                count = try unsafe block.withUnsafeMutableBytes { try unsafe descriptor.read(into: $0) }
                bytes += block.prefix(count)
            } while count > 0
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    public func write(_ value: String, to path: FilePath) throws(Errno) {
        let bytes = Array(value.utf8)
        let count = try withDescriptor(path, .writeOnly) { descriptor in
            try unsafe bytes.withUnsafeBytes { try unsafe descriptor.write($0) }
        }
        if count != bytes.count { throw .ioError }
    }

    public func createFile(_ path: FilePath, size: Int64) throws(Errno) {
        let options: FileDescriptor.OpenOptions = [.create, .exclusiveCreate, .closeOnExec]
        let descriptor: FileDescriptor
        do {
            descriptor = try .open(path, .writeOnly, options: options, permissions: .ownerReadWrite)
        } catch {
            throw errno(of: error)
        }
        do {
            try descriptor.closeAfter { try descriptor.resize(to: size) }
        } catch {
            let cause = errno(of: error)
            do throws(Errno) {
                try unlink(path)
            } catch {
                if error != .noSuchFileOrDirectory { throw error }
            }
            throw cause
        }
    }

    public func claim(_ device: FilePath) throws(Errno) {
        try withDescriptor(device, .readOnly, [.exclusiveCreate]) { _ in }
    }

    public func checkWritable(_ path: FilePath) throws(Errno) {
        // unsafe: the C string lives for the call.
        try check(unsafe path.withPlatformString { unsafe faccessat(AT_FDCWD, $0, W_OK, AT_EACCESS) })
    }

    private func check(_ result: CInt) throws(Errno) {
        if result != 0 { throw Errno(rawValue: Glibc.errno) }
    }

    private func withDescriptor<Result>(
        _ path: FilePath,
        _ mode: FileDescriptor.AccessMode,
        _ options: FileDescriptor.OpenOptions = [],
        _ body: (FileDescriptor) throws -> Result
    ) throws(Errno) -> Result {
        do {
            let descriptor = try FileDescriptor.open(path, mode, options: options.union(.closeOnExec))
            return try descriptor.closeAfter { try body(descriptor) }
        } catch {
            throw errno(of: error)
        }
    }

    private func errno(of error: any Error) -> Errno { error as? Errno ?? .ioError }
}

extension LinuxFileSystem {
    public func list(_ path: FilePath) throws(Errno) -> [(name: String, kind: FileStatus.Kind)] {
        // unsafe: the stream is closed on every way out, and an entry is copied before the next is read.
        guard let stream = unsafe path.withPlatformString({ unsafe opendir($0) }) else {
            throw Errno(rawValue: Glibc.errno)
        }
        defer { unsafe closedir(stream) }
        var entries: [(name: String, kind: FileStatus.Kind)] = []
        Glibc.errno = 0
        while let entry = unsafe readdir(stream) {
            let kind = Self.kind(ofEntryType: CInt(unsafe entry.pointee.d_type))
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { entries.append((name, kind)) }
        }
        try check(Glibc.errno)
        return entries.sorted { $0.name < $1.name }
    }

    public func status(_ path: FilePath) throws(Errno) -> FileStatus {
        var record = stat()
        // unsafe: the C string lives for the call, and the kernel fills the whole record.
        try check(unsafe path.withPlatformString { unsafe stat($0, &record) })
        let kinds: [mode_t: FileStatus.Kind] = [
            S_IFDIR: .directory, S_IFREG: .file, S_IFLNK: .link, S_IFBLK: .blockDevice,
        ]
        let kind = kinds[record.st_mode & S_IFMT] ?? .other
        let identity =
            kind == .blockDevice
            ? FileStatus.Identity(device: UInt64(record.st_rdev), inode: 0)
            : FileStatus.Identity(device: UInt64(record.st_dev), inode: UInt64(record.st_ino))
        return FileStatus(kind: kind, size: Int64(record.st_size), identity: identity)
    }

    public func linkTarget(_ path: FilePath) throws(Errno) -> FilePath {
        var bytes = [CChar](repeating: 0, count: Int(PATH_MAX))
        // unsafe: readlink stays within the count that it is given.
        let count = unsafe path.withPlatformString { name in
            unsafe bytes.withUnsafeMutableBufferPointer { buffer in
                guard let start = buffer.baseAddress else { return -1 }
                return unsafe readlink(name, start, buffer.count)
            }
        }
        guard count >= 0 else { throw Errno(rawValue: Glibc.errno) }
        return FilePath(String(decoding: bytes.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self))
    }

    private static func kind(ofEntryType type: CInt) -> FileStatus.Kind {
        switch type {
        case CInt(DT_DIR): .directory
        case CInt(DT_REG): .file
        case CInt(DT_LNK): .link
        case CInt(DT_BLK): .blockDevice
        default: .other
        }
    }
}

extension LinuxFileSystem {
    public func withLock<Result>(
        on paths: [FilePath],
        _ body: () throws(OperationError) -> Result
    ) throws(OperationError) -> Result {
        guard let path = paths.first else { return try body() }
        let rest = Array(paths.dropFirst())
        guard let descriptor = try openForLock(path) else { return try withLock(on: rest, body) }
        // close(2) gives the lock back; it reports nothing that could still be acted on.
        defer { _ = Glibc.close(descriptor.rawValue) }
        try waitForLock(descriptor, path)
        return try withLock(on: rest, body)
    }

    private func openForLock(_ path: FilePath) throws(OperationError) -> FileDescriptor? {
        do {
            return try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
        } catch Errno.noSuchFileOrDirectory {
            return nil
        } catch {
            throw OperationError("lock", path.string, errno: errno(of: error))
        }
    }

    private func waitForLock(_ descriptor: FileDescriptor, _ path: FilePath) throws(OperationError) {
        for remaining in stride(from: lockTimeout * 20, through: 0, by: -1) {
            if flock(descriptor.rawValue, LOCK_EX | LOCK_NB) == 0 { return }
            let cause = Errno(rawValue: Glibc.errno)
            guard cause == .wouldBlock || cause == .interrupted else {
                throw OperationError("lock", path.string, errno: cause)
            }
            if remaining > 0 { usleep(50_000) }
        }
        throw OperationError(
            "lock",
            path.string,
            errno: .wouldBlock,
            cause: "another process has been changing targets for \(lockTimeout) s",
            hint: "find it with: fuser -v \(path)"
        )
    }
}

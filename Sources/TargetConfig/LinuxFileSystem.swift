// SPDX-License-Identifier: MIT
import Glibc
public import LinuxSystem
public import SystemPackage

/// The running system's file system: every function is the system call that its requirement names.
public struct LinuxFileSystem: ConfigFileSystem {
    public init() {}

    public func makeDirectory(_ path: FilePath) throws(Errno) { try path.makeDirectory() }

    public func removeDirectory(_ path: FilePath) throws(Errno) { try path.removeDirectory() }

    public func link(_ path: FilePath, to target: FilePath) throws(Errno) {
        try path.makeSymbolicLink(to: target.string)
    }

    public func unlink(_ path: FilePath) throws(Errno) { try path.removeFile() }

    public func read(_ path: FilePath) throws(Errno) -> String {
        try Errno.narrow { try path.readText() }
    }

    public func readAttribute(_ path: FilePath) throws(Errno) -> String {
        // No attribute is longer than a page.
        let bytes = try withDescriptor(path, .readOnly) { try $0.readBytes(upTo: 4096) }
        return String(decoding: bytes, as: UTF8.self)
    }

    public func write(_ value: String, to path: FilePath) throws(Errno) {
        let bytes = Array(value.utf8)
        let count = try withDescriptor(path, .writeOnly) { try $0.writeSome(bytes[...]) }
        if count != bytes.count { throw .ioError }
    }

    public func createFile(_ path: FilePath, size: Int64) throws(Errno) {
        let options: FileDescriptor.OpenOptions = [.create, .exclusiveCreate, .closeOnExec]
        let descriptor = try Errno.narrow {
            try FileDescriptor.open(path, .writeOnly, options: options, permissions: .ownerReadWrite)
        }
        do throws(Errno) {
            try Errno.narrow { try descriptor.closeAfter { try descriptor.resize(to: size) } }
        } catch {
            let cause = error
            do throws(Errno) {
                try unlink(path)
            } catch {
                if error != .noSuchFileOrDirectory { throw error }
            }
            throw cause
        }
    }

    public func replace(_ path: FilePath, with text: String) throws(Errno) {
        try Errno.narrow { try path.replace(with: text.utf8) }
    }

    public func claim(_ device: FilePath) throws(Errno) {
        try withDescriptor(device, .readOnly, [.exclusiveCreate]) { _ in }
    }

    public func checkWritable(_ path: FilePath) throws(Errno) {
        // unsafe: the C string lives for the call.
        try check(unsafe path.withPlatformString { unsafe faccessat(AT_FDCWD, $0, W_OK, AT_EACCESS) })
    }

    public func directory(_ path: FilePath) throws(Errno) -> any ConfigDirectory {
        LinuxDirectory(opened: try OpenDirectory(path))
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
        return FileStatus(
            kind: kind,
            size: Int64(record.st_size),
            isEmpty: record.st_blocks == 0,
            identity: identity
        )
    }

    public func linkTarget(_ path: FilePath) throws(Errno) -> FilePath { try path.linkTarget() }

    private func check(_ result: CInt) throws(Errno) {
        if result != 0 { throw Errno(rawValue: Glibc.errno) }
    }

    private func withDescriptor<Result>(
        _ path: FilePath,
        _ mode: FileDescriptor.AccessMode,
        _ options: FileDescriptor.OpenOptions = [],
        _ body: (FileDescriptor) throws -> Result
    ) throws(Errno) -> Result {
        try Errno.narrow {
            // What close(2) reports is left alone: it would pass for a failure of what was done before.
            let owner = OwnedDescriptor(
                adopting: try FileDescriptor.open(path, mode, options: options.union(.closeOnExec))
            )
            return try body(owner.descriptor)
        }
    }
}

extension FileStatus.Kind {
    /// - Parameter entryType: one of `DT_DIR`, `DT_REG` and so on.
    init(entryType: CInt) {
        switch entryType {
        case CInt(DT_DIR): self = .directory
        case CInt(DT_REG): self = .file
        case CInt(DT_LNK): self = .link
        case CInt(DT_BLK): self = .blockDevice
        default: self = .other
        }
    }
}

extension LinuxFileSystem {
    public func withLock<Result>(
        on paths: [FilePath],
        waiting seconds: Int,
        _ body: () throws(OperationError) -> Result
    ) throws(OperationError) -> Result {
        guard let path = paths.first else { return try body() }
        let rest = Array(paths.dropFirst())
        guard let descriptor = try openForLock(path) else {
            return try withLock(on: rest, waiting: seconds, body)
        }
        // close(2) gives the lock back; it reports nothing that could still be acted on.
        defer { _ = Glibc.close(descriptor.rawValue) }
        try waitForLock(descriptor, path, seconds)
        return try withLock(on: rest, waiting: seconds, body)
    }

    private func openForLock(_ path: FilePath) throws(OperationError) -> FileDescriptor? {
        do throws(Errno) {
            return try Errno.narrow { try FileDescriptor.open(path, .readOnly, options: .closeOnExec) }
        } catch .noSuchFileOrDirectory {
            return nil
        } catch {
            throw OperationError("lock", path.string, errno: error)
        }
    }

    private func waitForLock(_ descriptor: FileDescriptor, _ path: FilePath, _ seconds: Int)
        throws(OperationError)
    {
        for remaining in stride(from: seconds * 20, through: 0, by: -1) {
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
            cause: "another process has been changing targets for \(seconds) s",
            hint: "find it with: fuser -v \(path)"
        )
    }
}

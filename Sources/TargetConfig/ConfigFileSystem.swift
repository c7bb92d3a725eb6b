// SPDX-License-Identifier: MIT
public import LinuxSystem
public import SystemPackage

/// What a path names, as far as provisioning cares.
public struct FileStatus: Equatable, Sendable {
    public enum Kind: Sendable {
        case directory, file, link, blockDevice, other
    }

    public var kind: Kind
    /// The size in bytes of a regular file.
    public var size: Int64
    /// True for a file that takes no block: nothing was ever written to it.
    public var isEmpty: Bool
    /// The same for every path that leads to the same file or device.
    public var identity: Identity

    /// A file's `st_dev` and `st_ino`; a block device's `st_rdev` and 0, which no file has.
    public struct Identity: Hashable, Sendable {
        public var device: UInt64
        public var inode: UInt64

        public init(device: UInt64, inode: UInt64) { (self.device, self.inode) = (device, inode) }
    }

    public init(
        kind: Kind,
        size: Int64 = 0,
        isEmpty: Bool = false,
        identity: Identity
    ) {
        (self.kind, self.size, self.isEmpty, self.identity) = (kind, size, isEmpty, identity)
    }
}

/// The seam between provisioning and the kernel: one system call each, one `Errno` when it fails.
///
/// `LinuxFileSystem` is the real one. Tests give one in memory that answers with the kernel's error numbers.
public protocol ConfigFileSystem: Sendable {
    /// `mkdir(2)`.
    func makeDirectory(_ path: FilePath) throws(Errno)
    /// `rmdir(2)`.
    func removeDirectory(_ path: FilePath) throws(Errno)
    /// `symlink(2)`; configfs looks `target` up at once, so it is absolute.
    func link(_ path: FilePath, to target: FilePath) throws(Errno)
    /// `unlink(2)`.
    func unlink(_ path: FilePath) throws(Errno)
    /// The whole of a small file.
    func read(_ path: FilePath) throws(Errno) -> String
    /// One `read(2)`: configfs gives an attribute's value in one piece.
    func readAttribute(_ path: FilePath) throws(Errno) -> String
    /// One `write(2)`: configfs takes an attribute's value in one piece.
    func write(_ value: String, to path: FilePath) throws(Errno)
    /// `open(2)`.
    func directory(_ path: FilePath) throws(Errno) -> any ConfigDirectory
    /// `stat(2)`.
    func status(_ path: FilePath) throws(Errno) -> FileStatus
    /// `readlink(2)`.
    func linkTarget(_ path: FilePath) throws(Errno) -> FilePath
    /// A new sparse file of `size` bytes, for its owner only; `EEXIST` when there is one.
    func createFile(_ path: FilePath, size: Int64) throws(Errno)
    /// Puts a whole file in its place in one step, kept across a crash: `fsync(2)` and `rename(2)`.
    func replace(_ path: FilePath, with text: String) throws(Errno)
    /// Opens a block device for itself alone and lets go of it: `EBUSY` when it is mounted or claimed.
    func claim(_ device: FilePath) throws(Errno)
    /// `access(2)` for writing.
    func checkWritable(_ path: FilePath) throws(Errno)
    /// Runs `body` while no other process holds the advisory locks on `paths`, each of which is waited for so long; those
    /// that are absent are left out.
    func withLock<Result>(
        on paths: [FilePath],
        waiting seconds: Int,
        _ body: () throws(OperationError) -> Result
    ) throws(OperationError) -> Result
}

extension ConfigFileSystem {
    /// The names in a directory with what each is, in the order of the names.
    public func list(_ path: FilePath) throws(Errno) -> [(name: String, kind: FileStatus.Kind)] {
        try directory(path).list()
    }

    /// What is at `path`, or nil where nothing is.
    func statusIfPresent(_ path: FilePath) throws(Errno) -> FileStatus? {
        do throws(Errno) {
            return try status(path)
        } catch .noSuchFileOrDirectory {
            return nil
        }
    }
}

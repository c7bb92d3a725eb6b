// SPDX-License-Identifier: MIT
import LinuxSystem
public import SystemPackage

/// A directory that is open. Paths are relative to it: what is below it is looked up from there.
public protocol ConfigDirectory {
    /// `openat(2)`.
    func directory(_ path: String) throws(Errno) -> any ConfigDirectory
    /// The names in it with what each is, in the order of the names.
    func list() throws(Errno) -> [(name: String, kind: FileStatus.Kind)]
    /// One `read(2)`: configfs gives an attribute's value in one piece.
    func readAttribute(_ path: String) throws(Errno) -> [UInt8]
    /// `readlinkat(2)`.
    func linkTarget(_ path: String) throws(Errno) -> String
    /// How many directories are in the directory at `path`, where the file system counts them as links.
    func directoryCount(_ path: String) throws(Errno) -> Int
}

/// One of the running system's.
struct LinuxDirectory: ConfigDirectory {
    let opened: OpenDirectory

    func directory(_ path: String) throws(Errno) -> any ConfigDirectory {
        LinuxDirectory(opened: try opened.directory(path))
    }

    func list() throws(Errno) -> [(name: String, kind: FileStatus.Kind)] {
        try opened.entries().map { ($0.name, FileStatus.Kind(entryType: $0.type)) }
    }

    func readAttribute(_ path: String) throws(Errno) -> [UInt8] { try opened.readOnce(path) }

    func linkTarget(_ path: String) throws(Errno) -> String { try opened.linkTarget(path) }

    func directoryCount(_ path: String) throws(Errno) -> Int { max(0, try opened.linkCount(path) - 2) }
}

/// A directory below `target` that is open, with its path for what is said about it. What is absent is nil.
struct TreeDirectory {
    let path: String
    private let opened: any ConfigDirectory

    fileprivate init?(
        _ path: String,
        _ open: () throws(Errno) -> any ConfigDirectory
    ) throws(OperationError) {
        guard let opened = try Self.look(at: path, open) else { return nil }
        (self.path, self.opened) = (path, opened)
    }

    func directory(_ name: String) throws(OperationError) -> TreeDirectory? {
        try TreeDirectory(path + "/" + name) { () throws(Errno) in try opened.directory(name) }
    }

    func entries() throws(OperationError) -> [(name: String, kind: FileStatus.Kind)] {
        try Self.look(at: path) { () throws(Errno) in try opened.list() } ?? []
    }

    /// The names of the directories in it.
    func directories() throws(OperationError) -> [String] {
        try entries().compactMap { $0.kind == .directory ? $0.name : nil }
    }

    func linkTarget(_ name: String) throws(OperationError) -> String? {
        try Self.look(at: path + "/" + name) { () throws(Errno) in try opened.linkTarget(name) }
    }

    func directoryCount(_ name: String) throws(OperationError) -> Int? {
        try Self.look(at: path + "/" + name) { () throws(Errno) in try opened.directoryCount(name) }
    }

    /// An attribute as the kernel gives it.
    func bytes(_ name: String) throws(OperationError) -> [UInt8]? {
        try Self.look(at: path + "/" + name) { () throws(Errno) in try opened.readAttribute(name) }
    }

    /// An attribute's value without its line end; nil where it is absent or has none yet.
    func attribute(_ name: String) throws(OperationError) -> String? {
        let value = try Self.look(at: path + "/" + name) { () throws(Errno) -> [UInt8]? in
            do throws(Errno) {
                return try opened.readAttribute(name)
            } catch .operationNotSupportedByDevice {
                // A nexus that is not set.
                return nil
            } catch .permissionDenied {
                // It can only be written, or only root may read it.
                return nil
            }
        }
        guard let bytes = value ?? nil else { return nil }
        return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != 0 }, as: UTF8.self)
    }

    private static func look<Value>(
        at path: @autoclosure () -> String,
        _ body: () throws(Errno) -> Value
    ) throws(OperationError) -> Value? {
        do throws(Errno) {
            return try body()
        } catch .noSuchFileOrDirectory {
            return nil
        } catch {
            throw OperationError("read", path(), errno: error)
        }
    }
}

extension TargetTree {
    /// A directory below `target`; nil where it is absent.
    func open(_ path: String) throws(OperationError) -> TreeDirectory? {
        try TreeDirectory(path) { () throws(Errno) in try fileSystem.directory(base.pushing(FilePath(path))) }
    }

    /// The entries of a directory below `target`; none where it is absent.
    func entries(_ path: FilePath) throws(OperationError) -> [(name: String, kind: FileStatus.Kind)] {
        try open(path.string)?.entries() ?? []
    }

    /// An attribute's value without its line end; nil where it is absent or has none yet.
    func attribute(_ path: FilePath) throws(OperationError) -> String? {
        try open(path.removingLastComponent().string)?.attribute(path.lastComponent?.string ?? "")
    }
}

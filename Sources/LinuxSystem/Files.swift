// SPDX-License-Identifier: MIT
import CLinux
import Glibc
public import SystemPackage

extension FileDescriptor {
    /// What one `read` returns, at most `count` bytes; empty at the end of the file.
    public func readBytes(upTo count: Int) throws -> [UInt8] { try readSome(upTo: count) }

    /// The same with a typed error, which costs a loop nothing where there is nothing to read.
    ///
    /// - Parameter offset: from where in the file, by `pread`; from where the last one ended when nil.
    public func readSome(upTo count: Int, at offset: Int? = nil) throws(Errno) -> [UInt8] {
        var failure: Errno?
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            var result: Int
            // Both calls fill the buffer from its start and return how far.
            repeat {
                if let offset {
                    result = unsafe Glibc.pread(rawValue, buffer.baseAddress, buffer.count, offset)
                } else {
                    result = unsafe Glibc.read(rawValue, buffer.baseAddress, buffer.count)
                }
            } while result < 0 && Glibc.errno == EINTR
            if result < 0 { failure = Errno(rawValue: Glibc.errno) } else { initialized = result }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Writes as much as one `write` takes.
    ///
    /// - Returns: how many of `bytes`, counted from the first, were written.
    public func writeSome(_ bytes: ArraySlice<UInt8>) throws -> Int {
        // The pointer does not outlive the call.
        try unsafe bytes.withUnsafeBytes { try unsafe write($0) }
    }
}

extension FileDescriptor {
    /// The path of what is open, without links, as `/proc/self/fd` has it; the corresponding C function is `readlink`.
    public func path() throws(Errno) -> FilePath {
        var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
        // The array has the room that is told.
        let count = unsafe readlink("/proc/self/fd/\(rawValue)", &bytes, bytes.count)
        if count < 0 { throw Errno(rawValue: Glibc.errno) }
        return FilePath(String(decoding: bytes.prefix(count), as: UTF8.self))
    }
}

extension FilePath {
    /// Whether something is there, followed through links; the corresponding C function is `access`.
    public var exists: Bool { unsafe access(string, F_OK) == 0 }

    /// Whether a directory is there, followed through links; only a directory has an entry for itself.
    public var isDirectory: Bool { appending(".").exists }

    /// The names in a directory, sorted, without `.` and `..`; the corresponding system call is `getdents64`.
    public func entryNames() throws(Errno) -> [String] { try entries().map(\.name) }

    /// The names in a directory, sorted, without `.` and `..`, each with its type, which is one of `DT_DIR`, `DT_REG` and
    /// so on; the corresponding system call is `getdents64`.
    public func entries() throws(Errno) -> [(name: String, type: CInt)] {
        try OpenDirectory(self).entries()
    }

    /// Makes a directory; the corresponding C function is `mkdir`.
    public func makeDirectory(mode: UInt32 = 0o755) throws(Errno) {
        if unsafe mkdir(string, mode) != 0 { throw Errno(rawValue: Glibc.errno) }
    }

    /// The whole file's bytes, read to its end: files of procfs and sysfs do not know their size.
    public func readAll() throws -> [UInt8] {
        let file = try FileDescriptor.open(self, .readOnly, options: .closeOnExec)
        return try file.closeAfter {
            var bytes: [UInt8] = []
            while true {
                let chunk = try file.readBytes(upTo: 65536)
                if chunk.isEmpty { return bytes }
                bytes += chunk
            }
        }
    }

    /// The whole file as text.
    public func readText() throws -> String { String(decoding: try readAll(), as: UTF8.self) }

    /// The program that a shell would start for `name`, looked for also where the system's own tools are.
    public static func locate(program name: String) -> FilePath? {
        if name.contains("/") { return FilePath(name).exists ? FilePath(name) : nil }
        let path = SystemCalls.environmentValue("PATH") ?? ""
        let directories =
            path.split(separator: ":").map(String.init) + ["/usr/sbin", "/usr/bin", "/sbin", "/bin"]
        return directories.lazy.map { FilePath($0).appending(name) }.first { $0.exists }
    }

    /// When its content last changed, in seconds since 1970; the corresponding C function is `stat`.
    public func modificationTime() throws(Errno) -> Int { try stat().rawValue.st_mtim.tv_sec }

    /// Makes this moment the time of its last change; the corresponding C function is `utimes`.
    public func touch() throws(Errno) {
        if unsafe utimes(string, nil) != 0 { throw Errno(rawValue: Glibc.errno) }
    }

    /// Whether it is a UNIX socket, which an open file never is; the corresponding C function is `stat`.
    public func isSocket() throws(Errno) -> Bool { try stat().type == .socket }

    /// How much room its file system has for this user, in bytes; the corresponding C function is `statvfs`.
    public func freeBytes() throws(Errno) -> Int {
        var bytes: UInt = 0
        // A C string and a number for as long as the call.
        if unsafe ringside_free_bytes(string, &bytes) != 0 { throw Errno(rawValue: Glibc.errno) }
        return Int(bytes)
    }

    /// The path with what is before its last name resolved, which needs no right but to pass through.
    public func inResolvedDirectory() throws(Errno) -> FilePath {
        guard let name = lastComponent else { throw .isDirectory }
        let parent = removingLastComponent()
        // O_PATH, which the library's module leaves out.
        let options = FileDescriptor.OpenOptions(rawValue: 0o10000000).union([.directory, .closeOnExec])
        let opened = try Errno.narrow {
            try FileDescriptor.open(parent.isEmpty ? "." : parent, .readOnly, options: options)
        }
        let directory = OwnedDescriptor(adopting: opened)
        return try directory.descriptor.path().appending(name)
    }

    /// The path without links; the corresponding C function is `realpath`.
    public func resolved() throws(Errno) -> FilePath {
        guard let path = unsafe realpath(string, nil) else { throw Errno(rawValue: Glibc.errno) }
        defer { unsafe free(path) }
        return FilePath(unsafe String(cString: path))
    }

    /// Makes a directory and those above it that are missing.
    public func makeDirectories() throws(Errno) {
        if exists || isEmpty { return }
        try removingLastComponent().makeDirectories()
        do {
            try makeDirectory()
        } catch Errno.fileExists {
            // Somebody else was faster.
        }
    }

    /// Makes a directory with a new name; the C function is `mkdtemp`.
    ///
    /// - Parameter parent: where; nil is the directory for temporary files.
    public static func makeTemporaryDirectory(prefix: String, in parent: FilePath? = nil) throws(Errno)
        -> FilePath
    {
        let parent = parent ?? FilePath(SystemCalls.environmentValue("TMPDIR") ?? "/tmp")
        guard let template = unsafe strdup(parent.appending("\(prefix).XXXXXX").string) else {
            throw .noMemory
        }
        defer { unsafe free(template) }
        guard unsafe mkdtemp(template) != nil else { throw Errno(rawValue: Glibc.errno) }
        return FilePath(unsafe String(cString: template))
    }

    /// Makes a file of zeroes that take no space yet; the corresponding C functions are `open` and `ftruncate`.
    ///
    /// - Throws: `EEXIST` where there is something by that name.
    public func makeFile(byteCount: Int64) throws(Errno) {
        let file = try Errno.narrow {
            try FileDescriptor.open(
                self,
                .writeOnly,
                options: [.create, .exclusiveCreate, .closeOnExec],
                permissions: .ownerReadWrite
            )
        }
        let owner = OwnedDescriptor(adopting: file)
        try Errno.narrow { try owner.descriptor.resize(to: byteCount) }
    }

    /// Removes a file, or a directory with all that is in it; links are removed, not followed.
    public func removeTree() throws(Errno) {
        do {
            try removeFile()
        } catch .isDirectory {
            for name in try entryNames() { try appending(name).removeTree() }
            try removeDirectory()
        }
    }

    /// Removes a directory with nothing in it; the corresponding C function is `rmdir`.
    public func removeDirectory() throws(Errno) {
        if unsafe rmdir(string) != 0 { throw Errno(rawValue: Glibc.errno) }
    }

    /// Removes a file or a link; the corresponding C function is `unlink`.
    public func removeFile() throws(Errno) {
        if unsafe unlink(string) != 0 { throw Errno(rawValue: Glibc.errno) }
    }

    /// What a symbolic link holds; the corresponding C function is `readlink`.
    public func linkTarget() throws(Errno) -> FilePath {
        var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
        // readlink stays within the count that it is given.
        let count = unsafe bytes.withUnsafeMutableBytes { buffer in
            guard let start = buffer.baseAddress else { return -1 }
            return unsafe readlink(string, start.assumingMemoryBound(to: CChar.self), buffer.count)
        }
        if count < 0 { throw Errno(rawValue: Glibc.errno) }
        return FilePath(String(decoding: bytes.prefix(count), as: UTF8.self))
    }

    /// Writes a whole file under another name, makes the disk keep it, and puts it in its place in one step: after a crash
    /// either the old content is there or the new; the C functions are `fsync` and `rename`.
    public func replace(with bytes: some Sequence<UInt8>, permissions: FilePermissions = .ownerReadWrite)
        throws
    {
        let unfinished = FilePath("\(string).\(getpid())")
        do {
            let options: FileDescriptor.OpenOptions = [.create, .truncate, .closeOnExec]
            let file = try FileDescriptor.open(
                unfinished,
                .writeOnly,
                options: options,
                permissions: permissions
            )
            try file.closeAfter {
                _ = try file.writeAll(bytes)
                if fsync(file.rawValue) != 0 { throw Errno(rawValue: Glibc.errno) }
            }
            try unfinished.rename(to: self)
        } catch {
            do throws(Errno) { try unfinished.removeFile() } catch { /* It was not made. */  }
            throw error
        }
        let parent = removingLastComponent()
        let directory = try FileDescriptor.open(
            parent.isEmpty ? "." : parent,
            .readOnly,
            options: [.directory, .closeOnExec]
        )
        try directory.closeAfter {
            if fsync(directory.rawValue) != 0 { throw Errno(rawValue: Glibc.errno) }
        }
    }

    /// Gives a file another name in the same file system, over any that has it; the C function is `rename`.
    public func rename(to other: FilePath) throws(Errno) {
        if unsafe Glibc.rename(string, other.string) != 0 { throw Errno(rawValue: Glibc.errno) }
    }

    /// Makes a symbolic link here that leads to `target`; the C function is `symlink`.
    public func makeSymbolicLink(to target: String) throws(Errno) {
        if unsafe symlink(target, string) != 0 { throw Errno(rawValue: Glibc.errno) }
    }

    /// Writes a whole file, made with `permissions` where it is new.
    public func write(
        _ bytes: some Sequence<UInt8>,
        permissions: FilePermissions = [.ownerReadWrite, .groupRead, .otherRead]
    ) throws {
        let file = try FileDescriptor.open(
            self,
            .writeOnly,
            options: [.create, .truncate, .closeOnExec],
            permissions: permissions
        )
        try file.closeAfter { _ = try file.writeAll(bytes) }
    }
}

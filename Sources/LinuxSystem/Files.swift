// SPDX-License-Identifier: MIT
import Glibc
public import SystemPackage

extension FileDescriptor {
    /// What one `read` returns, at most `count` bytes; empty at the end of the file.
    public func readBytes(upTo count: Int) throws -> [UInt8] {
        try unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            // read fills the buffer from its start and returns how far.
            initialized = try unsafe read(into: UnsafeMutableRawBufferPointer(buffer))
        }
    }

    /// Writes as much as one `write` takes.
    ///
    /// - Returns: how many of `bytes`, counted from the first, were written.
    public func writeSome(_ bytes: ArraySlice<UInt8>) throws -> Int {
        // The pointer does not outlive the call.
        try unsafe bytes.withUnsafeBytes { try unsafe write($0) }
    }
}

extension FilePath {
    /// Whether something is there, followed through links; the corresponding C function is `access`.
    public var exists: Bool { unsafe access(string, F_OK) == 0 }

    /// The names in a directory, sorted, without `.` and `..`; the corresponding C functions are `opendir` and `readdir`.
    public func entryNames() throws(Errno) -> [String] {
        guard let directory = unsafe opendir(string) else { throw Errno(rawValue: Glibc.errno) }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        // The entry is valid until the next readdir; its name is copied at once.
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { name in
                unsafe String(cString: UnsafeRawPointer(name).assumingMemoryBound(to: CChar.self))
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
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
}

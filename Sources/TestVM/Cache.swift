// SPDX-License-Identifier: MIT
import LinuxSystem
public import SystemPackage

/// Files that are expensive to make, kept under a name that is the digest of what they were made from.
public struct Cache: Sendable {
    /// Where the files are.
    public var directory: FilePath

    /// `$XDG_CACHE_HOME/ringside`, or `~/.cache/ringside`.
    public init() {
        let base = SystemCalls.environmentValue("XDG_CACHE_HOME").map { FilePath($0) }
        let home = FilePath(SystemCalls.environmentValue("HOME") ?? "/root")
        directory = (base ?? home.appending(".cache")).appending("ringside")
    }

    public init(directory: FilePath) { self.directory = directory }

    /// A file of this kind and digest, made by `make` at the path that it is given when there is none yet.
    ///
    /// - Parameter limit: how many of one kind are kept.
    /// - Returns: its path, and whether it had to be made.
    func file(
        _ kind: String,
        digest: String,
        limit: Int = 12,
        make: (FilePath) async throws -> Void
    ) async throws -> (FilePath, isNew: Bool) {
        let path = directory.appending("\(kind)-\(digest.prefix(32))")
        if path.exists {
            keep(path)
            return (path, false)
        }
        do {
            try directory.makeDirectories()
            try makeRoom(for: kind, limit: limit)
        } catch {
            throw OperationError("keep", path.string, errno: error)
        }
        // Several machines of one process may make the same at a time.
        let unfinished = FilePath("\(path).\(SystemCalls.processID).\(UInt32.random(in: 0...UInt32.max))")
        let sweeper = try Sweeper(unfinished)
        defer { sweeper.dismiss() }
        do {
            try await make(unfinished)
            try unfinished.rename(to: path)
        } catch {
            if unfinished.exists { try unfinished.removeTree() }
            // Who was faster made the same directory.
            if let errno = error as? Errno, [.directoryNotEmpty, .fileExists].contains(errno) {
                return (path, false)
            }
            if let errno = error as? Errno { throw OperationError("make", path.string, errno: errno) }
            throw error
        }
        return (path, true)
    }

    /// A line about this host that holds until it boots again, made by `make` when there is none yet.
    func line(_ kind: String, make: () -> String) async throws -> String {
        guard let boot = try Self.bootIdentifier else { return make() }
        let (file, _) = try await file(kind, digest: boot) { try $0.write(make().utf8) }
        return try file.readText()
    }

    /// Names this boot of the host; nil where the kernel does not tell.
    static var bootIdentifier: String? {
        get throws {
            let file: FilePath = "/proc/sys/kernel/random/boot_id"
            return file.exists ? try file.readText().filter { $0.isHexDigit } : nil
        }
    }

    /// Puts off a file's removal: what was not used for the longest time goes first.
    func keep(_ file: FilePath) {
        // In a cache that may only be read, nothing is removed either.
        _ = Result { () throws(Errno) in try file.touch() }
    }

    /// Makes room for one more file of a kind, and removes what a process has begun to make that is not there any more.
    private func makeRoom(for kind: String, limit: Int) throws(Errno) {
        var dated: [(FilePath, Int)] = []
        for name in try directory.entryNames() where name.hasPrefix("\(kind)-") {
            let parts = name.split(separator: ".")
            if parts.count == 1 {
                try unlessGone { () throws(Errno) in
                    let file = directory.appending(name)
                    dated.append((file, try file.modificationTime()))
                }
            } else if !FilePath("/proc").appending(String(parts[1])).exists {
                try unlessGone { () throws(Errno) in try directory.appending(name).removeTree() }
            }
        }
        for (file, _) in dated.sorted(by: { $0.1 > $1.1 }).dropFirst(limit - 1) {
            try unlessGone { () throws(Errno) in try file.removeTree() }
        }
    }

    /// Another process may be removing the same files.
    private func unlessGone(_ body: () throws(Errno) -> Void) throws(Errno) {
        do throws(Errno) { try body() } catch .noSuchFileOrDirectory {}
    }

    /// The SHA-256 of each file, in hexadecimal.
    static func digests(of files: [FilePath]) async throws -> [String] {
        if files.isEmpty { return [] }
        // A name with a backslash or a newline makes sha256sum put a backslash first, which --zero prevents.
        let output = try await HostTool.sha256sum.run(["--zero", "--"] + files.map(\.string))
        return output.split(separator: "\0").map { String($0.prefix(64)) }
    }

    /// The SHA-256 of a text, in hexadecimal.
    static func digest(of text: String) async throws -> String {
        String(try await HostTool.sha256sum.run([], input: text).prefix(64))
    }
}

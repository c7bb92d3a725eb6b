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
        if path.exists { return (path, false) }
        do {
            try directory.makeDirectories()
            try dropOldest(kind, limit: limit)
        } catch {
            throw OperationError("keep", path.string, errno: error)
        }
        let unfinished = FilePath("\(path).\(SystemCalls.processID)")
        do {
            try await make(unfinished)
            try unfinished.rename(to: path)
        } catch {
            if unfinished.exists { try unfinished.removeTree() }
            if let errno = error as? Errno { throw OperationError("make", path.string, errno: errno) }
            throw error
        }
        return (path, true)
    }

    /// Makes room for one more file of a kind: those that were made first go.
    private func dropOldest(_ kind: String, limit: Int) throws(Errno) {
        let files = try directory.entryNames().filter { $0.hasPrefix("\(kind)-") }.map {
            directory.appending($0)
        }
        var dated: [(FilePath, Int)] = []
        for file in files { dated.append((file, try file.modificationTime())) }
        for (file, _) in dated.sorted(by: { $0.1 > $1.1 }).dropFirst(limit - 1) { try file.removeTree() }
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

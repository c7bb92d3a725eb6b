// SPDX-License-Identifier: MIT
import Glibc
import LinuxSystem
import SystemPackage
import Testing

@testable import TargetConfig

@Suite struct LinuxFileSystemTests {
    private let system = LinuxFileSystem()
    private let path: FilePath

    init() { path = FilePath("/tmp/ringside-file-\(getpid())-\(UInt32.random(in: 0 ... .max))") }

    private func outcome(size: Int64) -> Errno? {
        do throws(Errno) {
            try system.createFile(path, size: size)
            return nil
        } catch {
            return error
        }
    }

    @Test func aFileIsMadeOnceAndHasItsSize() throws {
        #expect(outcome(size: 4096) == nil)
        #expect(outcome(size: 8192) == .fileExists)
        #expect(try system.status(path).size == 4096)
        try system.unlink(path)
    }

    @Test func aFileThatCannotHaveItsSizeIsTakenAway() throws {
        #expect(outcome(size: -1) == .invalidArgument)
        #expect(try system.statusIfPresent(path) == nil)
    }

    @Test func aFileHasOneIdentity() throws {
        try system.createFile(path, size: 0)
        let link = FilePath("\(path)-link")
        try system.link(link, to: path)
        let spelt = FilePath("/tmp/../tmp/.").appending(path.lastComponent?.string ?? "")
        let tree = TargetTree()
        #expect(Set([path, link, spelt].map { tree.source(at: $0) }).count == 1)
        #expect(tree.source(at: path) != tree.source(at: "/tmp"))
        try system.unlink(link)
        try system.unlink(path)
        #expect(tree.source(at: path) == tree.source(at: spelt))
        #expect(tree.source(at: path) != tree.source(at: link))
    }
}

// SPDX-License-Identifier: MIT
import KernelModule
import LinuxSystem
import SystemPackage
import Testing

@Suite struct BuiltModulesTests {
    @Test func onlyWhatMakeListsWasBuilt() throws {
        let directory = try FilePath.makeTemporaryDirectory(prefix: "built")
        defer { #expect(throws: Never.self) { try directory.removeTree() } }
        #expect(try BuiltModules.all(in: directory) == [])
        try directory.appending("stale.ko").write([])
        let root = try directory.resolved()
        try directory.appending("modules.order").write("\(root)/a.ko\n\(root)/deep/b.o\nc.o\n".utf8)
        let expected = ["a.ko", "deep/b.ko", "c.ko"].map { directory.pushing(FilePath($0)) }
        #expect(try BuiltModules.all(in: directory) == expected)
    }
}

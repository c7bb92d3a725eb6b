// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing

@testable import TestVM

@Suite final class CacheTests {
    let directory: FilePath
    let cache: Cache

    init() throws {
        directory = try FilePath.makeTemporaryDirectory(prefix: "ringside-test")
        cache = Cache(directory: directory.appending("cache"))
    }

    deinit {
        do { try directory.removeTree() } catch { Issue.record("\(directory) is left behind: \(error)") }
    }

    @Test func whatWasNotUsedForLongestGoesFirst() async throws {
        func file(_ digest: String) async throws -> FilePath {
            try await cache.file("kind", digest: digest, limit: 2) { try $0.write([]) }.0
        }
        let (old, used) = (try await file("old"), try await file("used"))
        let names = [old, used].map(\.string)
        try await HostTool(name: "touch", package: "coreutils").run(["-d", "1 hour ago"] + names)
        // To be used is to be kept.
        #expect(try await file("used") == used)
        _ = try await file("new")
        #expect(try cache.directory.entryNames() == ["kind-new", "kind-used"])
    }

    @Test func whatADeadProcessBeganIsRemovedAndNothingElse() async throws {
        try cache.directory.makeDirectories()
        // The first process lives, and no number is as high as the last one.
        for name in ["kind-a.1", "kind-b.99999999", "other-c.99999999"] {
            try cache.directory.appending(name).write([])
        }
        try cache.directory.appending("kind-b.99999999.tree").makeDirectory()
        _ = try await cache.file("kind", digest: "d") { try $0.write([]) }
        #expect(try cache.directory.entryNames() == ["kind-a.1", "kind-d", "other-c.99999999"])
    }

    @Test func twoThatMakeTheSameAtOnceBothHaveIt() async throws {
        let cache = cache
        let made = try await withThrowingTaskGroup(of: (FilePath, isNew: Bool).self) { group in
            for number in 1...2 {
                group.addTask {
                    try await cache.file("kind", digest: "d") { path in
                        try path.makeDirectory()
                        try path.appending("\(number)").write([])
                        try await Task.sleep(for: .milliseconds(50))
                    }
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(made.map(\.0) == Array(repeating: cache.directory.appending("kind-d"), count: 2))
        #expect(made.count(where: \.isNew) == 1)
        #expect(try cache.directory.entryNames() == ["kind-d"])
    }

    @Test func theSameRequestIsRememberedUntilAFileChanges() async throws {
        let (source, image) = (directory.appending("source"), directory.appending("image"))
        let absent = directory.appending("absent")
        for file in [source, image] { try file.write("1".utf8) }
        try await Task.sleep(for: .milliseconds(1100))
        var options = MachineOptions(agent: "/bin/true")
        let kernel = KernelImage(release: "1", image: image, modules: directory)
        let files = Preparation.Files(image: image, initramfs: image)
        func preparation() throws -> Preparation { try Preparation(options, kernel: kernel, cache: cache) }

        #expect(try preparation().remembered() == nil)
        try await preparation().remember(files, madeFrom: [source, absent])
        #expect(try preparation().remembered() == files)
        options.modules = ["another"]
        #expect(try preparation().remembered() == nil)
        options.modules = []
        try absent.write([])
        #expect(try preparation().remembered() == nil)
        try absent.removeFile()
        #expect(try preparation().remembered() == files)
        try source.write("2".utf8)
        #expect(try preparation().remembered() == nil)
        // So new that it may have been read before it changed.
        try await preparation().remember(files, madeFrom: [source])
        #expect(try preparation().remembered() == nil)
    }
}

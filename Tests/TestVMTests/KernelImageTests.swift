// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing

@testable import TestVM

@Suite final class KernelImageTests {
    let root: FilePath

    init() throws { root = try FilePath.makeTemporaryDirectory(prefix: "ringside-test") }

    deinit {
        do { try root.removeTree() } catch { Issue.record("\(root) is left behind: \(error)") }
    }

    private func install(_ release: String, image: Bool = true, modules: Bool = true) throws {
        try root.appending("boot").makeDirectories()
        if image { try root.appending("boot/vmlinuz-\(release)").write([]) }
        let directory = root.appending("lib/modules/\(release)")
        try directory.makeDirectories()
        if modules { try directory.appending("modules.dep.bin").write([]) }
    }

    @Test func theNewestIsTheHighestVersionNotTheLastName() throws {
        for release in ["6.1.0-9-amd64", "6.1.0-56-amd64", "5.10.0-99-amd64"] { try install(release) }
        #expect(try KernelImage.find(root: root).release == "6.1.0-56-amd64")
        #expect(
            try KernelImage.find("6.1.0-9-amd64", root: root).image
                == root.appending("boot/vmlinuz-6.1.0-9-amd64")
        )
        #expect(
            try KernelImage.find(root.appending("boot/vmlinuz-5.10.0-99-amd64").string, root: root).release
                == "5.10.0-99-amd64"
        )
    }

    @Test func aKernelWithoutModulesIsPassedOverOrNamed() throws {
        try install("6.9.0", modules: false)
        let hint = "\ninstall one, as root: apt-get install linux-image-amd64"
        expectFailure("find kernel image: no modules for 6.9.0" + hint) { try KernelImage.find(root: root) }
        expectFailure("find kernel 6.9.0: no modules in \(root)/lib/modules/6.9.0" + hint) {
            try KernelImage.find("6.9.0", root: root)
        }
        try install("6.1.0")
        #expect(try KernelImage.find(root: root).release == "6.1.0")
    }

    @Test func aSelectionThatIsNotThereNamesWhatThereIs() throws {
        try install("6.1.0")
        expectFailure(
            "find kernel 7: ENOENT: no such image; there are: 6.1.0\ninstall one, as root: apt-get install linux-image-amd64"
        ) {
            try KernelImage.find("7", root: root)
        }
        try root.appending("boot/kernel").write([])
        expectFailure("find kernel \(root)/boot/kernel: the file's name is not vmlinuz-RELEASE") {
            try KernelImage.find(root.appending("boot/kernel").string, root: root)
        }
    }

    @Test(arguments: [("gzip -c", "gzip"), ("xz -c", "xz"), ("zstd -qc", "zstd"), ("lz4 -qlc", "lz4")])
    func thePayloadOfAnImageIsUnpacked(compressor: String, tool: String) async throws {
        let text = String(repeating: "a kernel ", count: 5000)
        try root.appending("text").write(text.utf8)
        try await HostTool.sh.run(["-c", "\(compressor) \(root)/text >\(root)/payload"])
        // gzip's own last word is the size; for the others, the build appends it.
        let size: [UInt8] = tool == "gzip" ? [] : [0xc8, 0xaf, 0, 0]
        let payload = try root.appending("payload").readAll() + size
        let image = root.appending("vmlinuz-test")
        try image.write(bootImage(payload: payload))
        let kernel = KernelImage(release: "test", image: image, modules: root)
        let (path, isNew) = try await KernelPayload.uncompressed(
            kernel,
            cache: Cache(directory: root.appending("cache"))
        )
        #expect(isNew)
        #expect(try path.readText() == text)
        #expect(
            try await KernelPayload.uncompressed(kernel, cache: Cache(directory: root.appending("cache")))
                .isNew == false
        )
        #expect(try root.appending("cache").entryNames().count == 1)
    }

    @Test(
        arguments: [
            (Array("#!/bin/sh\n".utf8), "it is not an x86 boot image"),
            (bootImage(payload: Array(repeating: 1, count: 100)), "its compression is not known"),
            (
                Array(bootImage(payload: Array(repeating: 1, count: 100)).dropLast(50)),
                "its payload lies outside of the file"
            ),
        ] as [([UInt8], String)]
    ) func anImageThatCannotBeUnpackedSaysWhy(bytes: [UInt8], cause: String) async throws {
        let image = root.appending("vmlinuz-bad")
        try image.write(bytes)
        let kernel = KernelImage(release: "test", image: image, modules: root)
        await #expect {
            try await KernelPayload.uncompressed(
                kernel,
                cache: Cache(directory: self.root.appending("cache"))
            )
        } throws: { ($0 as? OperationError)?.cause == cause }
    }

    private func expectFailure(_ message: String, _ body: () throws -> KernelImage) {
        #expect { try body() } throws: { "\($0)" == message }
    }
}

/// A boot image with one setup sector, as `Documentation/x86/boot.rst` lays it out.
private func bootImage(payload: [UInt8]) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 1024)
    bytes[0x1f1] = 1
    bytes.replaceSubrange(0x202..<0x206, with: Array("HdrS".utf8))
    for index in 0..<4 { bytes[0x24c + index] = UInt8(truncatingIfNeeded: payload.count >> (index * 8)) }
    return bytes + payload
}

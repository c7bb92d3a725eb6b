// SPDX-License-Identifier: MIT
import LinuxSystem
import SCSITarget
import SystemPackage
import Testing
import VhostUserSCSI

/// The serial number that a unit has where none is given, from which its worldwide name follows.
struct IdentityTests {
    private func serial(_ text: String, at socket: FilePath) throws -> String {
        try UnitSpecification(text).open(for: socket).unit.identity.serial
    }

    @Test func everyPathToAFileGivesTheSame() throws {
        let directory = try FilePath.makeTemporaryDirectory(prefix: "identity")
        defer { #expect(throws: Never.self) { try directory.removeTree() } }
        let disk = directory.appending("disk.img")
        try disk.write([UInt8](repeating: 0, count: 4096))
        try directory.appending("link").makeSymbolicLink(to: disk.string)
        let here = try FilePath(".").resolved()
        let relative = here.components.map { _ in ".." }.joined(separator: "/") + disk.string
        let paths = [
            "\(disk)", "\(directory)/../\(directory.lastComponent?.string ?? "")/disk.img", relative,
        ]
        let serials = try (paths + ["\(directory)/link"]).map { try serial("0=file:\($0)", at: "/tmp/s") }
        #expect(Set(serials).count == 1, "\(serials)")
        // The place that it has does not matter.
        #expect(try serial("3:4=file:\(disk)", at: "/t") == serials[0])
        #expect(try serial("0=file:\(disk),serial=mine", at: "/t") == "mine")
    }

    @Test func filesOfOneNameInTwoDirectoriesDiffer() throws {
        let parent = try FilePath.makeTemporaryDirectory(prefix: "identity")
        defer { #expect(throws: Never.self) { try parent.removeTree() } }
        var serials: Set<String> = []
        for name in ["one", "two"] {
            let directory = parent.appending(name)
            try directory.makeDirectory()
            try directory.appending("disk.img").write([UInt8](repeating: 0, count: 4096))
            // One spelling for both, as from within either.
            let current = parent.appending("current")
            if current.exists { try current.removeFile() }
            try current.makeSymbolicLink(to: directory.string)
            serials.insert(try serial("0=file:\(current)/disk.img", at: "/tmp/s"))
        }
        #expect(serials.count == 2)
    }

    @Test(arguments: ["ramdisk:1M", "null:1M"]) func memoryOfEachServerDiffers(_ store: String) throws {
        let first = try serial("0=\(store)", at: "/tmp/first")
        #expect(try serial("0=\(store)", at: "/tmp/../tmp/first") == first)
        let others = try [serial("1=\(store)", at: "/tmp/first"), serial("0=\(store)", at: "/tmp/second")]
        #expect(Set(others + [first]).count == 3)
    }
}

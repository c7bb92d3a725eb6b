// SPDX-License-Identifier: MIT
import Glibc
import SystemPackage
import Testing

/// The distribution kernel whose module directory the tests look into; it need not be the one that runs.
enum InstalledKernel {
    /// The newest version under /lib/modules that holds vhost_scsi.
    static let release: String? = {
        let find = "grep -l /vhost_scsi.ko: /lib/modules/*/modules.dep 2>/dev/null | sort -V | tail -1"
        do {
            return try FilePath(Command.output("sh", "-c", find)).removingLastComponent().lastComponent?
                .string
        } catch {
            return nil
        }
    }()

    static var isPresent: Bool { release != nil }

    static let absence: Comment = "no kernel with vhost_scsi under /lib/modules; install linux-image-amd64"

    static var directory: FilePath { FilePath("/lib/modules").appending(release ?? "absent") }

    /// The files that modprobe would load, each once.
    static func modprobeShowDepends(_ name: String) throws -> [String] {
        let lines = try Command.output("modprobe", "-S", release ?? "", "--show-depends", name).split(
            separator: "\n"
        )
        return lines.filter { $0.hasPrefix("insmod ") }.map { String($0.split(separator: " ")[1]) }
    }

    /// The dependencies of every module according to modules.dep.
    static func dependencies() throws -> [(name: String, dependencies: [String])] {
        try text(of: directory.appending("modules.dep")).split(separator: "\n").map { line in
            let parts = line.split(separator: ":", maxSplits: 1)
            return (
                moduleName(parts[0]), parts.count < 2 ? [] : parts[1].split(separator: " ").map(moduleName)
            )
        }
    }

    static func copy(_ file: FilePath, to copy: FilePath) throws {
        _ = try Command.output("cp", file.string, copy.string)
    }

    private static func moduleName(_ path: Substring) -> String {
        let base = path.split(separator: "/").last ?? path
        return String(base.prefix { $0 != "." }.map { $0 == "-" ? "_" : $0 })
    }

    static func text(of path: FilePath) throws -> String { try Command.output("cat", path.string) }
}

/// A program of the host, run to the end.
enum Command {
    struct Failure: Error { var command: [String], status: Int32 }

    /// What it writes to standard output.
    static func output(_ words: String...) throws -> String {
        let command = (["exec"] + words.map { "'\($0)'" }).joined(separator: " ")
        guard let pipe = unsafe popen(command, "r") else { throw Errno(rawValue: errno) }
        var bytes: [UInt8] = []
        while case let byte = unsafe fgetc(pipe), byte != EOF {
            bytes.append(UInt8(truncatingIfNeeded: byte))
        }
        let status = unsafe pclose(pipe)
        guard status == 0 else { throw Failure(command: words, status: status) }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// A directory that is gone when its user is done.
enum TemporaryDirectory {
    static func write(_ text: String, to path: FilePath) throws {
        let file = try FileDescriptor.open(
            path,
            .writeOnly,
            options: [.create, .truncate],
            permissions: .ownerReadWrite
        )
        try file.closeAfter { _ = try file.writeAll(text.utf8) }
    }

    static func use(_ body: (FilePath) throws -> Void) throws {
        var template = Array("/tmp/ringside-test-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let result = Result { try body(FilePath(path)) }
        _ = try Command.output("rm", "-r", path)
        try result.get()
    }
}

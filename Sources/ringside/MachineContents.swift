// SPDX-License-Identifier: MIT
import ArgumentParser
import LinuxSystem
import SystemPackage
import TestVM

/// The options that say what is packed into a test VM.
struct MachineContents: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Pack this module and what it depends on; may be repeated.",
            valueName: "name|file"
        )
    )
    var module: [String] = []

    @Option(
        help: ArgumentHelp(
            "Pack this program or file too, under its own path; may be repeated.",
            valueName: "file"
        ),
        completion: .file()
    )
    var include: [String] = []

    @Option(
        help: ArgumentHelp(
            "Show this directory of the host to the guest under its own path, writable with :rw; may be repeated.",
            valueName: "directory[:rw]"
        ),
        completion: .directory
    )
    var share: [String] = []

    @Option(
        help: ArgumentHelp(
            "Give the guest this file as a disk, the first as /dev/vda, read-only with :ro; may be repeated.",
            valueName: "file[:ro]"
        ),
        completion: .file()
    )
    var disk: [String] = []

    @Flag(help: "Show the host's files as the guest's own; what it writes to them stays in its memory.")
    var hostRoot = false

    @Option(help: "The kind of machine: fast, or debug with PCI, pvpanic and a checked slab allocator.")
    var profile = Profile.fast

    /// The options with what is to be packed and shown.
    func add(to options: MachineOptions) throws -> MachineOptions {
        var options = options
        options.programs = try include.map(hostFile)
        options.shares = try share.map { try Share(argument: $0) }
        options.disks = try disk.map { try Disk(argument: $0) }
        options.usesHostRoot = hostRoot
        options.profile = profile.machine
        return options
    }
}

/// `--profile`.
enum Profile: String, ExpressibleByArgument, CaseIterable {
    case fast, debug

    var machine: MachineProfile {
        switch self {
        case .fast: .fast
        case .debug: .debug
        }
    }
}

extension Share {
    fileprivate init(argument: String) throws {
        let (path, suffix) = splitMode(argument, among: ["ro", "rw"])
        guard FilePath(path).isDirectory else {
            throw OperationError(
                "share",
                path,
                errno: .noSuchFileOrDirectory,
                cause: "there is no such directory"
            )
        }
        do throws(Errno) {
            self.init(try FilePath(path).resolved(), isWritable: suffix == "rw")
        } catch {
            throw OperationError("share", path, errno: error)
        }
    }
}

extension Disk {
    fileprivate init(argument: String) throws {
        let (path, suffix) = splitMode(argument, among: ["ro", "rw"])
        self.init(try hostFile(path), isWritable: suffix != "ro")
    }
}

/// What stands before and behind the last colon, where a known word stands behind it.
private func splitMode(_ argument: String, among modes: [String]) -> (String, String?) {
    guard let colon = argument.lastIndex(of: ":") else { return (argument, nil) }
    let mode = String(argument[argument.index(after: colon)...])
    return modes.contains(mode) ? (String(argument[..<colon]), mode) : (argument, nil)
}

/// The path from the root and without links but for the last name, which programs such as busybox look at.
func hostFile(_ path: String) throws -> FilePath {
    let file = FilePath(path)
    guard let name = file.lastComponent, file.exists else {
        throw OperationError("pack", path, errno: .noSuchFileOrDirectory)
    }
    let directory = file.removingLastComponent()
    do throws(Errno) {
        return try (directory.isEmpty ? "." : directory).resolved().appending(name)
    } catch {
        throw OperationError("pack", path, errno: error)
    }
}

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

    /// The options with what is to be packed.
    func add(to options: MachineOptions) throws -> MachineOptions {
        var options = options
        options.programs = try include.map(hostFile)
        return options
    }
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

// SPDX-License-Identifier: MIT
import ArgumentParser
import SystemPackage
import TargetConfig

/// Not for users: the tests compare their fake of configfs with a kernel through it.
struct TargetReplay: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Carry out raw operations, one to a line, and print the error number of each.",
        shouldDisplay: false
    )

    @Argument(help: "A file of lines: mkdir, rmdir, read, write, link, unlink and list.", completion: .file())
    var file: String

    @OptionGroup var target: TargetOptions

    func run() throws {
        let fileSystem = LinuxFileSystem()
        let replay = ConfigReplay(base: FilePath(target.configfs).appending("target"), fileSystem: fileSystem)
        for line in try fileSystem.read(FilePath(file)).split(separator: "\n") {
            Terminal.write(replay.answer(to: String(line)))
        }
    }
}

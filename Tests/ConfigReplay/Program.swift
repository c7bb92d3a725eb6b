// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import TargetConfig

/// Carries out a file of operations on the running kernel's configfs: `ConfigReplay FILE`.
@main
struct Program {
    static func main() throws {
        guard CommandLine.arguments.count == 2 else {
            throw OperationError("run", "ConfigReplay", cause: "it takes one argument, a file of operations")
        }
        let replay = ConfigReplay(base: "/sys/kernel/config/target", fileSystem: LinuxFileSystem())
        for line in try FilePath(CommandLine.arguments[1]).readText().split(separator: "\n") {
            print(replay.answer(to: String(line)))
        }
    }
}

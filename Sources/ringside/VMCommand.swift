// SPDX-License-Identifier: MIT
import ArgumentParser

struct VMCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vm",
        abstract: "Run commands in disposable virtual machines with the distribution's own kernel.",
        subcommands: [
            VMRunCommand.self, VMStartCommand.self, VMExecCommand.self, VMShellCommand.self,
            VMListCommand.self,
            VMStopCommand.self, VMCrashCommand.self, VMMatrixCommand.self, VMSuperviseCommand.self,
        ]
    )
}

// SPDX-License-Identifier: MIT
import ArgumentParser
import Glibc
import LinuxSystem

@main
struct Ringside: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ringside",
        abstract: "A companion toolkit for Linux kernel modules.",
        discussion: """
            Exit status: 0 ok, 1 failed, 2 wrong usage, 128 and the signal's number when interrupted.
            """,
        version: "0.1.0",
        subcommands: [
            BackstoreCommand.self,
            DoctorCommand.self,
            MinidumpCommand.self,
            ModuleCommand.self,
            QuickstartCommand.self,
            RingCommand.self,
            ServeCommand.self,
            TargetCommand.self,
            VMCommand.self,
            VhostCommand.self,
        ]
    )

    /// Replaces the parser's own entry point for its exit codes: usage errors are 2, as for most of the field's tools.
    static func main() async {
        // A reader that goes away is an error of the write, which unwinds as any other.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            finish(with: error)
        }
    }

    private static func finish(with error: any Error) -> Never {
        let code = exitCode(for: error)
        if code == .validationFailure {
            Terminal.writeError(fullMessage(for: error))
            Glibc.exit(2)
        }
        if code == .success || error is ExitCode { exit(withError: error) }
        Terminal.writeError("ringside: \(error)")
        Glibc.exit((error as? OperationError)?.exitStatus ?? 1)
    }
}

// SPDX-License-Identifier: MIT
import ArgumentParser
import Dispatch
import Glibc
import LinuxSystem
import SystemPackage
import TestVM

struct VMRunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Boot a machine, run one command in it, and switch it off.",
        discussion: """
            The machine has the newest installed kernel, the command with its libraries, busybox's tools where the \
            host has them, and this program. Its memory and its files are gone when it ends. The exit status is the \
            command's; a kernel that reports an oops, a BUG, a warning or a stall makes it at least 1.

            EXAMPLES
              ringside vm run -- uname -r
              ringside vm run --module vhost_scsi -- ringside module load vhost_scsi
              ringside vm run --module ./driver.ko --timeout 30 -- sh -c 'insmod /lib/modules/*/updates/driver.ko'
              ringside vm run --cpus 2 --memory 1G --kernel 6.1.0-56-amd64 -- cat /proc/meminfo
            """
    )

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

    @OptionGroup var machine: MachineArguments

    @Flag(help: "Do not fail because of what the kernel's log reports.")
    var allowWarn = false

    @Flag(help: "Print the emulator's command line and boot nothing.")
    var dryRun = false

    @OptionGroup var output: OutputOptions

    @Argument(parsing: .postTerminator, help: "The command and its arguments.")
    var command: [String] = []

    func validate() throws {
        if command.isEmpty { throw ValidationError("no command: put it behind --") }
    }

    mutating func run() async throws {
        var options = try machine.options(modules: module)
        let (command, program) = try locatedCommand()
        options.programs = try include.map(absolute) + program
        let (prepared, output) = (options, CommandOutput(passesOn: !self.output.json))
        if dryRun {
            return try await self.output.print(untilInterrupted { try await Machine(prepared).commandLine }) {
                words in
                words.map(shellQuoted).joined(separator: " ")
            }
        }
        let deadline = Duration.seconds(machine.timeout)
        let (machine, report) = try await untilInterrupted {
            let machine = try await Machine(prepared)
            let report = try await machine.run(deadline: deadline) { guest in
                try await guest.execute(command, input: standardInput(), receive: output.receive)
            }
            return (machine, report)
        }
        try finish(report, machine, output)
    }

    private func finish(_ report: MachineReport<Int32>, _ machine: Machine, _ capture: CommandOutput) throws {
        let trouble = report.kernelLog.trouble.map(\.text)
        if output.json {
            try output.print(RunSummary(report, machine, capture, trouble)) { _ in "" }
        } else if !trouble.isEmpty {
            Terminal.writeError("the kernel reported:\n" + trouble.map { "  \($0)" }.joined(separator: "\n"))
        }
        let failed = report.value == 0 && !trouble.isEmpty && !allowWarn
        if report.value != 0 || failed { throw ExitCode(failed ? 1 : report.value) }
    }

    /// The command as the guest finds it, and its file where it is one of the host's; the guest's own need none.
    private func locatedCommand() throws -> ([String], [FilePath]) {
        guard let name = command.first, name != "ringside" else { return (command, []) }
        guard let path = FilePath.locate(program: name) else {
            // One of busybox's applets, perhaps; the guest will tell.
            if !name.contains("/") && FilePath.locate(program: "busybox") != nil { return (command, []) }
            let cause = "no such program on this host"
            throw OperationError("pack", name, errno: .noSuchFileOrDirectory, cause: cause)
        }
        let program = try absolute(path.string)
        return ([program.string] + command.dropFirst(), [program])
    }

    /// The path from the root and without links but for the last name, which programs such as busybox look at.
    private func absolute(_ path: String) throws -> FilePath {
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
}

private struct RunSummary: Encodable {
    var status: Int32
    var stdout: String
    var stderr: String
    var kernel: String
    var acceleration: String
    var bootMilliseconds: Int64
    var trouble: [String]

    init(
        _ report: MachineReport<Int32>,
        _ machine: Machine,
        _ output: CommandOutput,
        _ trouble: [String]
    ) {
        status = report.value
        stdout = output.text(.output)
        stderr = output.text(.error)
        kernel = machine.kernel.release
        acceleration = machine.acceleration.name
        bootMilliseconds = report.bootTime.milliseconds
        self.trouble = trouble
    }
}

/// Standard input as it comes; none where it is a terminal, which the machine does not share.
///
/// The next part is read only when the last one has been taken, so that a fast writer waits for a slow reader.
private func standardInput() -> AsyncStream<[UInt8]>? {
    if isatty(STDIN_FILENO) == 1 { return nil }
    // A thread of its own, because a read may wait for as long as the program lives.
    let reader = DispatchQueue(label: "stdin")
    return AsyncStream {
        await withCheckedContinuation { continuation in
            reader.async {
                do {
                    let bytes = try FileDescriptor.standardInput.readBytes(upTo: 65536)
                    continuation.resume(returning: bytes.isEmpty ? nil : bytes)
                } catch {
                    Terminal.writeError("ringside: read standard input: \(error)")
                    continuation.resume(returning: nil)
                }
            }
        }
    }
}

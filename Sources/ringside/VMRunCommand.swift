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
            command's; a kernel that reports an oops, a BUG, a warning or a stall, as of a task that is blocked for a \
            minute, makes it at least 1, and what it said is printed and kept. Signals reach the command; \
            a second SIGINT, SIGTERM or SIGHUP ends the machine. With --warm, disks and shares are looked at anew.

            EXAMPLES
              ringside vm run -- uname -r
              ringside vm run --module vhost_scsi -- ringside module load vhost_scsi
              ringside vm run --module ./driver.ko --timeout 30 -- sh -c 'insmod /lib/modules/*/updates/driver.ko'
              ringside vm run --env DEBUG=1 -- sh -c 'echo $DEBUG'
              ringside vm run --warm -- uname -r
              ringside vm run --share .:rw --host-root -- make test
              ringside vm run --disk image.raw --module ext4 -- sh -c 'mount /dev/vda /mnt; ls /mnt'
              ringside vm run --tty -- sh
              ringside vm run --cpus 2 --memory 1G --kernel 6.1.0-56-amd64 -- cat /proc/meminfo
            """
    )

    @OptionGroup var contents: MachineContents
    @OptionGroup var machine: MachineArguments

    @Option(help: ArgumentHelp("Add this to its environment; may be repeated.", valueName: "name=value"))
    var env: [String] = []

    @Flag(name: .shortAndLong, help: "Give the command this terminal.")
    var tty = false

    @Flag(help: "Go on from the saved state of such a machine; the first time, boot one and save it.")
    var warm = false

    @Flag(help: "Do not fail because of what the kernel's log or its taint reports.")
    var allowWarn = false

    @Flag(help: "Print the emulator's command line and boot nothing.")
    var dryRun = false

    @OptionGroup var output: OutputOptions

    @Argument(parsing: .postTerminator, help: "The command and its arguments.")
    var command: [String] = []

    func validate() throws {
        if command.isEmpty { throw ValidationError("no command: put it behind --") }
        if let word = env.first(where: { !$0.contains("=") || $0.hasPrefix("=") }) {
            throw ValidationError("--env \(word): not NAME=VALUE")
        }
        if tty && output.json { throw ValidationError("--tty and --json: a terminal's output is not kept") }
        if tty && !FileDescriptor.standardInput.isTerminal {
            throw ValidationError("--tty: standard input is no terminal")
        }
        if warm { try machine.requireNoMemoryFile() }
    }

    mutating func run() async throws {
        var options = try contents.add(to: machine.options(modules: contents.module))
        let (command, program) = try locatedCommand()
        options.programs += program
        options.startsWarm = warm
        let (prepared, capture) = (options, CommandOutput(passesOn: !output.json))
        if dryRun {
            return try await output.print(untilInterrupted { try await Machine(prepared).commandLine }) {
                words in
                words.map(shellQuoted).joined(separator: " ")
            }
        }
        let (environment, deadline, tty) = (env, Duration.seconds(machine.timeout), tty)
        let (relay, keepsLogs) = (SignalRelay(), !allowWarn)
        let (machine, report) = try await untilInterrupted(relay: relay) {
            try await Machine(prepared).withFallback(prepared) { machine in
                try await machine.run(deadline: deadline, keepsLogsOfTrouble: keepsLogs) { guest in
                    relay.begin(guest)
                    if tty { return try await execute(inTerminal: guest, command, environment) }
                    return try await guest.execute(
                        command,
                        environment: environment,
                        input: standardInput(),
                        receive: capture.receive
                    )
                }
            }
        }
        try finish(report, machine, capture)
    }

    private func finish(_ report: MachineReport<Int32>, _ machine: Machine, _ capture: CommandOutput) throws {
        let trouble = report.trouble
        if output.json {
            try output.print(RunSummary(report, machine, capture, trouble)) { _ in "" }
        } else if !trouble.isEmpty {
            let taint = report.taint.isEmpty ? "" : " (it is tainted: \(report.taint))"
            let lines = report.kernelReport.map { "\n  \($0)" }.joined()
            let logs = report.logs.map { "\nthe guest's logs are in \($0)" } ?? ""
            Terminal.writeError("the kernel reported\(taint):\(lines)\(logs)")
        }
        let failed = report.value == 0 && !trouble.isEmpty && !allowWarn
        if report.value != 0 || failed { throw ExitCode(failed ? 1 : report.value) }
    }

    /// The command as the guest finds it, and its file where it is one of the host's; the guest's own need none.
    private func locatedCommand() throws -> ([String], [FilePath]) {
        guard let name = command.first, name != "ringside" else { return (command, []) }
        if contents.hostRoot {
            let directory = try FilePath(".").resolved().string
            return (["sh", "-c", "cd \"$0\" && exec \"$@\"", directory] + command, [])
        }
        guard let path = FilePath.locate(program: name) else {
            // One of busybox's applets, perhaps; the guest will tell.
            if !name.contains("/") && FilePath.locate(program: "busybox") != nil { return (command, []) }
            let cause = "no such program on this host"
            throw OperationError("pack", name, errno: .noSuchFileOrDirectory, cause: cause)
        }
        let program = try hostFile(path.string)
        return ([program.string] + command.dropFirst(), [program])
    }
}

private struct RunSummary: Encodable {
    var status: Int32
    var stdout: String
    var stderr: String
    var kernel: String
    var acceleration: String
    var warm: Bool
    var bootMilliseconds: Int64
    var trouble: [String]
    /// The same with what the kernel said about it.
    var kernelReport: [String]
    /// The letters of the kernel's taint.
    var taint: String
    /// Where the guest's logs are, if they were kept.
    var logs: String?

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
        warm = report.wasWarm
        bootMilliseconds = report.bootTime.milliseconds
        self.trouble = trouble
        kernelReport = report.kernelReport
        taint = report.taint.description
        logs = report.logs?.string
    }
}

/// Runs a command whose terminal is this program's own.
private func execute(inTerminal guest: Guest, _ command: [String], _ environment: [String]) async throws
    -> Int32
{
    let terminal = FileDescriptor.standardInput
    let size = try terminal.terminalSize()
    let name = SystemCalls.environmentValue("TERM") ?? "linux"
    let raw = try RawTerminal(terminal)
    defer { raw.end() }
    return try await guest.execute(
        command,
        environment: ["TERM=\(name)"] + environment,
        terminal: TerminalSize(rows: max(1, size.rows), columns: max(1, size.columns)),
        input: inputStream()
    ) { _, bytes in
        _ = try FileDescriptor.standardOutput.writeAll(bytes)
    }
}

/// Standard input as it comes; none where it is a terminal that the command does not share.
private func standardInput() -> AsyncStream<[UInt8]>? {
    FileDescriptor.standardInput.isTerminal ? nil : inputStream()
}

/// Standard input as it comes.
///
/// The next part is read only when the last one has been taken, so that a fast writer waits for a slow reader.
private func inputStream() -> AsyncStream<[UInt8]> {
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

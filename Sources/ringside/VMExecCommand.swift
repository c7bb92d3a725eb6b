// SPDX-License-Identifier: MIT
import ArgumentParser
import Glibc
import GuestProtocol
import LinuxSystem
import SystemPackage
import TestVM

struct VMExecCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exec",
        abstract: "Run a command in a machine that vm start has booted.",
        discussion: """
            Standard input, output and error are the command's, and signals reach it; a second signal ends the wait for it. The exit status is its own; a \
            kernel that reports trouble meanwhile makes it at least 1. It runs what was packed into the machine, \
            busybox's tools and this program.

            EXAMPLES
              ringside vm exec lab -- uname -r
              ringside vm exec lab --env DEBUG=1 -- sh -c 'dmesg | tail'
              ringside vm exec lab -- tee /tmp/file <file
              ringside vm exec --tty lab -- vi /etc/passwd
            """
    )

    @Argument(help: "The machine's name.")
    var name: String

    @Option(help: ArgumentHelp("Add this to its environment; may be repeated.", valueName: "name=value"))
    var env: [String] = []

    @Flag(name: .shortAndLong, help: "Give the command a terminal.")
    var tty = false

    @Flag(help: "Do not fail because of what the kernel's log or its taint reports.")
    var allowWarn = false

    @OptionGroup var output: OutputOptions

    @Argument(parsing: .postTerminator, help: "The command and its arguments.")
    var command: [String] = []

    func validate() throws {
        _ = try NamedMachine(argument: name)
        if command.isEmpty { throw ValidationError("no command: put it behind --") }
        if let word = env.first(where: { !$0.contains("=") || $0.hasPrefix("=") }) {
            throw ValidationError("--env \(word): not NAME=VALUE")
        }
        if tty && output.json { throw ValidationError("--tty and --json: a terminal's output is not kept") }
    }

    func run() throws {
        let machine = try NamedMachine(argument: name)
        let client = try MachineClient(machine)
        let capture = CommandOutput(passesOn: !output.json)
        let status = try execute(client, capture)
        let trouble = client.trouble
        if output.json {
            let summary = ExecSummary(
                status: status,
                stdout: capture.text(.output),
                stderr: capture.text(.error),
                trouble: trouble,
                kernelReport: client.kernelReport,
                kernelLog: machine.kernelLog.string
            )
            try output.print(summary) { _ in "" }
        } else if !trouble.isEmpty {
            let lines = client.kernelReport.map { "  \($0)\n" }.joined()
            Terminal.writeError("the kernel reported:\n\(lines)its log is in \(machine.kernelLog)")
        }
        let failed = status == 0 && !trouble.isEmpty && !allowWarn
        if status != 0 || failed { throw ExitCode(failed ? 1 : status) }
    }

    private func execute(_ client: MachineClient, _ capture: CommandOutput) throws -> Int32 {
        if tty { return try ringside.execute(inTerminal: client, command, env) }
        let streams = MachineClient.Streams(
            input: FileDescriptor.standardInput.isTerminal ? nil : .standardInput,
            signals: try SystemCalls.signalDescriptor(for: [SIGINT, SIGTERM, SIGHUP, SIGQUIT]),
            receive: capture.receive
        )
        do {
            return try client.execute(GuestCommand(arguments: command, environment: env), streams)
        } catch let end as InterruptedBySignal {
            throw ExitCode(128 + end.number)
        }
    }
}

private struct ExecSummary: Encodable {
    var status: Int32
    var stdout: String
    var stderr: String
    var trouble: [String]
    /// The same with what the kernel said about it.
    var kernelReport: [String]
    /// The file with all that it has said.
    var kernelLog: String
}

/// Runs a command whose terminal is this program's own.
private func execute(inTerminal client: MachineClient, _ command: [String], _ environment: [String]) throws
    -> Int32
{
    let terminal = FileDescriptor.standardInput
    guard terminal.isTerminal else {
        throw OperationError(
            "open",
            "a terminal",
            cause: "standard input is not one",
            hint: "leave --tty away"
        )
    }
    let name = SystemCalls.environmentValue("TERM") ?? "linux"
    let size = try terminal.terminalSize()
    let signals = try SystemCalls.signalDescriptor(for: [SIGWINCH, SIGTERM, SIGHUP])
    let raw = try RawTerminal(terminal)
    defer { raw.end() }
    return try client.execute(
        GuestCommand(
            arguments: command,
            environment: ["TERM=\(name)"] + environment,
            terminal: TerminalSize(rows: max(1, size.rows), columns: max(1, size.columns))
        ),
        .init(input: terminal, signals: signals) { _, bytes in
            _ = try FileDescriptor.standardOutput.writeAll(bytes)
        }
    )
}

struct VMShellCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shell",
        abstract: "Open a shell in a machine that vm start has booted.",
        discussion: """
            EXAMPLES
              ringside vm shell lab
            """
    )

    @Argument(help: "The machine's name.")
    var name: String

    func validate() throws { _ = try NamedMachine(argument: name) }

    func run() throws {
        let client = try MachineClient(NamedMachine(argument: name))
        let status = try execute(inTerminal: client, ["sh", "-l"], ["PS1=\(name)# "])
        if status != 0 { throw ExitCode(status) }
    }
}

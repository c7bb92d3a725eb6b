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
              ringside vm run --env DEBUG=1 -- sh -c 'echo $DEBUG'
              ringside vm run --cpus 2 --memory 1G --kernel 6.1.0-56-amd64 -- cat /proc/meminfo
            """
    )

    @OptionGroup var contents: MachineContents
    @OptionGroup var machine: MachineArguments

    @Option(help: ArgumentHelp("Add this to its environment; may be repeated.", valueName: "name=value"))
    var env: [String] = []

    @Flag(help: "Do not fail because of what the kernel's log reports.")
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
    }

    mutating func run() async throws {
        var options = try contents.add(to: machine.options(modules: contents.module))
        let (command, program) = try locatedCommand()
        options.programs += program
        let (prepared, capture) = (options, CommandOutput(passesOn: !output.json))
        if dryRun {
            return try await output.print(untilInterrupted { try await Machine(prepared).commandLine }) {
                words in
                words.map(shellQuoted).joined(separator: " ")
            }
        }
        let (environment, deadline) = (env, Duration.seconds(machine.timeout))
        let (machine, report) = try await untilInterrupted {
            try await Machine.run(prepared, deadline: deadline) { guest in
                try await guest.execute(
                    command,
                    environment: environment,
                    input: standardInput(),
                    receive: capture.receive
                )
            }
        }
        try finish(report, machine, capture)
    }

    private func finish(_ report: MachineReport<Int32>, _ machine: Machine, _ capture: CommandOutput) throws {
        let trouble = report.kernelLog.trouble.map(\.text)
        if output.json {
            try output.print(RunSummary(report, machine, capture, trouble)) { _ in "" }
        } else if !trouble.isEmpty {
            let taint = report.taint.isEmpty ? "" : " (it is tainted: \(report.taint))"
            let lines = trouble.map { "\n  \($0)" }.joined()
            Terminal.writeError("the kernel reported\(taint):\(lines)")
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
        let program = try hostFile(path.string)
        return ([program.string] + command.dropFirst(), [program])
    }
}

extension Machine {
    /// Makes a machine and runs it; where KVM turns out to be of no use and was not asked for, by TCG once more.
    fileprivate static func run(
        _ options: MachineOptions,
        deadline: Duration,
        body: @Sendable @escaping (Guest) async throws -> Int32
    ) async throws -> (Machine, MachineReport<Int32>) {
        let machine = try await Machine(options)
        do {
            return (machine, try await machine.run(deadline: deadline, body: body))
        } catch let error as OperationError where machine.mayFallBack(from: error, options) {
            let machine = try await Machine(options.fallenBack(from: error))
            return (machine, try await machine.run(deadline: deadline, body: body))
        }
    }

    /// Whether an error is KVM's, and KVM was not asked for.
    func mayFallBack(from error: OperationError, _ options: MachineOptions) -> Bool {
        guard case .kvm = acceleration else { return false }
        return options.acceleration == nil && error.operation == "boot"
    }
}

extension MachineOptions {
    /// The same by TCG, after KVM has failed; says so.
    func fallenBack(from error: OperationError) -> MachineOptions {
        Terminal.writeError("ringside: KVM does not work here, trying TCG: \(error.cause)")
        if let hint = error.hint { Terminal.writeError(hint) }
        var options = self
        options.acceleration = .tcg(reason: "KVM failed: \(error.cause)")
        return options
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
    /// The letters of the kernel's taint.
    var taint: String

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
        taint = report.taint.description
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

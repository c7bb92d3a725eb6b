// SPDX-License-Identifier: MIT
import ArgumentParser
import LinuxSystem
import SystemPackage
import TestVM

struct VMCrashCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "crash",
        abstract: "Panic a machine's kernel, on purpose or when a command fails, and keep its memory.",
        discussion: """
            Runs the command, if there is one, then panics the kernel unless that has happened already, and keeps in a \
            new directory: vmcore, an ELF core for crash and drgn; guest.ram, the memory address for address, for \
            ringside minidump; console.log and kernel.log. An oops is a panic in such a machine.

            EXAMPLES
              ringside vm crash --keep /tmp/dump
              ringside vm crash --keep /tmp/dump --module ./driver.ko -- sh -c 'insmod /lib/modules/*/updates/driver.ko'
              ringside vm crash --keep /tmp/dump --on-failure --module vhost_scsi -- ringside module cycle vhost_scsi
            """
    )

    @Option(help: ArgumentHelp("The new directory.", valueName: "directory"), completion: .directory)
    var keep: String

    @Flag(help: "Panic only if the command fails; keep nothing if it does not.")
    var onFailure = false

    @OptionGroup var contents: MachineContents
    @OptionGroup var machine: MachineArguments

    @Flag(help: "Print the emulator's command line and boot nothing.")
    var dryRun = false

    @OptionGroup var output: OutputOptions

    @Argument(parsing: .postTerminator, help: "The command and its arguments.")
    var command: [String] = []

    func validate() throws {
        if onFailure && command.isEmpty {
            throw ValidationError("--on-failure: no command: put it behind --")
        }
        if machine.memoryFile != nil { throw ValidationError("--memory-file: it is guest.ram in --keep") }
    }

    mutating func run() async throws {
        let directory = FilePath(keep)
        var options = try contents.add(to: machine.options(modules: contents.module))
        options.append += ["panic=0", "oops=panic"]
        options.describesItsMemory = true
        let files = CrashFiles(directory: FilePath("\(directory).unfinished.\(SystemCalls.processID)"))
        (options.memoryFile, options.monitor) = (files.memory, files.monitor)
        let (prepared, capture) = (options, CommandOutput(passesOn: !output.json))
        let machine = try await untilInterrupted { try await Machine(prepared) }
        if dryRun {
            return try output.print(machine.commandLine) { $0.map(shellQuoted).joined(separator: " ") }
        }
        if directory.exists { throw OperationError("make", keep, errno: .fileExists) }
        let sweeper = try Sweeper(files.directory)
        defer { sweeper.dismiss() }
        do throws(Errno) { try files.directory.makeDirectory() } catch {
            throw OperationError("make", keep, errno: error)
        }
        let crash = Crash(files: files, command: command, onlyOnFailure: onFailure, capture: capture)
        let deadline = Duration.seconds(self.machine.timeout)
        do {
            let (_, panic) = try await untilInterrupted {
                try await machine.withFallback(prepared) { try await crash.run($0, deadline: deadline) }
            }
            try files.removePipes()
            guard let panic else { return try files.directory.removeTree() }
            try files.directory.rename(to: directory)
            try output.print(CrashReport(panic, CrashFiles(directory: directory))) { $0.description }
        } catch {
            // What was not finished proves nothing.
            if files.directory.exists { try files.directory.removeTree() }
            throw error
        }
    }
}

/// What is kept of a crashed machine.
private struct CrashFiles: Sendable {
    var directory: FilePath
    var memory: FilePath { directory.appending("guest.ram") }
    var core: FilePath { directory.appending("vmcore") }
    var console: FilePath { directory.appending("console.log") }
    var log: FilePath { directory.appending("kernel.log") }
    var monitor: FilePath { directory.appending("monitor") }

    func removePipes() throws {
        for pipe in [FilePath("\(monitor).in"), FilePath("\(monitor).out")] { try pipe.removeTree() }
    }
}

private struct CrashReport: Encodable, CustomStringConvertible {
    var panic: String
    var vmcore: String
    var memory: String
    var console: String
    var kernelLog: String

    init(_ panic: String, _ files: CrashFiles) {
        self.panic = panic
        vmcore = files.core.string
        memory = files.memory.string
        console = files.console.string
        kernelLog = files.log.string
    }

    var description: String {
        """
        \(panic)
        vmcore      \(vmcore)
        memory      \(memory)
        console     \(console)
        kernel log  \(kernelLog)
        """
    }
}

private struct Crash: Sendable {
    var files: CrashFiles
    var command: [String]
    var onlyOnFailure: Bool
    var capture: CommandOutput

    /// - Returns: the panic's first line; nil where there was no reason to panic.
    func run(_ machine: Machine, deadline: Duration) async throws -> String? {
        let monitor = try Monitor(at: files.monitor)
        return try await machine.run(deadline: deadline, isEndedByBody: true) { guest in
            if try await !panics(guest) {
                try await monitor.quit()
                return nil
            }
            try await monitor.stop()
            try await monitor.dumpMemory(to: files.core)
            try CoreHeaders.addVirtualAddresses(to: files.core)
            let console = try guest.consoleText()
            try files.console.write(console.utf8)
            try files.log.write(guest.kernelLog.text.utf8)
            try await monitor.quit()
            let panic = console.split(whereSeparator: \.isNewline).first { $0.contains("Kernel panic") }
            return String(panic ?? "the kernel panicked")
        }.value
    }

    /// Runs the command, and panics the kernel if that is wanted and has not happened.
    private func panics(_ guest: Guest) async throws -> Bool {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                try await guest.waitForPanic()
                return true
            }
            group.addTask {
                let status =
                    command.isEmpty ? 0 : try await guest.execute(command, receive: capture.receive)
                if onlyOnFailure && status == 0 { return false }
                // It never ends: the machine stops below it.
                _ = try await guest.execute(["sh", "-c", "echo c >/proc/sysrq-trigger"])
                return true
            }
            return try await group.next() ?? false
        }
    }
}

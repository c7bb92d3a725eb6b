// SPDX-License-Identifier: MIT
import ArgumentParser
import Glibc
import GuestProtocol
import LinuxSystem
import SystemPackage
import TestVM

struct VMStartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start",
        abstract: "Boot a machine that stays up under a name, for commands that take milliseconds.",
        discussion: """
            The machine is what vm run would boot. It stays up until vm stop; a small process of this program keeps \
            it, and it goes with that process. Its files and logs are in a directory under $XDG_RUNTIME_DIR, or \
            /run/ringside for root.

            EXAMPLES
              ringside vm start lab --module vhost_scsi
              ringside vm start lab --warm
              ringside vm exec lab -- ringside module load vhost_scsi
              ringside vm shell lab
              ringside vm stop lab
            """
    )

    @Argument(help: "A name for it: letters, digits, -, _ and .")
    var name: String

    @OptionGroup var contents: MachineContents
    @OptionGroup var machine: MachineArguments

    @Flag(help: "Go on from the saved state of such a machine; the first time, boot one and save it.")
    var warm = false

    @Flag(help: "Print the emulator's command line and boot nothing.")
    var dryRun = false

    @OptionGroup var output: OutputOptions

    func validate() throws {
        _ = try NamedMachine(argument: name)
        if warm { try machine.requireNoMemoryFile() }
    }

    func run() async throws {
        let named = try NamedMachine(argument: name)
        var prepared = try contents.add(to: self.machine.options(modules: contents.module))
        prepared.startsWarm = warm
        let options = prepared
        let machine = try await untilInterrupted { try await Machine(options) }
        if dryRun {
            return try output.print(machine.commandLine) { $0.map(shellQuoted).joined(separator: " ") }
        }
        let begin = ContinuousClock.now
        _ = try await machine.withFallback(options) { try await start(named, $0) }
        if !machine.mounts.isEmpty { try mount(machine.mounts, in: named) }
        let seconds = begin.duration(to: .now).milliseconds
        try output.print(MachineSummary(named)) {
            "\($0.name) is running: kernel \($0.kernel ?? ""), \(warm ? "up" : "booted") in \(seconds) ms"
        }
    }

    private func mount(_ mounts: [GuestMount], in named: NamedMachine) throws {
        let client = try MachineClient(named, operation: "start")
        do {
            for mount in mounts { try client.mount(mount) }
        } catch {
            try client.powerOff()
            throw error
        }
    }

    private func start(_ named: NamedMachine, _ machine: Machine) async throws {
        let machine = try await untilInterrupted { try await machine.warmed() }
        do {
            try startOnce(named, machine)
        } catch let error as OperationError where machine.isWarm && error.operation == "boot" {
            try startOnce(named, machine.cooled())
        }
    }

    private func startOnce(_ named: NamedMachine, _ machine: Machine) throws {
        let lock = try named.prepare(machine)
        do {
            try boot(named, machine, lock)
        } catch {
            if named.directory.exists, try named.state() == .dead { try named.sweep() }
            throw error
        }
    }

    private func boot(_ named: NamedMachine, _ machine: Machine, _ lock: FileDescriptor) throws {
        let seconds = machine.bootSeconds(atMost: self.machine.timeout)
        let arguments = [
            "/proc/self/exe", "vm", "supervise", named.name, "--directory",
            named.directory.removingLastComponent().string, "--boot-timeout", "\(seconds)",
            "--lock", "\(lock.rawValue)", "--fact", "acceleration=\(machine.acceleration.name)", "--fact",
            "started=\(time(nil))",
        ]
        let environment = ["PATH", "HOME", "TMPDIR"].compactMap { name in
            SystemCalls.environmentValue(name).map { "\(name)=\($0)" }
        }
        // From then on only the supervisor has the lock.
        let supervisor = try lock.closeAfter {
            try ChildProcess.spawn(arguments: arguments, environment: environment)
        }
        // It keeps its own time; this is for one that does not answer at all.
        let deadline = ContinuousClock.now.advanced(by: .seconds(seconds + 10))
        do {
            let said = try supervisor.output.readLine(until: deadline)
            if said != "ready\n" {
                throw try named.unavailable("boot", said: supervisor.errorOutput.readLine(until: deadline))
            }
        } catch Errno.timedOut {
            try SystemCalls.send(SIGKILL, to: -supervisor.processID)
            let cause = "its supervisor did not answer within \(seconds + 10) s"
            throw OperationError("boot", "VM \(named.name)", errno: .timedOut, cause: cause)
        }
    }
}

extension FileDescriptor {
    /// What comes from a pipe until a line is whole or the other end is closed.
    ///
    /// - Throws: `ETIMEDOUT` where neither has happened at the deadline.
    fileprivate func readLine(until deadline: ContinuousClock.Instant) throws -> String {
        var bytes: [UInt8] = []
        while bytes.last != UInt8(ascii: "\n") {
            if ContinuousClock.now > deadline { throw Errno.timedOut }
            var interest = [pollfd(fd: rawValue, events: Int16(POLLIN), revents: 0)]
            guard try SystemCalls.poll(&interest, milliseconds: 100) > 0 else { continue }
            let some = try readBytes(upTo: 65536)
            if some.isEmpty { break }
            bytes += some
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// The process behind a named machine; vm start starts it.
struct VMSuperviseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "supervise",
        abstract: "Keep a machine that vm start has prepared.",
        shouldDisplay: false
    )

    @Argument var name: String
    @Option var directory: String
    @Option var bootTimeout: Int
    /// The descriptor of the machine's lock.
    @Option var lock: CInt
    @Option var fact: [String] = []

    func run() throws {
        guard let machine = NamedMachine(name, in: FilePath(directory)) else {
            throw ValidationError("\(name): not a machine's name")
        }
        let facts = fact.map { $0.split(separator: "=", maxSplits: 1).map(String.init) }
        try Supervisor(machine, lock: FileDescriptor(rawValue: lock)).run(
            bootSeconds: bootTimeout,
            facts: Dictionary(facts.map { ($0[0], $0[1]) }) { $1 },
            starter: .standardOutput
        )
    }
}

extension NamedMachine {
    /// - Throws: a usage error where it is no name.
    init(argument name: String) throws {
        guard let machine = NamedMachine(name) else {
            throw ValidationError("'\(name)': a machine's name has 1 to 32 letters, digits, -, _ and .")
        }
        self = machine
    }
}

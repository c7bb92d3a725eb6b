// SPDX-License-Identifier: MIT
import ArgumentParser
import Glibc
import LinuxSystem
import SystemPackage
import TestVM

struct VMListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the machines that vm start has booted.",
        discussion: """
            A machine that stopped by itself is shown with the cause, and its logs are kept until vm stop or the \
            next vm start of that name.

            EXAMPLES
              ringside vm list
              ringside vm list --json
            """
    )

    @OptionGroup var output: OutputOptions

    private struct Listing: Encodable { var machines: [MachineSummary] }

    func run() throws {
        let listing = Listing(machines: try NamedMachine.all().map { try MachineSummary($0) })
        try output.print(listing) { listing in
            if listing.machines.isEmpty { return "no machine is running" }
            let rows = listing.machines.map { machine in
                [
                    machine.name, machine.state, machine.kernel ?? "", machine.acceleration ?? "",
                    machine.seconds.map { "\($0)" } ?? "", machine.cause ?? "",
                ]
            }
            return "\(Table(columns: ["NAME", "STATE", "KERNEL", "ACCEL", "SECONDS", "CAUSE"], rows: rows))"
        }
    }
}

/// A named machine for machines to read.
struct MachineSummary: Encodable {
    var name: String
    var state: String
    var cause: String?
    var kernel: String?
    var acceleration: String?
    /// How long it has been up.
    var seconds: Int?
    var supervisor: Int?
    var directory: String

    init(_ machine: NamedMachine) throws {
        let facts = try machine.readFacts()
        let state = try machine.state()
        name = machine.name
        self.state = state.word
        if case .stopped(let reason) = state { cause = reason }
        kernel = facts["kernel"]
        acceleration = facts["acceleration"]
        supervisor = facts["supervisor"].flatMap { Int($0) }
        seconds = state == .running ? facts["started"].flatMap { Int($0) }.map { time(nil) - $0 } : nil
        directory = machine.directory.string
    }
}

struct VMStopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop",
        abstract: "Switch off machines that vm start has booted, and remove what they left.",
        discussion: """
            EXAMPLES
              ringside vm stop lab
              ringside vm stop --all
              ringside vm stop --all --dry-run
            """
    )

    @Argument(help: "The machines' names.")
    var names: [String] = []

    @Flag(help: "Stop every machine.")
    var all = false

    @Flag(help: "Print what would be stopped, and stop nothing.")
    var dryRun = false

    @OptionGroup var output: OutputOptions

    private struct Stopped: Encodable { var stopped: [String] }

    func validate() throws {
        if names.isEmpty == !all { throw ValidationError("name the machines, or say --all") }
        for name in names { _ = try NamedMachine(argument: name) }
    }

    func run() throws {
        let machines = try all ? NamedMachine.all() : names.map { try NamedMachine(argument: $0) }
        for machine in machines { try dryRun ? check(machine) : stop(machine) }
        try output.print(Stopped(stopped: machines.map(\.name))) {
            let verb = dryRun ? "would stop" : "stopped"
            return $0.stopped.isEmpty ? "no machine is running" : "\(verb) \($0.stopped.list)"
        }
    }

    private func check(_ machine: NamedMachine) throws {
        if !machine.directory.exists { throw try machine.unavailable("stop") }
    }

    private func stop(_ machine: NamedMachine) throws {
        switch machine.directory.exists ? try machine.state() : .dead {
        case .running, .booting: try MachineClient(machine, operation: "stop").powerOff()
        case .stopped, .dead: try machine.sweep()
        }
    }
}

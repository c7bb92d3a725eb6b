// SPDX-License-Identifier: MIT
import ArgumentParser
import Glibc
import KernelModule
import LinuxSystem
import SystemPackage

struct ModuleCycleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cycle",
        abstract: "Load and unload a module again and again, and stop at the first bad round.",
        discussion: """
            A round is bad when the module does not load or go, when the kernel's log tells of a warning, a BUG, an \
            oops or anything left behind, when a load or unload hangs, or when slab caches or vmalloc mappings stay \
            larger. Memory is compared with what it was after the first round: roughly after each round, exactly every \
            few. What grows by less than a slab for each processor is not seen, and less than 64 KiB only once it \
            has grown twice. What the module depends on is loaded before the first round and unloaded after the last. \
            SIGINT, SIGTERM and SIGHUP make the round that runs the last one.

            This may crash the kernel that it runs on. In a test VM it crashes only that:

            EXAMPLES
              ringside vm run --module vhost_scsi -- ringside module cycle vhost_scsi -n 200
              ringside module cycle ./driver.ko debug=1 -n 1000 --measure-every 1
              ringside module cycle ./driver.ko --meanwhile 'cat /proc/driver' --wait 5
              ringside module cycle --dry-run vhost_scsi
            """
    )

    @Argument(help: ArgumentHelp("A name, alias or file.", valueName: "module"), completion: .file())
    var name: String

    @Argument(help: ArgumentHelp("Parameters for the module.", valueName: "name=value"))
    var parameters: [String] = []

    @Option(name: [.customShort("n"), .long], help: ArgumentHelp("How often.", valueName: "count"))
    var rounds = 100

    @Option(help: ArgumentHelp("Measure memory exactly after so many rounds.", valueName: "rounds"))
    var measureEvery = 10

    @Option(help: ArgumentHelp("Let its users take so long to go before an unload.", valueName: "seconds"))
    var wait = 1.0

    @Option(help: ArgumentHelp("A load or unload that takes longer hangs.", valueName: "seconds"))
    var timeout = 30.0

    @Option(
        help: ArgumentHelp("Run this line of shell again and again meanwhile, to use it.", valueName: "line")
    )
    var meanwhile: String?

    @Flag(help: "Cycle a module that modprobe.d blacklists.")
    var ignoreBlacklist = false

    @Flag(help: "Print what would be loaded, and load nothing.")
    var dryRun = false

    @OptionGroup var tree: ModuleTreeOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...10_000_000).contains(rounds) else {
            throw ValidationError("--rounds \(rounds): not between 1 and 10000000")
        }
        guard measureEvery > 0 else { throw ValidationError("--measure-every \(measureEvery): not positive") }
        guard (0...86_400).contains(wait) else {
            throw ValidationError("--wait \(wait): not between 0 and 86400 seconds")
        }
        guard timeout > 0, timeout <= 86_400 else {
            throw ValidationError("--timeout \(timeout): not between 0 and 86400 seconds")
        }
        if let word = parameters.first(where: { !$0.contains("=") || $0.hasPrefix("=") }) {
            throw ValidationError("'\(word)': a parameter is NAME=VALUE")
        }
    }

    func run() throws {
        var options = CycleOptions()
        options.rounds = rounds
        options.parameters = parameters
        options.measureInterval = measureEvery
        options.patience = .seconds(wait)
        options.timeLimit = .seconds(timeout)
        options.ignoresBlacklist = ignoreBlacklist
        let cycle = try tree.cycle(name, options: options)
        if dryRun { return try output.print(cycle.plan()) { describe(plan: $0) } }
        // Before any thread or process is started, which would not have them blocked.
        let signals = try SystemCalls.signalDescriptor(for: [SIGINT, SIGTERM, SIGHUP])
        let user = try meanwhile.map(Repetition.init)
        defer { user?.end() }
        var signal: CInt?
        let report = try cycle.run {
            // EAGAIN while none has come.
            if case .success(let number?) = Result(catching: { try SystemCalls.nextSignal(from: signals) }) {
                signal = number
            }
            return signal != nil
        }
        if output.json || report.fault == nil { try output.print(report) { describe($0) } }
        guard let fault = report.fault else {
            if let signal { throw ExitCode(128 + signal) }
            return
        }
        if output.json { throw ExitCode.failure }
        throw fault.error(report)
    }

    private func describe(plan: CycleReport) -> String {
        let first = plan.dependencies.isEmpty ? "" : "would load \(plan.dependencies.list) first\n"
        return "\(first)would load and unload \(plan.module) (\(plan.file)) \(plan.requestedRounds) times"
    }

    private func describe(_ report: CycleReport) -> String {
        let rows = [("load", report.load), ("unload", report.unload), ("round", report.round)].map {
            name,
            times in
            [name, times.minimum.asMilliseconds, times.median.asMilliseconds, times.maximum.asMilliseconds]
        }
        let each = (report.allRounds / max(1, report.goodRounds)).asMilliseconds
        let count = report.goodRounds < report.requestedRounds ? " of \(report.requestedRounds)" : ""
        var lines = ["\(report.module): \(report.goodRounds)\(count) rounds without fault, \(each) ms each"]
        lines.append("\(Table(columns: ["STEP", "MIN MS", "MEDIAN MS", "MAX MS"], rows: rows))")
        lines.append(report.memoryUnwatched.map { "memory was not compared: \($0)" } ?? "memory: no growth")
        if !report.leftLoaded.isEmpty { lines.append("left loaded: \(report.leftLoaded.list)") }
        return lines.joined(separator: "\n")
    }
}

/// A line of shell that runs again and again until it is ended.
private struct Repetition {
    private let shell: ChildProcess

    init(_ line: String) throws {
        // The pipe that it reads ends with this process, however that ends; all that the line has started goes then.
        let script = """
            exec 3<&0 </dev/null >/dev/null 2>&1
            /bin/sh -c "$1" 3<&- &
            read _ <&3; kill -KILL 0
            """
        let path = SystemCalls.environmentValue("PATH") ?? "/usr/sbin:/usr/bin:/sbin:/bin"
        shell = try ChildProcess.spawn(
            arguments: ["/bin/sh", "-c", script, "sh", "while :; do \(line)\ndone"],
            environment: ["PATH=\(path)"]
        )
    }

    func end() {
        // It leads a process group of its own; where it has ended by itself, there is nothing left to end.
        _ = Result { () throws(Errno) in try SystemCalls.send(SIGKILL, to: -shell.processID) }
        SystemCalls.wait(for: shell.processID)
    }
}

extension ModuleTreeOptions {
    func cycle(_ name: String, options: CycleOptions) throws -> ModuleCycle {
        let context = try context()
        return ModuleCycle(
            name,
            options: options,
            directory: context.directory,
            configPaths: context.configPaths
        )
    }
}

extension Int {
    /// Microseconds as milliseconds with two digits.
    fileprivate var asMilliseconds: String { "\(self / 1000).\(String(self % 1000 / 10 + 100).dropFirst())" }
}

extension CycleFault {
    fileprivate func error(_ report: CycleReport) -> OperationError {
        let since =
            kind == .leak && lastGoodRound + 1 < round
            ? "rounds \(lastGoodRound + 1) to \(round)" : "round \(round)"
        let state = moduleState == "absent" ? [] : ["\(report.module) is left \(moduleState)"]
        return OperationError(
            "cycle",
            report.module,
            cause: "\(since) of \(report.requestedRounds), at its \(phase): \(cause)",
            hint: (state + kernelLines(kernelMessages)).nonEmptyText
        )
    }
}

extension [String] {
    fileprivate var nonEmptyText: String? { isEmpty ? nil : joined(separator: "\n") }
}

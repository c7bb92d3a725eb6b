// SPDX-License-Identifier: MIT
import Glibc
import LinuxSystem
import Subprocess
public import SystemPackage

/// What is left of a test VM after it has stopped.
public struct MachineReport<Value: Sendable>: Sendable {
    /// What the body returned.
    public var value: Value
    /// The kernel's log from the first record on.
    public var kernelLog: KernelLog
    /// The log since the machine was ready to run commands.
    public var kernelLogSinceBoot: KernelLog
    /// Why the guest's kernel was tainted at the end.
    public var taint: KernelTaint
    /// What its kernel said or showed of not being well, in words.
    public var trouble: [String] { kernelLog.trouble(of: taint) }
    /// The same with what the kernel said about it.
    public var kernelReport: [String] { kernelLog.report(of: taint) }
    /// Where its logs are, if they were kept.
    public var logs: FilePath?
    /// Whether it went on from a saved state.
    public var wasWarm: Bool
    /// How long the machine took from its start until it was ready.
    public var bootTime: Duration
    /// How long it took from the body's end until it was off.
    public var powerOffTime: Duration
}

extension Machine {
    /// Boots the machine, lets `body` use it, and switches it off.
    ///
    /// A machine that does not boot, dies or outlives its deadline is an error; the error names the directory where
    /// its console output and its kernel log are kept. No emulator is left behind in any case.
    ///
    /// - Parameters:
    ///   - deadline: how long everything may take, from the start until the machine is off.
    ///   - isEndedByBody: `body` ends the machine itself, as after a panic that it wanted.
    ///   - keepsLogsOfTrouble: where the kernel was not well, the directory with its logs stays, as after an error.
    ///   - body: runs commands in the guest.
    public func run<Value: Sendable>(
        deadline: Duration,
        isEndedByBody: Bool = false,
        keepsLogsOfTrouble: Bool = false,
        body: @Sendable @escaping (Guest) async throws -> Value
    ) async throws -> MachineReport<Value> {
        let machine = try await warmed()
        do {
            return try await machine.runOnce(
                deadline: deadline,
                isEndedByBody: isEndedByBody,
                keepsLogsOfTrouble: keepsLogsOfTrouble,
                body: body
            )
        } catch let error as OperationError where machine.saved != nil && error.operation == "boot" {
            // Nothing was run yet.
            return try await machine.cooled().runOnce(
                deadline: deadline,
                isEndedByBody: isEndedByBody,
                keepsLogsOfTrouble: keepsLogsOfTrouble,
                body: body
            )
        }
    }

    func runOnce<Value: Sendable>(
        deadline: Duration,
        isEndedByBody: Bool = false,
        keepsLogsOfTrouble: Bool = false,
        body: @Sendable @escaping (Guest) async throws -> Value
    ) async throws -> MachineReport<Value> {
        try clearMemoryFile()
        let directory: FilePath
        do throws(Errno) {
            directory = try FilePath.makeTemporaryDirectory(prefix: "ringside-vm")
        } catch {
            throw OperationError("make", "the VM's log directory", errno: error)
        }
        let sweeper = try Sweeper(directory)
        defer { sweeper.dismiss() }
        let outcome: Outcome<Value>
        do {
            let monitor = try saved?.monitor(at: SavedState.pipes(in: directory))
            outcome = try await emulate(logs: directory, deadline: deadline, isEndedByBody, body)
            // The emulator ends where its monitor's pipes do.
            withExtendedLifetime(monitor) {}
        } catch {
            // The emulator could not be started, so there is nothing to look into.
            try directory.removeTree()
            throw error
        }
        let post = PostMortem(
            directory: directory,
            guest: outcome.guest,
            memory: memory,
            emulatorEnd: outcome.emulatorEnd
        )
        var report: MachineReport<Value>
        do {
            report = try outcome.result.get()
        } catch {
            throw try post.explain(error, release: kernel.release)
        }
        if keepsLogsOfTrouble && !report.trouble.isEmpty {
            // Where there is no room for all of them, what matters most is in the report.
            _ = Result { try post.writeLogs() }
            report.logs = directory
        } else {
            try directory.removeTree()
        }
        return report
    }

    /// Memory is zero when a machine starts, and not what an earlier one left in the file.
    private func clearMemoryFile() throws {
        guard let memoryFile else { return }
        let directory = memoryFile.removingLastComponent()
        try requireSpace(for: directory.isEmpty ? "." : directory)
        do {
            try memoryFile.write([])
        } catch let error as Errno {
            throw OperationError("make the guest's memory", memoryFile.string, errno: error)
        }
    }

    /// How a machine ended.
    private struct Outcome<Value: Sendable> {
        var guest: Guest
        var result: Result<MachineReport<Value>, any Error>
        /// How the emulator ended and what it said, where that was not as it should.
        var emulatorEnd: String?
    }

    private func emulate<Value: Sendable>(
        logs: FilePath,
        deadline: Duration,
        _ isEndedByBody: Bool,
        _ body: @Sendable @escaping (Guest) async throws -> Value
    ) async throws -> Outcome<Value> {
        let console = PostMortem.console(in: logs)
        // QEMU dies with the thread that starts it, which lives as long as this process.
        let arguments =
            ["--pdeathsig", "KILL", "--"] + commandLine + extraArguments
            + (saved?.arguments(memory: memory, monitor: SavedState.pipes(in: logs)) ?? [])
            + ["-chardev", "file,id=console,path=\(console.escaped)"]
        var emulator = PlatformOptions()
        emulator.createSession = true
        let log = try saved?.kernelLog ?? KernelLog()
        let outcome = try await Subprocess.run(
            .path(try HostTool(name: "setpriv", package: "util-linux").locate()),
            arguments: Arguments(arguments),
            platformOptions: emulator,
            input: .inputWriter,
            output: .sequence,
            error: .string(limit: 1 << 20)
        ) { execution in
            // The thread that started it has the priority that libdispatch gave it, not the one this process was given.
            let one = __priority_which_t(PRIO_PROCESS.rawValue)
            _ = setpriority(one, id_t(execution.processIdentifier.value), getpriority(one, id_t(getpid())))
            let guest = Guest(writer: execution.standardInputWriter, console: console, log: log)
            let result = await supervise(
                guest,
                execution.standardOutput,
                deadline: deadline,
                isEndedByBody,
                body
            )
            // Already off unless something failed; then nothing of it is worth keeping.
            do { try execution.send(signal: .kill) } catch { /* It is gone, as it should be. */  }
            return (guest, result)
        }
        let (guest, result) = outcome.closureResult
        let words = outcome.standardError.split(separator: "\n").first.map { ": \($0)" } ?? ""
        switch outcome.terminationStatus {
        case .exited(0), .signaled(Signal.kill.rawValue):
            return Outcome(guest: guest, result: result)
        default:
            return Outcome(
                guest: guest,
                result: result,
                emulatorEnd: "QEMU \(outcome.terminationStatus)\(words)"
            )
        }
    }

    private func supervise<Value: Sendable>(
        _ guest: Guest,
        _ stream: SubprocessOutputSequence,
        deadline: Duration,
        _ isEndedByBody: Bool,
        _ body: @Sendable @escaping (Guest) async throws -> Value
    ) async -> Result<MachineReport<Value>, any Error> {
        await withTaskGroup(of: Result<MachineReport<Value>, any Error>?.self) { group in
            group.addTask { await result { try await use(guest, stream, isEndedByBody, body) } }
            group.addTask {
                do {
                    try await Task.sleep(for: deadline)
                    return .failure(DeadlinePassed(deadline: deadline))
                } catch {
                    // Cancelled, because the machine is off.
                    return nil
                }
            }
            if !isEndedByBody {
                // With panic=0 the machine would stay until the deadline.
                group.addTask {
                    do {
                        try await guest.waitForPanic()
                        return .failure(KernelPanicked())
                    } catch {
                        // Cancelled; or the console is gone with its directory.
                        return nil
                    }
                }
            }
            defer { group.cancelAll() }
            for await outcome in group { if let outcome { return outcome } }
            return .failure(CancellationError())
        }
    }

    private func use<Value: Sendable>(
        _ guest: Guest,
        _ stream: SubprocessOutputSequence,
        _ isEndedByBody: Bool,
        _ body: @Sendable @escaping (Guest) async throws -> Value
    ) async throws -> MachineReport<Value> {
        let clock = ContinuousClock()
        let start = clock.now
        async let channel: Void = guest.receive(stream)
        if saved != nil { try await guest.wake() }
        try await waitUntilReady(guest)
        guard guest.release != nil else {
            // A channel that failed says more than that there was no greeting.
            try await channel
            throw NotReady()
        }
        for mount in mounts { try await guest.mount(mount) }
        let ready = clock.now
        let value = try await body(guest)
        let end = clock.now
        if !isEndedByBody { try await guest.powerOff() }
        try await channel
        return MachineReport(
            value: value,
            kernelLog: guest.kernelLog,
            kernelLogSinceBoot: guest.kernelLogSinceBoot,
            taint: guest.taint,
            wasWarm: saved != nil,
            bootTime: start.duration(to: ready),
            powerOffTime: end.duration(to: clock.now)
        )
    }
}

extension Machine {
    /// Waits for the agent's greeting, with little patience under KVM: where that works, a boot takes a second.
    private func waitUntilReady(_ guest: Guest) async throws {
        guard case .kvm = acceleration else {
            await guest.waitUntilReady()
            return try Task.checkCancellation()
        }
        let impatience = Task {
            try await Task.sleep(for: .seconds(Self.patienceUnderKVM))
            guest.giveUp()
        }
        defer { impatience.cancel() }
        await guest.waitUntilReady()
        try Task.checkCancellation()
        if guest.release == nil { throw NotReady() }
    }

    /// In seconds.
    private static var patienceUnderKVM: Int { 20 }

    /// How long a boot may take, in seconds, where `limit` is for all.
    public func bootSeconds(atMost limit: Int) -> Int {
        if case .kvm = acceleration { return min(limit, Self.patienceUnderKVM) }
        return limit
    }
}

private func result<Value>(_ body: () async throws -> Value) async -> Result<Value, any Error> {
    do { return .success(try await body()) } catch { return .failure(error) }
}

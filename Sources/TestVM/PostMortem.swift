// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

/// The machine outlived its deadline.
struct DeadlinePassed: Error { var deadline: Duration }

/// The machine's kernel has said its last word.
struct KernelPanicked: Error {}

/// The machine stopped before its agent said hello.
struct NotReady: Error {}

/// Finds out why a machine failed, and keeps what it said.
struct PostMortem {
    var directory: FilePath
    var guest: Guest
    /// The machine's memory in MiB.
    var memory: Int
    /// How the emulator ended and what it said, where that was not as it should.
    var emulatorEnd: String?

    /// The file for what the machine writes to its console.
    static func console(in directory: FilePath) -> FilePath { directory.appending("console.log") }

    /// The error for the user: the cause, and where the logs are.
    func explain(_ error: any Error, release: String) throws -> any Error {
        // Interrupted, or nobody reads what the command prints: the machine did nothing wrong.
        if error is CancellationError || error as? Errno == .brokenPipe {
            try directory.removeTree()
            return error
        }
        let lines = consoleLines()
        let panic = lines.first { $0.contains("Kernel panic") }.map { "the kernel panicked: \($0)" }
        let machine = "VM with kernel \(release)"
        switch error {
        case let passed as DeadlinePassed:
            let state = guest.release == nil ? "it had not booted" : "it was running"
            let cause = "killed after \(passed.deadline.seconds) s; \(state)"
            let said = guest.kernelLog.report(of: guest.taint)
            let report = said.isEmpty ? [] : ["the kernel reported:"] + said.map { "  \($0)" }
            let hint = (report + [keepLogs()]).joined(separator: "\n")
            return OperationError("run", machine, errno: .timedOut, cause: cause, hint: hint)
        case is NotReady:
            let last = lastWords(lines).map { "its console ended with: \($0)" }
            let words = lines + (emulatorEnd.map { [$0] } ?? [])
            let cause = overfull(words) ?? panic ?? emulatorEnd ?? last ?? "it stopped without a word"
            return OperationError("boot", machine, cause: cause, hint: keepLogs())
        default:
            if let cause = panic ?? emulatorEnd {
                return OperationError("run", machine, cause: cause, hint: keepLogs())
            }
            return (error as? OperationError).map { OperationError($0, adding: keepLogs()) } ?? error
        }
    }

    /// Whether what is packed for the guest has no room in its memory.
    private func overfull(_ lines: [String]) -> String? {
        let marks = [
            "Initramfs unpacking failed", "initrd overwritten", "initrd is too large", "out of memory",
            "Out of memory",
        ]
        guard let line = lines.first(where: { line in marks.contains { line.contains($0) } }) else {
            return nil
        }
        return
            "its \(memory) MiB of memory do not hold what is packed for it; give it more with --memory: \(line)"
    }

    /// The console's last line that tells a cause: the agent's, if it complained, or what came before the end.
    private func lastWords(_ lines: [String]) -> String? {
        lines.last { $0.hasPrefix("ringside agent: ") } ?? lines.last { !$0.contains("reboot: ") }
    }

    /// What the machine wrote to its console; none where it did not come so far.
    private func consoleLines() -> [String] {
        do {
            let text = try Self.console(in: directory).readText()
            return text.split(whereSeparator: \.isNewline).map(String.init)
        } catch {
            return []
        }
    }

    /// Writes down what is only in memory.
    func writeLogs() throws {
        try directory.appending("kernel.log").write(guest.kernelLog.text.utf8)
        try directory.appending("commands.log").write(guest.transcript)
    }

    /// Writes down what is only in memory, and says where the logs are.
    private func keepLogs() -> String {
        do {
            try writeLogs()
            return "the guest's logs are in \(directory)"
        } catch {
            return "the guest's logs are in \(directory), but not all could be written: \(error)"
        }
    }
}

extension OperationError {
    fileprivate init(_ error: OperationError, adding hint: String) {
        self = error
        self.hint = [error.hint, hint].compactMap { $0 }.joined(separator: "\n")
    }
}

extension Duration {
    /// Whole seconds, rounded down.
    var seconds: Int64 { components.seconds }
}

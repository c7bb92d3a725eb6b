// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

/// The machine outlived its deadline.
struct DeadlinePassed: Error { var deadline: Duration }

/// The machine stopped before its agent said hello.
struct NotReady: Error {}

/// Finds out why a machine failed, and keeps what it said.
struct PostMortem {
    var directory: FilePath
    var console: FilePath
    var guest: Guest
    var emulatorWords: String

    /// The error for the user: the cause, and where the logs are.
    func explain(_ error: any Error, release: String) throws -> any Error {
        let log = guest.kernelLog
        try directory.appending("kernel.log").write(log.text.utf8)
        try directory.appending("commands.log").write(guest.transcript)
        let lines =
            console.exists ? try console.readText().split(whereSeparator: \.isNewline).map(String.init) : []
        let panic = lines.first { $0.contains("Kernel panic") }.map { "the kernel panicked: \($0)" }
        let hint = "the guest's logs are in \(directory)"
        let machine = "VM with kernel \(release)"
        switch error {
        case let passed as DeadlinePassed:
            let state = guest.release == nil ? "it had not booted" : "it was running"
            return OperationError(
                "run",
                machine,
                errno: .timedOut,
                cause: "killed after \(passed.deadline.seconds) s; \(state)",
                hint: hint
            )
        case is NotReady:
            let words = emulatorWords.split(separator: "\n").first.map { "QEMU says: \($0)" }
            let last = lines.last.map { "its console ended with: \($0)" }
            return OperationError(
                "boot",
                machine,
                cause: panic ?? words ?? last ?? "it stopped without a word",
                hint: hint
            )
        case is CancellationError:
            try directory.removeTree()
            return error
        default:
            guard let panic else {
                if let error = error as? OperationError { return OperationError(error, adding: hint) }
                return error
            }
            return OperationError("run", machine, cause: panic, hint: hint)
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

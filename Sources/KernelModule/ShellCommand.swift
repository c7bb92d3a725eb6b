// SPDX-License-Identifier: MIT
import Glibc
import LinuxSystem
import SystemPackage

/// A command that modprobe.d runs in place of loading or unloading a module.
struct ShellCommand {
    let line: String
    let module: String

    init(_ line: String, module: String) {
        self.line = line
        self.module = module
    }

    /// Runs it as modprobe does: by the shell, with the module's name in `MODPROBE_MODULE`.
    ///
    /// - Returns: the exit status; for a shell that a signal ended, 128 and the signal, as shells tell it.
    func run(parameters: String = "") -> CInt {
        do throws(Errno) {
            try SystemCalls.setEnvironment("MODPROBE_MODULE", module)
        } catch {
            return 127
        }
        // The C string lives until the command has ended.
        let status = unsafe system(line.replacing("$CMDLINE_OPTS", with: parameters))
        if status < 0 { return 127 }
        let signal = status & 0x7f
        return signal == 0 ? (status >> 8) & 0xff : 128 + signal
    }

    /// The error of a command after which the module is not as it should be.
    func error(status: CInt, operation: String) -> OperationError {
        OperationError(
            operation,
            module,
            cause:
                "modprobe.d has a command in its place, which ended with \(status) and did not \(operation) it: \(line)"
        )
    }
}

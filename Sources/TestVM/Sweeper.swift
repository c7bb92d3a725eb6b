// SPDX-License-Identifier: MIT
import Glibc
package import LinuxSystem
package import SystemPackage

/// Removes a directory, or a file, when this process is killed and cannot do it itself.
///
/// A shell waits for the end of a pipe that only this process holds open.
package struct Sweeper: Sendable {
    private let process: ChildProcess

    package init(_ directory: FilePath) throws(OperationError) {
        // The lock, where there is one, tells that a new supervisor has taken the directory over.
        let script = """
            read _ && exit; sleep 0.2
            if [ -e "$1/lock" ]; then exec flock -n "$1/lock" rm -rf -- "$1"; else exec rm -rf -- "$1"; fi
            """
        do throws(Errno) {
            process = try ChildProcess.spawn(
                arguments: ["/bin/sh", "-c", script, "sh", directory.string],
                environment: ["PATH=/usr/bin:/bin"]
            )
        } catch {
            throw OperationError("start", "/bin/sh", errno: error)
        }
    }

    /// Leaves the directory to this process.
    package func dismiss() {
        // A sweeper that was killed needs no dismissal.
        _ = Result { try process.input.writeAll("\n".utf8) }
        for descriptor in [process.input, process.output, process.errorOutput] {
            _ = Glibc.close(descriptor.rawValue)
        }
        SystemCalls.wait(for: process.processID)
    }
}

// SPDX-License-Identifier: MIT
import LinuxSystem
public import Subprocess
import SystemPackage

/// A program of this host, run to its end with nothing on its standard input.
public enum ChildProgram {
    /// - Parameter name: looked up in `PATH` where it has no slash.
    /// - Throws: `OperationError` where a signal ended it.
    public static func run(
        _ name: String,
        _ arguments: [String],
        environment: [Environment.Key: String?] = [:]
    ) async throws -> (status: Int32, output: String, error: String) {
        let result = try await Subprocess.run(
            name.contains("/") ? .path(FilePath(name)) : .name(name),
            arguments: Arguments(arguments),
            environment: .inherit.updating(environment),
            input: .none,
            output: .string(limit: 1 << 24),
            error: .string(limit: 1 << 24)
        )
        guard case .exited(let status) = result.terminationStatus else {
            throw OperationError("run", "\(name) \(arguments)", cause: "\(result.terminationStatus)")
        }
        return (status, result.standardOutput, result.standardError)
    }
}

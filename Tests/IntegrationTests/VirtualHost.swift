// SPDX-License-Identifier: MIT
import Glibc
import LinuxSystem
import Synchronization
import SystemPackage
import TestVM

/// A test VM that stands for a real host: the program under test, real kernel modules, a real configfs.
struct VirtualHost {
    let guest: Guest

    /// Boots a machine that can load `modules`, lets `body` use it, and gives its kernel log since boot.
    @discardableResult
    static func boot(
        modules: [String] = [],
        programs: [String] = [],
        files: [(host: FilePath, guest: FilePath)] = [],
        append: [String] = [],
        processors: Int = 1,
        deadline: Duration = .seconds(300),
        _ body: @Sendable @escaping (VirtualHost) async throws -> Void
    ) async throws -> KernelLog {
        var options = MachineOptions(agent: Host.ringside.removingLastComponent().appending("GuestAgent"))
        options.modules = modules
        options.processors = processors
        options.programs = programs.map { FilePath($0) }
        options.renamedPrograms = [(host: Host.ringside, guest: "/usr/bin/ringside")] + files
        options.append = append
        let machine = try await Machine(options)
        return try await machine.run(deadline: deadline) { try await body(VirtualHost(guest: $0)) }
            .kernelLogSinceBoot
    }

    /// Runs a line of shell to its end.
    func run(_ line: String, input: String? = nil) async throws -> Outcome {
        let streams = Mutex<[Guest.Stream: [UInt8]]>([:])
        let status = try await guest.execute(
            ["sh", "-c", line],
            input: input.map { text in
                AsyncStream {
                    $0.yield(Array(text.utf8)); $0.finish()
                }
            }
        ) { stream, bytes in
            streams.withLock { $0[stream, default: []] += bytes }
        }
        let (output, error) = streams.withLock { ($0[.output] ?? [], $0[.error] ?? []) }
        return Outcome(
            status: status,
            output: String(decoding: output, as: UTF8.self),
            error: String(decoding: error, as: UTF8.self)
        )
    }
}

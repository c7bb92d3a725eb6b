// SPDX-License-Identifier: MIT
import LinuxSystem
import Subprocess
import SystemPackage
import Testing
import TestSupport

/// What a command left behind.
struct Outcome: Equatable {
    var status: Int32
    var output: String
    var error: String
}

/// This host, with the release build of the program under test.
enum Host {
    /// The program, where `Scripts/test` builds it before it runs the tests.
    static let ringside = FilePath(#filePath).removingLastComponent().removingLastComponent()
        .removingLastComponent()
        .appending(".build/release/ringside")

    /// Why the tests of this target cannot run here; `nil` where they can.
    static var obstacle: String? {
        if !ringside.exists {
            return "\(ringside) is not built: swift build -c release --static-swift-stdlib"
        }
        if FilePath.locate(program: "qemu-system-x86_64") == nil {
            return "qemu-system-x86_64 is not installed"
        }
        if !FilePath("/lib/modules").exists { return "no kernel with modules is installed" }
        return nil
    }

    /// Runs the program on this host, with nothing on its standard input.
    static func run(_ arguments: String..., environment: [Environment.Key: String?] = [:]) async throws
        -> Outcome
    {
        try await run(arguments, environment: environment)
    }

    static func run(_ arguments: [String], environment: [Environment.Key: String?] = [:]) async throws
        -> Outcome
    {
        try await outcome(ringside.string, arguments, environment)
    }

    /// Runs a line of shell on this host.
    static func shell(_ line: String) async throws -> Outcome { try await outcome("/bin/sh", ["-c", line]) }

    private static func outcome(
        _ program: String,
        _ arguments: [String],
        _ environment: [Environment.Key: String?] = [:]
    ) async throws -> Outcome {
        let (status, output, error) = try await ChildProgram.run(program, arguments, environment: environment)
        return Outcome(status: status, output: output, error: error)
    }
}

extension Trait where Self == ConditionTrait {
    /// Skips, with the reason, where the host lacks what a test VM needs.
    static var needsTestVM: ConditionTrait {
        .enabled(if: Host.obstacle == nil, Comment(rawValue: Host.obstacle ?? ""))
    }
}

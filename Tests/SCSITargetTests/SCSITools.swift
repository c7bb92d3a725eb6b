// SPDX-License-Identifier: MIT
import LinuxSystem
import SCSITarget
import Subprocess
import SystemPackage
import TestSupport

/// A unit served to programs that were written for the kernel's SCSI devices.
final class SCSITools {
    private let folder: FilePath
    private let server: CommandServer

    init(_ target: TargetDevice) async throws {
        folder = try FilePath.makeTemporaryDirectory(prefix: "scsitools")
        let source = FilePath(#filePath).removingLastComponent().appending("Shim/sg.c")
        let shim = folder.appending("sg.so")
        let flags = ["-shared", "-fPIC", "-O1", "-o", shim.string, source.string]
        let compiled = try await Self.run("cc", flags)
        if compiled.status != 0 { throw OperationError("compile", source.string, cause: compiled.text) }
        server = try CommandServer(target, socketPath: folder.appending("socket"))
    }

    deinit {
        server.stop()
        // Only a left-over in the directory for temporary files.
        do { try folder.removeTree() } catch { print("\(folder): \(error)") }
    }

    /// What a program said, on both streams, and its exit status.
    struct Outcome {
        let status: Int32
        let text: String
    }

    /// Runs a program; `/dev/sg-ringside0` is the unit.
    func run(_ words: [String]) async throws -> Outcome {
        let environment: [Environment.Key: String?] = [
            "LD_PRELOAD": folder.appending("sg.so").string, "RINGSIDE_SG_SOCKET": server.socketPath.string,
        ]
        return try await Self.run(words[0], Array(words.dropFirst()), environment)
    }

    /// Runs a program that needs no device.
    static func run(
        _ program: String,
        _ arguments: [String],
        _ environment: [Environment.Key: String?] = [:]
    ) async throws -> Outcome {
        let (status, output, error) = try await ChildProgram.run(program, arguments, environment: environment)
        return Outcome(status: status, text: output + error)
    }
}

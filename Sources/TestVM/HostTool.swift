// SPDX-License-Identifier: MIT
import LinuxSystem
import Subprocess
import SystemPackage

/// A program of the host's distribution that does part of the work, such as `depmod` or `cpio`.
struct HostTool {
    let name: String
    /// The Debian package that holds it.
    let package: String

    static let cpio = HostTool(name: "cpio", package: "cpio")
    static let depmod = HostTool(name: "depmod", package: "kmod")
    static let dpkgDeb = HostTool(name: "dpkg-deb", package: "dpkg")
    static let ldd = HostTool(name: "ldd", package: "libc-bin")
    static let sha256sum = HostTool(name: "sha256sum", package: "coreutils")
    static let sh = HostTool(name: "sh", package: "dash")

    /// Where it is: in the caller's `PATH`, or where Debian puts what only root needs.
    func locate() throws(OperationError) -> FilePath {
        guard let path = FilePath.locate(program: name) else {
            throw OperationError(
                "run",
                name,
                errno: .noSuchFileOrDirectory,
                cause: "the program is not installed",
                hint: "install it, as root: apt-get install \(package)"
            )
        }
        return path
    }

    /// Runs it to its end.
    ///
    /// - Returns: its standard output.
    /// - Throws: an error that holds its last words when it is not there or does not end with 0.
    @discardableResult
    func run(_ arguments: [String], input: String = "", in directory: FilePath? = nil) async throws -> String
    {
        let result = try await Subprocess.run(
            .path(try locate()),
            arguments: Arguments(arguments),
            // Its words are read here, so they are to be those of the C locale.
            environment: .inherit.updating(["LC_ALL": "C"]),
            workingDirectory: directory,
            input: .string(input),
            output: .string(limit: 1 << 24),
            error: .string(limit: 1 << 16)
        )
        guard result.terminationStatus == .exited(0) else {
            let words = result.standardError.split(separator: "\n").last.map(String.init)
            throw OperationError("run", name, cause: words ?? "\(result.terminationStatus)")
        }
        return result.standardOutput
    }
}

// SPDX-License-Identifier: MIT
import ArgumentParser
import KernelModule
import LinuxSystem
import Subprocess
import SystemPackage
import TestVM

struct ModuleBuildCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "build",
        abstract:
            "Build a module out of the kernel's tree, with the headers of the kernel that test VMs run.",
        discussion: """
            Runs the kernel's own make on a directory with a Kbuild or Makefile, and shows what the compiler and \
            modpost find wrong, each problem once.

            EXAMPLES
              ringside module build ./driver
              ringside module build --kernel 6.1.0-56-amd64 ./driver
              ringside vm run --module ./driver/driver.ko -- ringside module cycle driver -n 100
            """
    )

    @Argument(help: "Where the module's Kbuild or Makefile is.", completion: .directory)
    var directory: String

    @Option(help: ArgumentHelp("The kernel: a release, or the path of its image.", valueName: "release|path"))
    var kernel: String?

    @Flag(help: "Print the command line and build nothing.")
    var dryRun = false

    @OptionGroup var output: OutputOptions

    private struct Report: Encodable {
        var release: String
        var modules: [String]
        var problems: [BuildProblem]
    }

    func run() async throws {
        let image = try KernelImage.find(kernel)
        let arguments = try arguments(image)
        let make = try make()
        if dryRun {
            return try output.print([make.string] + arguments) { $0.map(shellQuoted).joined(separator: " ") }
        }
        let result = try await untilInterrupted {
            try await Subprocess.run(
                .path(make),
                arguments: Arguments(arguments),
                environment: .inherit.updating(["LC_ALL": "C"]),
                output: .string(limit: 1 << 22),
                error: .string(limit: 1 << 22)
            )
        }
        let problems = BuildProblem.all(in: result.standardError + "\n" + result.standardOutput)
        guard result.terminationStatus == .exited(0) else { throw failure(problems, result.standardError) }
        let modules = try BuiltModules.all(in: FilePath(directory)).map(\.string)
        try output.print(Report(release: image.release, modules: modules, problems: problems)) { report in
            let lines =
                report.problems.map(\.text) + report.modules.map { "built \($0) for \(report.release)" }
            return lines.joined(separator: "\n")
        }
    }

    private func arguments(_ image: KernelImage) throws -> [String] {
        let source = FilePath(directory)
        guard ["Kbuild", "Makefile"].contains(where: { source.appending($0).exists }) else {
            throw OperationError(
                "build",
                directory,
                errno: .noSuchFileOrDirectory,
                cause: "there is no Kbuild or Makefile in it"
            )
        }
        let headers = image.modules.appending("build")
        guard headers.appending("Makefile").exists else {
            throw OperationError(
                "build",
                directory,
                errno: .noSuchFileOrDirectory,
                cause: "no kernel headers in \(headers)",
                hint: "install them, as root: apt-get install linux-headers-\(image.release)"
            )
        }
        return ["--silent", "-C", headers.string, "M=\(try source.resolved())", "modules"]
    }

    private func make() throws -> FilePath {
        if let make = FilePath.locate(program: "make") { return make }
        let hint = "install it, as root: apt-get install make"
        throw OperationError("run", "make", errno: .noSuchFileOrDirectory, hint: hint)
    }

    private func failure(_ problems: [BuildProblem], _ said: String) -> OperationError {
        let errors = problems.filter { $0.kind == .error }
        let more = errors.count > 1 ? " and \(errors.count - 1) more" : ""
        let cause = errors.first.map { $0.text + more } ?? said
        let rest = problems.filter { $0 != errors.first }.prefix(20).map(\.text)
        return OperationError(
            "build",
            directory,
            cause: cause,
            hint: rest.isEmpty ? nil : rest.joined(separator: "\n")
        )
    }
}

extension BuildProblem {
    /// `FILE:LINE: error: MESSAGE`.
    fileprivate var text: String {
        let place = [file, line.map(String.init)].compactMap { $0 }.joined(separator: ":")
        return (place.isEmpty ? "" : "\(place): ") + "\(kind.rawValue): \(message)"
    }
}

// SPDX-License-Identifier: MIT
import ArgumentParser
import Glibc
import LinuxSystem
import SystemPackage
import TestVM

struct VMMatrixCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "matrix",
        abstract: "Run the same command over kernels, processors and modules.",
        discussion: """
            Reads the part of YAML that this shows; each list is one dimension, and what is not there has one value. \
            As many machines run at a time as processors and free memory allow. The last 256 KiB of each output are kept.

              command: ringside module load vhost_scsi      (a line of shell, or a list of words)
              kernels: [6.1.0-56-amd64, /boot/vmlinuz-6.12.9-amd64]
              cpus: [1, 2]
              modules:
                - [vhost_scsi]
                - [vhost_scsi, ./driver.ko]
              append: [debug]

            EXAMPLES
              ringside vm matrix tests.yaml
              ringside vm matrix tests.yaml --junit results.xml --jobs 2
            """
    )

    @Argument(help: "The file.", completion: .file())
    var file: String

    @Option(help: ArgumentHelp("Write the results as JUnit XML.", valueName: "file"), completion: .file())
    var junit: String?

    @Option(help: ArgumentHelp("Run at most so many machines at a time.", valueName: "count"))
    var jobs: Int?

    @OptionGroup var contents: MachineContents
    @OptionGroup var machine: MachineArguments

    @Flag(help: "Do not fail because of what the kernel's log or its taint reports.")
    var allowWarn = false

    @Flag(help: "Print the machines and boot none.")
    var dryRun = false

    @OptionGroup var output: OutputOptions

    private struct Listing: Encodable { var cases: [MatrixResult] }

    func validate() throws {
        if let jobs, jobs < 1 { throw ValidationError("--jobs \(jobs): not positive") }
        if machine.memoryFile != nil {
            throw ValidationError("--memory-file: many machines have no one file")
        }
    }

    mutating func run() async throws {
        let matrix = try MatrixFile(naming("read", file) { try FilePath(file).readText() })
        let cases = matrix.cases
        if dryRun {
            return try output.print(cases.map(\.name)) { $0.joined(separator: "\n") }
        }
        let base = try contents.add(to: machine.options(modules: contents.module))
        let width = try width(of: cases.count)
        let (deadline, allowWarn) = (Duration.seconds(machine.timeout), allowWarn)
        if let junit { try checkThatCanBeMade(junit) }
        let results = try await untilInterrupted {
            try await inParallel(width, cases) {
                try await $0.run(base, deadline: deadline, allowWarn: allowWarn)
            }
        }
        try output.print(Listing(cases: results)) { describe($0.cases) }
        if let junit {
            try naming("write", junit) { try FilePath(junit).write(junitReport(results, name: file).utf8) }
        }
        if results.contains(where: { $0.failure != nil }) { throw ExitCode.failure }
    }

    /// Asks before any machine is booted, and leaves what is there as it is.
    private func checkThatCanBeMade(_ path: String) throws {
        let file = FilePath(path)
        let isNew = !file.exists
        try naming("write", path) {
            if try !isNew && file.stat().type != .regular { return }
            try FileDescriptor.open(
                file,
                .writeOnly,
                options: [.create, .closeOnExec],
                permissions: [.ownerReadWrite, .groupRead, .otherRead]
            ).close()
            if isNew { try file.removeFile() }
        }
    }

    /// How many machines fit: each takes its memory, and what the emulator needs for itself.
    private func width(of count: Int) throws -> Int {
        let text = try FilePath("/proc/meminfo").readText()
        let line = text.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
        let available = line.flatMap { Int($0.split(separator: " ")[1]) } ?? 0
        let each = Int(machine.memory.bytes >> 10) + 128 << 10
        let most = min(jobs ?? max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))), max(1, available / each))
        return min(count, most)
    }

    private func describe(_ results: [MatrixResult]) -> String {
        let rows = results.map { result in
            [
                result.kernel, "\(result.processors)", result.modules.list, "\(result.milliseconds)",
                result.failure ?? "passed",
            ]
        }
        let failed = results.count { $0.failure != nil }
        let table = Table(columns: ["KERNEL", "CPUS", "MODULES", "MS", "RESULT"], rows: rows)
        return "\(table)\n\(results.count - failed) passed, \(failed) failed"
    }
}

private func naming<Value>(_ operation: String, _ path: String, _ body: () throws -> Value)
    throws(OperationError) -> Value
{
    do {
        return try body()
    } catch {
        throw OperationError(operation, path, errno: error as? Errno)
    }
}

/// One machine of a matrix.
struct MatrixCase: Sendable {
    var command: [String]
    var kernel: String?
    var processors: Int
    var modules: [String]
    var append: [String]

    var name: String {
        let words = [kernel ?? "newest kernel", "\(processors) CPUs"] + modules
        return words.joined(separator: ", ")
    }

    func run(_ base: MachineOptions, deadline: Duration, allowWarn: Bool) async throws -> MatrixResult {
        var options = base
        if let kernel { options.kernel = kernel }
        options.processors = processors
        options.modules += modules
        options.append += append
        let (prepared, command) = (options, command)
        let capture = CommandOutput(passesOn: false, limit: 256 << 10)
        let start = ContinuousClock.now
        var result = MatrixResult(kernel: kernel ?? "newest", processors: processors, modules: modules)
        do {
            let (machine, report) = try await Machine(prepared).withFallback(prepared) { machine in
                try await machine.run(deadline: deadline) { guest in
                    try await guest.execute(command, receive: capture.receive)
                }
            }
            result.kernel = machine.kernel.release
            let trouble = allowWarn ? [] : report.trouble
            result.kernelReport = allowWarn ? [] : report.kernelReport
            if report.value != 0 {
                result.failure = "ended with \(report.value)"
            } else if let first = trouble.first {
                result.failure = "the kernel reported: \(first)"
            }
        } catch let error as OperationError {
            result.failure = "\(error)"
        }
        result.output = capture.text(.output) + capture.text(.error)
        result.milliseconds = start.duration(to: .now).milliseconds
        return result
    }
}

struct MatrixResult: Encodable, Sendable {
    var kernel: String
    var processors: Int
    var modules: [String]
    var milliseconds: Int64 = 0
    /// Why it failed; nil where it passed.
    var failure: String?
    /// What the kernel said about its trouble.
    var kernelReport: [String] = []
    /// What the command printed, the last 256 KiB of each stream.
    var output = ""

    init(kernel: String, processors: Int, modules: [String]) {
        (self.kernel, self.processors, self.modules) = (kernel, processors, modules)
    }
}

extension MatrixFile {
    /// Every combination, the last dimension fastest.
    fileprivate var cases: [MatrixCase] {
        kernels.flatMap { kernel in
            processors.flatMap { count in
                modules.map { names in
                    MatrixCase(
                        command: command,
                        kernel: kernel,
                        processors: count,
                        modules: names,
                        append: append
                    )
                }
            }
        }
    }
}

/// Does the work on every item, on some at a time; the results are in the items' order.
private func inParallel<Item: Sendable, Value: Sendable>(
    _ width: Int,
    _ items: [Item],
    _ work: @Sendable @escaping (Item) async throws -> Value
) async throws -> [Value] {
    try await withThrowingTaskGroup(of: (Int, Value).self) { group in
        var results: [Int: Value] = [:]
        for (place, item) in items.enumerated() {
            if place >= width, let (done, value) = try await group.next() { results[done] = value }
            group.addTask { (place, try await work(item)) }
        }
        for try await (done, value) in group { results[done] = value }
        return items.indices.compactMap { results[$0] }
    }
}

/// The results as JUnit's XML, which CI services show.
private func junitReport(_ results: [MatrixResult], name: String) -> String {
    let failures = results.count { $0.failure != nil }
    let cases = results.map { result in
        let title = "\(result.kernel), \(result.processors) CPUs, \(result.modules.list)"
        let seconds = "\(result.milliseconds / 1000).\(String(result.milliseconds % 1000 + 1000).dropFirst())"
        let report = escaped(result.kernelReport.joined(separator: "\n"))
        let failure = result.failure.map { "<failure message=\"\(escaped($0))\">\(report)</failure>" } ?? ""
        return """
              <testcase classname="ringside.matrix" name="\(escaped(title))" time="\(seconds)">\(failure)
                <system-out>\(escaped(result.output))</system-out>
              </testcase>
            """
    }
    return """
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuite name="\(escaped(name))" tests="\(results.count)" failures="\(failures)">
        \(cases.joined(separator: "\n"))
        </testsuite>

        """
}

/// A text within XML 1.0, which has no place for most control characters.
private func escaped(_ text: String) -> String {
    text.unicodeScalars.map { scalar in
        switch scalar {
        case "&": "&amp;"
        case "<": "&lt;"
        case ">": "&gt;"
        case "\"": "&quot;"
        case "\n", "\t": String(scalar)
        case _ where scalar.value < 32: "\u{fffd}"
        default: String(scalar)
        }
    }.joined()
}

// SPDX-License-Identifier: MIT
import ArgumentParser
import Glibc
import LinuxSystem
import Minidump
import Subprocess
import SystemPackage

struct MinidumpBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure assembling a large sparse dump against cp of the same bytes.",
        discussion: """
            Makes a sparse collection, assembles it, and copies the same bytes with cp --sparse=always, several times \
            in turn; prints the fastest of each and this program's peak memory.

            EXAMPLES
              ringside minidump bench
              ringside minidump bench --size 4G --directory /var/tmp --json
            """
    )

    @Option(
        help: ArgumentHelp("Bytes of the dump, holes included.", valueName: "size"),
        transform: { try ByteSize($0) }
    )
    var size = ByteSize(bytes: 1 << 30)

    @Option(help: ArgumentHelp("Percent of them that are data.", valueName: "percent"))
    var data = 25

    @Option(help: ArgumentHelp("How often each is measured.", valueName: "count"))
    var rounds = 5

    @Option(
        help: ArgumentHelp("Where the files go for the time.", valueName: "directory"),
        completion: .directory
    )
    var directory: String?

    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...100).contains(data) else { throw ValidationError("--data \(data): not between 1 and 100") }
        guard (1...100).contains(rounds) else {
            throw ValidationError("--rounds \(rounds): not between 1 and 100")
        }
        guard size.bytes >= 16 << 20 else { throw ValidationError("--size \(size): at least 16M") }
    }

    func run() async throws {
        let place =
            try directory.map { FilePath($0) } ?? FilePath.makeTemporaryDirectory(prefix: "ringside-bench")
        let work = directory == nil ? place : place.appending("ringside-bench.\(SystemCalls.processID)")
        if directory != nil { try work.makeDirectory() }
        let result: Result<BenchReport, any Error>
        do { result = .success(try await measure(in: work)) } catch { result = .failure(error) }
        try work.removeTree()
        let report = try result.get()
        try output.print(report) { $0.description }
    }

    private func measure(in directory: FilePath) async throws -> BenchReport {
        let source = directory.appending("sparse.elf")
        let written = try SparseSample(size: UInt64(size.bytes), percent: data).write(to: source)
        var (assembling, copying): ([Double], [Double]) = ([], [])
        for _ in 0..<rounds {
            assembling.append(
                try seconds {
                    _ = try Dump(opening: [source]).assemble(to: directory.appending("assembled.elf"))
                }
            )
            copying.append(try await copySeconds(source, directory.appending("copied.elf")))
        }
        return BenchReport(
            bytes: UInt64(size.bytes),
            dataBytes: written,
            assembleSeconds: assembling.min() ?? 0,
            copySeconds: copying.min() ?? 0,
            peakMemoryBytes: try peakMemory()
        )
    }

    private func copySeconds(_ source: FilePath, _ destination: FilePath) async throws -> Double {
        let start = MonotonicClock.nanoseconds
        let result = try await Subprocess.run(
            .name("cp"),
            arguments: ["--sparse=always", source.string, destination.string],
            output: .discarded,
            error: .string(limit: 4096)
        )
        guard result.terminationStatus == .exited(0) else {
            throw OperationError("run", "cp", cause: result.standardError)
        }
        return Double(MonotonicClock.nanoseconds - start) / 1e9
    }

    private func seconds(_ body: () throws -> Void) throws -> Double {
        let start = MonotonicClock.nanoseconds
        try body()
        return Double(MonotonicClock.nanoseconds - start) / 1e9
    }

    /// The most memory that this process has had in use; the kernel's line is `VmHWM`.
    private func peakMemory() throws -> Int {
        let line = try FilePath("/proc/self/status").readText().split(separator: "\n").first {
            $0.hasPrefix("VmHWM:")
        }
        let kibibytes = line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap {
            Int($0)
        }
        return (kibibytes ?? 0) << 10
    }
}

private struct BenchReport: Encodable, CustomStringConvertible {
    var bytes: UInt64
    var dataBytes: UInt64
    var assembleSeconds: Double
    var copySeconds: Double
    var peakMemoryBytes: Int

    var description: String {
        let table = Table(
            columns: ["what", "seconds"],
            rows: [
                ["assemble, with CRC-32", rounded(assembleSeconds)],
                ["cp --sparse=always", rounded(copySeconds)],
            ]
        )
        return """
            \(bytes >> 20) MiB of which \(dataBytes >> 20) MiB are data
            \(table)
            ratio \(rounded(assembleSeconds / copySeconds)), peak memory \(peakMemoryBytes >> 20) MiB
            """
    }

    private func rounded(_ value: Double) -> String {
        let thousandths = Int((value * 1000).rounded())
        let rest = "\(thousandths % 1000)"
        return "\(thousandths / 1000)." + String(repeating: "0", count: 3 - rest.count) + rest
    }
}

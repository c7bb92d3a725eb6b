// SPDX-License-Identifier: MIT
import ArgumentParser
import Glibc
import LinuxSystem
import Minidump
import RingBench
import Subprocess
import SystemPackage

struct MinidumpBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure the tables' operations, and assembling against cp of the same bytes.",
        discussion: """
            Registers, updates, finds and unregisters regions at several fills of the tables, and appends the same \
            entries with libelf where it is installed; counts instructions where valgrind is. Then it makes a sparse \
            collection, assembles it, and copies the same bytes with cp --sparse=always, several times in turn; prints \
            the median of each with its spread, and this program's peak memory.

            EXAMPLES
              ringside minidump bench
              ringside minidump bench --regions 200 --size 4G --directory /var/tmp --json
              ringside minidump bench --check
            """
    )

    @Option(help: "Fills of the tables to measure at, with commas between.", transform: Self.fills)
    var regions = [10, 200, 1000, 10_000]

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

    @Flag(
        help: """
            Exit 1 if what does not depend on the machine is worse than promised: register, update and find take \
            more than 1.25 times the instructions at the largest fill, libelf less than 20 times those of register, \
            or assembling more than 64 MiB of memory.
            """
    )
    var check = false

    @OptionGroup var output: OutputOptions

    private static func fills(_ text: String) throws -> [Int] {
        try text.split(separator: ",", omittingEmptySubsequences: false).map { field in
            guard let fill = Int(field), (1...OperationBenchmark.regionLimit).contains(fill) else {
                throw ValidationError("a fill is a number from 1 to \(OperationBenchmark.regionLimit)")
            }
            return fill
        }
    }

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
        var report = try result.get()
        report.operations = try await OperationCosts(sizes: regions, rounds: rounds).measure()
        try output.print(report) { $0.description }
        if check && !report.broken.isEmpty {
            for line in report.broken { Terminal.writeError("ringside: \(line)") }
            throw ExitCode(1)
        }
    }

    private func measure(in directory: FilePath) async throws -> BenchReport {
        let source = directory.appending("sparse.elf")
        let written = try SparseSample(size: UInt64(size.bytes), percent: data).write(to: source)
        let result = directory.appending("result.elf")
        var (assembling, copying): ([Double], [Double]) = ([], [])
        for round in 1...rounds {
            Terminal.showProgress("assembling and copying, round \(round)")
            // Each starts without the other's unwritten pages.
            assembling.append(
                try seconds { _ = try Dump(opening: [source]).assemble(to: result) }
            )
            try result.removeTree()
            copying.append(try await copySeconds(source, result))
            try result.removeTree()
        }
        return BenchReport(
            bytes: UInt64(size.bytes),
            dataBytes: written,
            assembleSeconds: Spread(assembling),
            copySeconds: Spread(copying),
            ratio: Spread(zip(assembling, copying).map { $0 / $1 }),
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
    var assembleSeconds: Spread?
    var copySeconds: Spread?
    /// Assembling over copying, in each round.
    var ratio: Spread?
    var peakMemoryBytes: Int
    var operations: [OperationCost] = []

    var description: String {
        let costs = Table(
            columns: ["operation", "regions", "ns", "instructions"],
            rows: operations.map {
                [
                    $0.operation, "\($0.regions)", $0.nanoseconds.fixed(0),
                    $0.instructions.map { $0.fixed(0) } ?? "-",
                ]
            }
        )
        let files = Table(
            columns: ["what", "median", "least", "most"],
            rows: [
                row("assemble, with CRC-32, s", assembleSeconds, digits: 3),
                row("cp --sparse=always, s", copySeconds, digits: 3),
                row("ratio", ratio, digits: 2),
            ]
        )
        return """
            \(costs)

            \(bytes >> 20) MiB of which \(dataBytes >> 20) MiB are data
            \(files)
            peak memory \(peakMemoryBytes >> 20) MiB
            """
    }

    /// What is worse than it may be on any machine.
    var broken: [String] {
        var lines = ["register", "update", "find"].compactMap { operation -> String? in
            guard let growth = operations.growth(of: operation) else {
                return "the instructions of \(operation) were not counted: install valgrind"
            }
            return growth <= 1.25
                ? nil
                : "\(operation) grows with the table: \(growth.fixed(2)) times the instructions"
        }
        let ratio = operations.leastRatio(of: "libelf append", to: "register")
        if ratio.map({ $0 < 20 }) ?? true {
            lines.append(
                "libelf takes \(ratio.map { $0.fixed(1) } ?? "no") times the instructions of register"
            )
        }
        if peakMemoryBytes > 64 << 20 {
            lines.append("assembling took \(peakMemoryBytes >> 20) MiB of memory")
        }
        return lines
    }

    private func row(_ what: String, _ spread: Spread?, digits: Int) -> [String] {
        [what] + [spread?.median, spread?.least, spread?.most].map { ($0 ?? 0).fixed(digits) }
    }
}

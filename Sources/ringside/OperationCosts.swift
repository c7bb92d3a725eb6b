// SPDX-License-Identifier: MIT
import LinuxSystem
import Minidump
import Subprocess
import SystemPackage

/// What one operation costs at one fill.
struct OperationCost: Encodable {
    var operation: String
    var regions: Int
    var nanoseconds: Double
    /// User-mode instructions; `nil` where valgrind or its program is not installed.
    var instructions: Double?
}

/// Measures the operations of the C core, and libelf's, one after the other.
struct OperationCosts {
    var sizes: [Int]
    var rounds: Int

    /// Nanoseconds in this process; instructions in a program beside it, in which valgrind counts them.
    func measure() async throws -> [OperationCost] {
        let program = try FilePath("/proc/self/exe").resolved().removingLastComponent().appending(
            "MinidumpOperations"
        )
        let valgrind = program.exists ? FilePath.locate(program: "valgrind") : nil
        var costs: [OperationCost] = []
        for benchmark in OperationBenchmark.all {
            for size in sizes {
                Terminal.showProgress("\(benchmark.name) at \(size) regions")
                guard let nanoseconds = try nanoseconds(benchmark, size) else { continue }
                var cost = OperationCost(operation: benchmark.name, regions: size, nanoseconds: nanoseconds)
                if let valgrind { cost.instructions = try await instructions(cost, valgrind, program) }
                costs.append(cost)
            }
        }
        return costs
    }

    /// The fastest of as many batches as rounds, or of a hundred times as many where that takes no time.
    private func nanoseconds(_ benchmark: OperationBenchmark, _ size: Int) throws -> Double? {
        let start = MonotonicClock.nanoseconds
        guard let slow = try benchmark.nanoseconds(regions: size, batches: rounds) else { return nil }
        guard MonotonicClock.nanoseconds - start < 10_000_000 else { return slow }
        return try benchmark.nanoseconds(regions: size, batches: 100 * rounds).map { min($0, slow) }
    }

    private func instructions(_ cost: OperationCost, _ valgrind: FilePath, _ program: FilePath) async throws
        -> Double?
    {
        let result = try await Subprocess.run(
            .path(valgrind),
            arguments: [
                "--tool=callgrind", "--collect-atstart=no", "--callgrind-out-file=/dev/null", program.string,
                cost.operation, "\(cost.regions)",
            ],
            output: .discarded,
            error: .string(limit: 1 << 16)
        )
        guard result.terminationStatus == .exited(0) else {
            throw OperationError("run", valgrind.string, cause: result.standardError)
        }
        // "==123== Collected : 456"; 0 where the program was built without valgrind's header.
        let line = result.standardError.split(separator: "\n").first { $0.contains("Collected :") }
        let count = line?.split(separator: " ").last.flatMap { Double($0) } ?? 0
        return count > 0 ? count / Double(OperationBenchmark.batch) : nil
    }
}

extension [OperationCost] {
    /// An operation's instructions with the most regions over those with the fewest; `nil` where none were counted.
    func growth(of operation: String) -> Double? {
        let counts = filter { $0.operation == operation }.sorted { $0.regions < $1.regions }.map(
            \.instructions
        )
        guard let first = counts.first.flatMap({ $0 }), let last = counts.last.flatMap({ $0 }) else {
            return nil
        }
        return last / first
    }

    /// How many times an operation's instructions another one takes, at the number of regions where it is the least.
    func leastRatio(of other: String, to operation: String) -> Double? {
        compactMap { cost -> Double? in
            guard cost.operation == other, let count = cost.instructions,
                let own = first(where: { $0.operation == operation && $0.regions == cost.regions })?
                    .instructions
            else { return nil }
            return count / own
        }.min()
    }
}

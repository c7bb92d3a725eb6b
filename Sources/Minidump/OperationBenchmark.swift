// SPDX-License-Identifier: MIT
import CMinidumpBench
public import LinuxSystem
import SystemPackage

/// One operation on the tables, or its counterpart in libelf, to be measured at any fill; `struct minidump_bench`.
public struct OperationBenchmark: Sendable {
    /// `register`, `update`, `find`, `unregister` or `libelf append`.
    public let name: String
    private let index: UInt32

    /// How many operations are measured in one go.
    public static let batch = Int(MINIDUMP_BENCH_BATCH)
    /// Most regions that a measurement can start from.
    public static let regionLimit = Int(MINIDUMP_BENCH_REGIONS_MAX)

    /// All of them, in the order in which they are shown.
    public static var all: [OperationBenchmark] {
        var found: [OperationBenchmark] = []
        // The core's table of measurements ends with a null pointer.
        while let bench = unsafe minidump_bench_at(UInt32(found.count)) {
            let name = unsafe String(cString: bench.pointee.name)
            found.append(OperationBenchmark(name: name, index: UInt32(found.count)))
        }
        return found
    }

    /// Measures batches of operations.
    ///
    /// - Parameters:
    ///   - regions: how many there are before a batch, 1 to `regionLimit`.
    ///   - batches: at least 1.
    /// - Returns: nanoseconds for each operation of the fastest batch; `nil` where libelf is not installed.
    public func nanoseconds(regions: Int, batches: Int) throws(OperationError) -> Double? {
        var nanoseconds: UInt64 = 0
        // The result outlives the call.
        let status = unsafe minidump_bench_at(index).pointee.run(
            UInt32(regions),
            UInt32(batches),
            &nanoseconds
        )
        if status == -Errno.noSuchFileOrDirectory.rawValue { return nil }
        do throws(Errno) { try Errno.check(status) } catch {
            throw OperationError("measure", "\(name) at \(regions) regions", errno: error)
        }
        return Double(nanoseconds) / Double(Self.batch)
    }
}

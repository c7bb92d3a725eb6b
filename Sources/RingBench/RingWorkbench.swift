// SPDX-License-Identifier: MIT
internal import CRingBench
internal import LinuxSystem
internal import SystemPackage

/// One run: the time of each slice, and what else was counted.
struct RingRun: Equatable {
    /// Nanoseconds for each chain, of each slice.
    var slices: [Double]
    /// Chains of all slices.
    var chains: Int
    var kicks: Int
    var signals: Int
    /// Of two threads on two processors.
    var line: LineTrips?
    /// Of all slices, where the processor counts.
    var counts: Counts?
    /// Why it does not.
    var obstacle: Errno?

    struct Counts: Equatable {
        var instructions: Int
        var cacheMisses: Int
    }
}

/// The guest and both sides of a queue of one case, ready to be measured again and again.
///
/// The one file here that sees C: it owns a `struct ring_bench`.
@safe final class RingWorkbench {
    let ringCase: RingCase
    @unsafe private let bench: OpaquePointer

    init(_ ringCase: RingCase, on processors: ProcessorPair) throws(OperationError) {
        self.ringCase = ringCase
        var of = Self.describe(ringCase, processors)
        var made: OpaquePointer?
        // Both outlive the call, which keeps a copy of the first.
        let status = unsafe ring_bench_create(&of, &made)
        guard let made = unsafe made, status == 0 else {
            throw OperationError("prepare", ringCase.name, errno: Errno(rawValue: -status))
        }
        unsafe bench = made
    }

    deinit { unsafe ring_bench_destroy(bench) }

    private static func describe(_ ringCase: RingCase, _ processors: ProcessorPair) -> ring_bench_case {
        var of = ring_bench_case()
        switch ringCase.workload {
        case .device: of.kind = RING_BENCH_DEVICE
        case .pair: of.kind = RING_BENCH_PAIR
        case .poll: of.kind = RING_BENCH_POLL
        case .notify: of.kind = RING_BENCH_NOTIFY
        }
        of.features = ringCase.features
        of.num = UInt32(ringCase.size)
        of.pieces = UInt32(ringCase.chain.pieces)
        of.indirect = ringCase.chain == .indirect
        of.batch = UInt32(ringCase.batch)
        of.depth = UInt32(ringCase.depth ?? 0)
        of.regions = UInt32(ringCase.regions)
        of.cpus = (Int32(processors.driver), Int32(processors.device))
        return of
    }

    /// Measures `slices` slices of about `chains` chains.
    func run(slices: Int, chains: Int) throws(OperationError) -> RingRun {
        var times = [UInt64](repeating: 0, count: slices)
        var run = unsafe ring_bench_run()
        let status = unsafe times.withUnsafeMutableBufferPointer { times in
            // The storage outlives the call, and holds `count` numbers.
            unsafe run.slices = times.baseAddress
            unsafe run.count = UInt32(times.count)
            unsafe run.chains = UInt32(chains)
            return unsafe ring_bench_run(bench, &run)
        }
        guard status == 0 else {
            // A string constant.
            let fault = unsafe run.fault.map { unsafe String(cString: $0) }
            throw OperationError("run", ringCase.name, errno: Errno(rawValue: -status), cause: fault)
        }
        let each = unsafe Int(run.chains)
        let obstacle = unsafe run.counter_error
        let counts = unsafe RingRun.Counts(
            instructions: Int(run.instructions),
            cacheMisses: Int(run.cache_misses)
        )
        let line = unsafe LineTrips(before: run.line.0, after: run.line.1)
        return RingRun(
            slices: times.map { Double($0) / Double(each) },
            chains: each * slices,
            kicks: unsafe Int(run.kicks),
            signals: unsafe Int(run.signals),
            line: line.mean > 0 ? line : nil,
            counts: obstacle == 0 ? counts : nil,
            obstacle: obstacle == 0 ? nil : Errno(rawValue: obstacle)
        )
    }
}

extension BenchMachine {
    /// What the C code was built with.
    static var compiler: String {
        // A string constant.
        unsafe String(cString: ring_bench_compiler())
    }
}

// SPDX-License-Identifier: MIT
import ArgumentParser
import RingBench

/// The values whose combinations are the cases.
struct RingCaseOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("device, pair, poll, notify; or several.", valueName: "names"),
        completion: .list(RingWorkload.allCases.map(\.rawValue)),
        transform: names
    )
    var workload = RingWorkload.allCases

    @Option(
        help: ArgumentHelp("split, packed; or both.", valueName: "names"),
        completion: .list(RingDesign.allCases.map(\.rawValue)),
        transform: names
    )
    var ring = RingDesign.allCases

    @Option(
        help: ArgumentHelp(
            "Descriptors of a chain: 1, 3, 8, or indirect for a table of 3; or several.",
            valueName: "names"
        ),
        completion: .list(ChainShape.allCases.map(\.rawValue)),
        transform: names
    )
    var chain = [ChainShape.three]

    @Option(
        help: ArgumentHelp("Chains for each call, 1 to 64; or several.", valueName: "numbers"),
        transform: numbers(1...64)
    )
    var batch = [1, 32]

    @Option(
        help: ArgumentHelp("Entries of the ring, 1 to 32768; or several.", valueName: "numbers"),
        transform: numbers(1...32768)
    )
    var size = [256]

    @Option(help: "Chains in flight with two threads; else four batches, 64 at least, and one if they poll.")
    var depth: Int?

    @Option(help: "Regions of guest memory among which buffers take turns, 1 to 8.")
    var regions = 1

    @Flag(help: "Go by flags instead of VIRTIO_RING_F_EVENT_IDX; device and poll never signal.")
    var noEventIndex = false

    @Flag(help: "Use VIRTIO_F_IN_ORDER.")
    var inOrder = false

    func validate() throws {
        guard (1...8).contains(regions) else { throw ValidationError("--regions is 1 to 8.") }
        guard depth.map({ (1...32768).contains($0) }) ?? true else {
            throw ValidationError("--depth is 1 to 32768.")
        }
        guard !ring.contains(.split) || size.allSatisfy({ $0 & ($0 - 1) == 0 }) else {
            throw ValidationError("--size of a split ring is a power of two.")
        }
    }

    var matrix: RingMatrix {
        var matrix = RingMatrix()
        matrix.workloads = workload
        matrix.rings = ring
        matrix.chains = chain
        matrix.batches = batch
        matrix.sizes = size
        matrix.depth = depth
        matrix.regions = regions
        matrix.eventIndex = !noEventIndex
        matrix.inOrder = inOrder
        return matrix
    }
}

/// The values that names with commas between stand for.
private func names<Value: RawRepresentable & CaseIterable>(_ text: String) throws -> [Value]
where Value.RawValue == String {
    try text.split(separator: ",", omittingEmptySubsequences: false).map { field in
        guard let value = Value(rawValue: String(field)) else {
            throw ValidationError("one of \(Value.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return value
    }
}

/// Takes numbers of a range with commas between.
func numbers(_ range: ClosedRange<Int>) -> @Sendable (String) throws -> [Int] {
    { text in
        try text.split(separator: ",", omittingEmptySubsequences: false).map { field in
            guard let number = Int(field), range.contains(number) else {
                throw ValidationError("a number is \(range.lowerBound) to \(range.upperBound)")
            }
            return number
        }
    }
}

// SPDX-License-Identifier: MIT

/// Every combination of the given values that can be: batches and chains in flight that the ring has room for.
public struct RingMatrix: Sendable {
    public var workloads: [RingWorkload] = RingWorkload.allCases
    public var rings: [RingDesign] = RingDesign.allCases
    public var chains: [ChainShape] = [.three]
    public var batches = [1, 32]
    public var sizes = [256]
    /// Chains in flight with two threads; `nil` for four batches, 64 at least, as far as the ring has room, and for polling
    /// threads with batches of one also for one.
    public var depth: Int?
    public var regions = 1
    public var eventIndex = true
    public var inOrder = false

    public init() {}

    /// The combinations, in the order of the values.
    public var cases: [RingCase] {
        var cases: [RingCase] = []
        for workload in workloads {
            for ring in rings {
                for size in sizes {
                    cases += combinations(workload, ring, size)
                }
            }
        }
        return cases
    }

    private func combinations(_ workload: RingWorkload, _ ring: RingDesign, _ size: Int) -> [RingCase] {
        chains.flatMap { chain in
            batches.flatMap { batch in
                let room = size / chain.descriptors
                return depths(workload, batch, room).map { depth in
                    RingCase(
                        workload: workload,
                        ring: ring,
                        chain: chain,
                        batch: batch,
                        size: size,
                        depth: depth,
                        regions: regions,
                        eventIndex: eventIndex,
                        inOrder: inOrder
                    )
                }
            }
        }
    }

    /// Chains in flight, `nil` for one thread; none where the ring has no room.
    private func depths(_ workload: RingWorkload, _ batch: Int, _ room: Int) -> [Int?] {
        guard batch <= room else { return [] }
        guard workload.hasTwoThreads else { return [nil] }
        if let depth { return batch...room ~= depth ? [depth] : [] }
        let many = min(room, max(64, 4 * batch))
        return workload == .poll && batch == 1 && many > 1 ? [1, many] : [many]
    }
}

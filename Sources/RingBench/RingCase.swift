// SPDX-License-Identifier: MIT

/// Who does what where; the corresponding C type is `enum ring_bench_kind`.
public enum RingWorkload: String, CaseIterable, Codable, Sendable {
    /// The device side alone, over a ring that was filled before.
    case device
    /// Driver and device in turn, in one thread.
    case pair
    /// Driver and device in threads of their own, which poll.
    case poll
    /// The same, which sleep and wake each other by eventfds.
    case notify

    /// Whether driver and device have a thread each, and so a number of chains in flight.
    public var hasTwoThreads: Bool { self == .poll || self == .notify }
}

/// The layout of the ring.
public enum RingDesign: String, CaseIterable, Codable, Sendable {
    case split
    case packed
}

/// The pieces of a chain: 51 bytes that the device reads, then 108 and as many times 4096 as there are more that it
/// writes; with three, that is a virtio-scsi READ of a page.
public enum ChainShape: String, CaseIterable, Codable, Sendable {
    case one = "1"
    case three = "3"
    case eight = "8"
    /// Three pieces in an indirect table.
    case indirect

    var pieces: Int {
        switch self {
        case .one: 1
        case .three, .indirect: 3
        case .eight: 8
        }
    }

    /// Descriptors that a chain takes in the ring.
    var descriptors: Int { self == .indirect ? 1 : pieces }
}

/// One measurement; the corresponding C type is `struct ring_bench_case`.
public struct RingCase: Codable, Hashable, Sendable {
    public var workload: RingWorkload
    public var ring: RingDesign
    public var chain: ChainShape
    /// Chains for each call, 1 to 64.
    public var batch: Int
    /// Entries of the ring.
    public var size: Int
    /// Chains in flight, for two threads only.
    public var depth: Int?
    /// Regions of guest memory, 1 to 8, among which buffers take turns.
    public var regions: Int
    /// Whether `VIRTIO_RING_F_EVENT_IDX` is in use.
    public var eventIndex: Bool
    /// Whether `VIRTIO_F_IN_ORDER` is in use.
    public var inOrder: Bool

    /// Words that tell it from others: `poll packed 3 batch 32 ring 256 depth 64`.
    public var name: String {
        var words = "\(workload) \(ring) \(chain.rawValue) batch \(batch) ring \(size)"
        if let depth { words += " depth \(depth)" }
        if regions > 1 { words += " regions \(regions)" }
        if !eventIndex { words += " no event index" }
        if inOrder { words += " in order" }
        return words
    }

    /// The feature bits.
    var features: UInt64 {
        let bits: [(Bool, Int)] = [(eventIndex, 29), (ring == .packed, 34), (inOrder, 35)]
        return bits.reduce(0) { $1.0 ? $0 | 1 << UInt64($1.1) : $0 }
    }
}

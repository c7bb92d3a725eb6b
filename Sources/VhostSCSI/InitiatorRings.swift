// SPDX-License-Identifier: MIT
internal import LinuxSystem
internal import SystemPackage
internal import Virtqueue

/// How many rings a driver has, and how large they are.
struct RingShape: Equatable {
    /// The kernel keeps some 200 KB for each descriptor of a request ring, so rings are no larger than needed.
    private static let smallestRing = 16

    /// How many requests each request ring may have in flight.
    let depth: Int
    /// The most bytes that one request transfers.
    let transferBytes: Int
    /// How many request rings there are.
    let queues: Int
    /// Descriptors of each ring; a power of two.
    let ringSize: Int

    /// - Parameters:
    ///   - depth: 1 to 1024.
    ///   - transferBytes: more than 0.
    ///   - queues: at least 1.
    ///   - ringSize: the descriptors that each ring is to have; nil for as few as the depth takes.
    init(depth: Int, transferBytes: Int, queues: Int = 1, ringSize: Int? = nil, features: VhostFeatures)
        throws(OperationError)
    {
        self.depth = depth
        self.transferBytes = transferBytes
        self.queues = queues
        let needed = features.contains(.indirectDescriptors) ? depth : depth * 4
        self.ringSize = ringSize ?? max(Self.smallestRing, needed.powerOfTwo)
        guard needed <= self.ringSize else {
            throw OperationError(
                "lay out",
                "rings of \(self.ringSize) descriptors",
                cause: "\(depth) requests in flight take \(needed) of them"
            )
        }
    }

    /// An upper bound of what all rings and slots take, in bytes.
    var byteCount: Int {
        // 26 bytes for each descriptor; the rest is for headers and alignment.
        let ring = ringSize * 26 + 8192
        let slot = RequestSlot.byteCount + transferBytes + 4096 + RequestSlot.protectionBytes(transferBytes)
        return (2 + queues) * ring + queues * depth * slot + ControlQueue.byteCount + EventQueue.byteCount
    }
}

/// All rings of a virtio-scsi device and the buffers that go with them, in one guest memory.
final class InitiatorRings {
    /// Where the memory starts as the device sees it: not 0 and not our own address, so that a mix-up shows.
    private static let guestBase: UInt64 = 0x10_0000

    let control: ControlQueue
    let event: EventQueue
    let requests: [RequestQueue]
    private let memory: GuestMemory
    private let kind: RequestSlot.Kind
    let shape: RingShape

    /// Lays everything out in fresh memory, before a device knows of it.
    ///
    /// - Parameters:
    ///   - kind: what the requests are for; a block device is not shown the control and the event ring.
    ///   - isShared: whether another process has to map the memory.
    init(
        _ shape: RingShape,
        for kind: RequestSlot.Kind = .scsi,
        features: VhostFeatures,
        isShared: Bool = false
    ) throws(OperationError) {
        (self.kind, self.shape) = (kind, shape)
        let total = shape.byteCount
        do {
            var memory =
                try isShared
                ? GuestMemory(sharing: total, guestAddress: Self.guestBase)
                : GuestMemory(byteCount: total, guestAddress: Self.guestBase)
            control = try ControlQueue(size: shape.ringSize, in: &memory, features: features)
            event = try EventQueue(size: shape.ringSize, in: &memory, features: features)
            var requests: [RequestQueue] = []
            for number in 0..<shape.queues {
                requests.append(
                    try RequestQueue(
                        number: number,
                        ringSize: shape.ringSize,
                        depth: shape.depth,
                        transferBytes: shape.transferBytes,
                        in: &memory,
                        kind: kind,
                        features: features
                    )
                )
            }
            self.requests = requests
            self.memory = memory
        } catch {
            throw OperationError("lay out", "\(total) bytes of guest memory", errno: error)
        }
    }

    /// All rings in the device's order; of virtio-scsi control, event, requests.
    private var all: [DriverRing] {
        (kind == .scsi ? [control.ring, event.ring] : []) + requests.map(\.ring)
    }

    /// The one region that the memory table holds.
    var region: VhostMemoryRegion { VhostMemoryRegion(memory) }

    /// The rings, as the device is told them.
    var addresses: [VhostRing] {
        all.map { ring in
            let place = ring.addresses
            return VhostRing(
                size: place.size,
                descriptors: place.descriptors,
                available: place.available,
                used: place.used,
                usedGuestAddress: memory.guestAddress + (place.used - memory.userAddress)
            )
        }
    }

    /// What a device in this process needs to serve a request ring.
    func share(_ request: Int = 0) throws(Errno) -> (ring: RingAddresses, table: GuestMemoryTable) {
        (requests[request].ring.addresses, try GuestMemoryTable([GuestRegion(memory)]))
    }

    /// Refuses to go on after a failure that left requests with the device: their slots are not ours.
    func checkIdle() throws(OperationError) {
        let left = requests.reduce(0) { $0 + $1.ring.outstanding }
        if left == 0 { return }
        throw OperationError(
            "use",
            "the request ring",
            cause: "\(left) request(s) of an earlier failure are still with the device",
            hint: "detach, and start anew"
        )
    }

    /// Connects the rings with the eventfds of the started device.
    func connect(_ events: [RingEvents], _ device: (any SCSITransport)?) {
        for (ring, events) in zip(all, events) { ring.connect(events, device) }
    }
}

extension Int {
    /// The smallest power of two that is not below this number.
    fileprivate var powerOfTwo: Int { self <= 1 ? 1 : 1 << (Int.bitWidth - (self - 1).leadingZeroBitCount) }
}

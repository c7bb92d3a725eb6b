// SPDX-License-Identifier: MIT
import LinuxSystem
import VhostSCSI
import Virtqueue

/// Rings that are right: which chains are taken, in which order, and how they are given back.
extension ConformanceCase {
    static let rings: [ConformanceCase] = sizes + indices + buffers + turns

    private static let sizes: [ConformanceCase] =
        [1, 2, 4, 64].map { size in
            ConformanceCase(
                "ring.size-\(size)",
                "\(2 * size + 3) requests in a ring of \(size)",
                "each is answered",
                "vhost_vring_set_num(); virtio 1.2, 2.7",
                needs: size == 1 ? [.indirect] : []
            ) { rig in
                try rig.startReady([2: .init(size: size)])
                for _ in 0..<2 * size + 3 {
                    try rig.send(.ready, Layout(isIndirect: size == 1)).expectGood()
                }
            }
        } + [
            ConformanceCase(
                "ring.size-32768",
                "a control ring of 32768 entries, and a request behind the last descriptor of a smaller one",
                "answered",
                "vhost_vring_set_num(); virtio 1.2, 2.7"
            ) { rig in
                try rig.start([0: .init(size: 32768), 2: .init()])
                _ = rig.take(20000, Rig.control)
                let answer = try rig.ask(ControlRequestBytes.query(rig.device.target), room: 5)
                try expect("answer", [0, 0, 0, 0, 0] as [UInt8], answer.bytes)
            },
            ConformanceCase(
                "ring.request-ring-alone",
                "a device with ring 2 alone set up",
                "requests are served",
                "vhost_vq_access_ok(); SeaBIOS"
            ) { rig in
                try rig.startReady([2: .init()])
                try rig.send(.ready).expectGood()
            },
            ConformanceCase(
                "ring.two-request-rings",
                "requests in rings 2 and 3",
                "each is answered in its ring",
                "vhost_scsi_handle_vq()"
            ) {
                rig in
                try rig.startReady([2: .init(), 3: .init()])
                for number in [2, 3, 3, 2] { try rig.send(.ready, nil, number).expectGood() }
            },
        ]

    private static let indices: [ConformanceCase] = [
        ConformanceCase(
            "ring.wrap-around",
            "40 requests from index 65520 on",
            "each is answered, over the end of 16 bits",
            "vhost_get_vq_desc(); virtio 1.2, 2.7.13"
        ) { rig in
            try rig.startReady([2: .init(base: 65520)])
            for _ in 0..<40 { try rig.send(.ready).expectGood() }
            try expect("next available entry", rig.ring(2).published, try rig.stop()[2] ?? 0)
        },
        ConformanceCase(
            "ring.used-index-in-memory",
            "a used index of 1234 in memory, and available entries from 77 on",
            "used entries go on at 1234",
            "vhost_vq_init_access()"
        ) { rig in
            try rig.startReady([2: .init(base: 77, used: 1234)])
            try rig.send(.ready).expectGood()
            try expect("used index", rig.ring(2).seen, rig.memory.load(rig.ring(2).usedIndex))
        },
        ConformanceCase(
            "ring.full",
            "as many requests at once as the ring has entries",
            "each is answered",
            "vhost_get_vq_desc()",
            needs: .indirect
        ) { rig in
            try rig.startReady()
            let count = rig.ring(2).size
            let chains = try (0..<count).map { _ in try rig.offer(.ready, Layout(isIndirect: true)) }
            try rig.kick()
            let used = try rig.awaitUsed(count)
            try expect("heads", chains.map { UInt32($0.head) }.sorted(), used.map(\.id).sorted())
        },
        ConformanceCase(
            "ring.heads-in-any-order",
            "heads 12, 4 and 8, offered at once",
            "the same heads come back",
            "vhost_add_used_n()"
        ) { rig in
            try rig.startReady()
            for first in [12, 4, 8] {
                rig.setFree(first)
                _ = try rig.offer(.ready)
            }
            try rig.kick()
            try expect("heads", [4, 8, 12] as [UInt32], try rig.awaitUsed(3).map(\.id).sorted())
        },
        ConformanceCase(
            "ring.head-again",
            "the same head in three requests, one after the other",
            "each is answered",
            "vhost_get_vq_desc()"
        ) { rig in
            try rig.startReady()
            for _ in 0..<3 {
                rig.setFree(5)
                try rig.send(.ready).expectGood()
            }
        },
    ]

    private static let buffers: [ConformanceCase] = [
        ConformanceCase(
            "ring.longest-chain",
            "a chain of as many descriptors as the ring has",
            "answered",
            "vhost_get_vq_desc()"
        ) { rig in
            try rig.startReady()
            rig.setFree(0)
            let layout = Layout(readable: [Int](repeating: 4, count: 12), writable: [40, 40])
            try rig.send(.ready, layout).expectGood()
        },
        ConformanceCase(
            "ring.empty-buffers",
            "a chain with buffers of length 0 in both parts",
            "they count for nothing",
            "translate_desc()"
        ) { rig in
            try rig.startReady()
            let chain = try rig.offer(.ready)
            let nothing = Descriptor(address: chain.writable[0].guestAddress, length: 0)
            var written = nothing
            written.flags = Descriptor.write
            let parts = [
                nothing, rig.descriptor(chain.readable[0]), nothing, written,
                rig.descriptor(chain.writable[0], isWritable: true), written,
            ]
            rig.write(Descriptor.linked(parts, from: Int(chain.head)), at: Int(chain.head))
            try rig.finish(chain).expectGood()
        },
        ConformanceCase(
            "ring.two-regions",
            "memory in two regions, and a buffer across both",
            "all bytes are there",
            "translate_desc()"
        ) { rig in
            try rig.startAcross()
            let answer = try rig.send(.inquiry(buffer: 36), Layout(writable: []), room: 144)
            try answer.expectGood()
            try expect("peripheral device type", [0] as [UInt8], Array(answer.data.prefix(1)))
        },
        ConformanceCase(
            "ring.odd-addresses",
            "header, data and response at odd addresses",
            "all bytes are there",
            "copy_from_iter_full()"
        ) {
            rig in
            try rig.startReady()
            try rig.send(.ready, Layout(isOdd: true)).expectGood()
        },
    ]

    private static let turns: [ConformanceCase] = [
        ConformanceCase(
            "ring.kick-without-request",
            "three kicks of an empty ring",
            "nothing is used, and requests are served after them",
            "vhost_scsi_handle_vq()"
        ) { rig in
            try rig.startReady()
            for _ in 0..<3 { try rig.kick() }
            try rig.expectNothingUsed()
            try rig.send(.ready).expectGood()
        },
        ConformanceCase(
            "ring.one-kick-for-many",
            "five requests and one kick",
            "each is answered",
            "vhost_scsi_handle_vq()"
        ) { rig in
            try rig.startReady()
            for _ in 0..<5 { _ = try rig.offer(.ready) }
            try rig.kick()
            _ = try rig.awaitUsed(5)
        },
        ConformanceCase(
            "ring.early-kick",
            "a request and its kick before the device is started",
            "served once it is",
            "vhost_scsi_set_endpoint(); vhost-user, Starting and stopping rings"
        ) { rig in
            try rig.prepare([2: .init()], features: [.version1])
            let chain = try rig.offer(.ready)
            try rig.kick()
            SystemCalls.sleep(microseconds: Rig.silence)
            try rig.port.start([2])
            let used = try rig.awaitBriefly(Rig.request)
            try expect("used entries", [UInt32(chain.head)], used.map(\.id))
        },
        ConformanceCase(
            "ring.memory-exchanged",
            "SET_MEM_TABLE with the same memory while requests are served",
            "requests go on",
            "vhost_set_memory()"
        ) { rig in
            try rig.startReady()
            try rig.port.perform(.memory([rig.region]))
            try rig.send(.ready).expectGood()
        },
        ConformanceCase(
            "ring.no-notify-cleared",
            "the used ring's flags of an idle device, without EVENT_IDX",
            "NO_NOTIFY is not set",
            "vhost_enable_notify()"
        ) { rig in
            try rig.startReady()
            try rig.send(.ready).expectGood()
            try rig.wait { rig.memory.load(rig.ring(2).usedFlags, as: UInt16.self) == 0 }
            try expect("flags", 0, rig.memory.load(rig.ring(2).usedFlags, as: UInt16.self))
        },
        ConformanceCase(
            "ring.available-event",
            "the available event of an idle device, with EVENT_IDX",
            "the index that it read last",
            "vhost_enable_notify()",
            needs: .eventIndex
        ) { rig in
            try rig.startReady(features: [.version1, .eventIndex])
            try rig.send(.ready).expectGood()
            let ring = rig.ring(2)
            try rig.wait { rig.memory.load(ring.availableEvent) == ring.published }
            try expect("available event", ring.published, rig.memory.load(ring.availableEvent))
        },
    ]
}

extension Rig {
    /// Has the next chain of the request ring begin at a descriptor.
    func setFree(_ descriptor: Int) {
        var ring = ring(Self.request)
        ring.free = descriptor
        rings[Self.request] = ring
    }

    func descriptor(_ buffer: GuestBuffer, isWritable: Bool = false) -> Descriptor {
        Descriptor(
            address: buffer.guestAddress,
            length: UInt32(buffer.byteCount),
            flags: isWritable ? Descriptor.write : 0
        )
    }

    /// Starts with the memory as two regions, whose border is in the middle of the next buffer that holds a response and
    /// 36 bytes behind it.
    fileprivate func startAcross() throws {
        try start()
        try takeNews()
        // The header takes its piece first: 51 bytes with their margins.
        let header = (memory.allocatedBytes + 63) & ~63
        let border = UInt64(header + 192 + 64 + 130)
        var (low, high) = (region, region)
        low = VhostMemoryRegion(
            guestAddress: low.guestAddress,
            byteCount: border,
            userAddress: low.userAddress,
            file: low.file
        )
        high = VhostMemoryRegion(
            guestAddress: high.guestAddress + border,
            byteCount: UInt64(memory.byteCount) - border,
            userAddress: high.userAddress + border,
            file: high.file
        )
        try port.perform(.memory([low, high]))
    }
}

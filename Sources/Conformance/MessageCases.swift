// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import VhostSCSI
import VhostUser
import Virtqueue

/// What only the vhost-user protocol has: its own features, messages that are none, and what follows from sharing memory.
extension ConformanceCase {
    static let messages: [ConformanceCase] = agreement + malformed + slots + enabling

    private static func message(
        _ name: String,
        _ action: String,
        _ expectation: String,
        _ section: String,
        _ body: @escaping @Sendable (SocketPort, Rig) throws -> Void
    ) -> ConformanceCase {
        ConformanceCase("message.\(name)", action, expectation, "vhost-user, \(section)", on: [.socket]) {
            rig in
            try body(try rig.socket.port, rig)
        }
    }

    /// A message that must be refused: by an acknowledgement that says so, or by the connection's end.
    private static func refused(
        _ name: String,
        _ action: String,
        _ section: String,
        _ make: @escaping @Sendable () throws -> VhostUserMessage
    ) -> ConformanceCase {
        message(name, action, "refused, and the next front-end is served", section) { port, rig in
            try rig.expectRefusal(.invalidArgument) { try port.tell(make()) }
            try rig.expectNextServed()
        }
    }

    private static let agreement: [ConformanceCase] = [
        message(
            "protocol-features",
            "ask for the features",
            "PROTOCOL_FEATURES, and of those REPLY_ACK and MQ",
            "Protocol features"
        ) { port, _ in
            try expect("bit 30", 1, port.session.offered >> 30 & 1)
            let wanted: ProtocolFeatures = [.multiqueue, .replyAck]
            try expect(
                "features",
                wanted.rawValue,
                port.session.protocolFeatures.intersection(wanted).rawValue
            )
        },
        message("queue-count", "GET_QUEUE_NUM", "at least 3", "GET_QUEUE_NUM") { port, _ in
            let count = try number(port.ask(VhostUserMessage(.getQueueCount)))
            try expect("queues", "at least 3", count, count >= 3)
        },
        message(
            "version-unoffered",
            "SET_FEATURES with VIRTIO_SCSI_F_CHANGE",
            "accepted: QEMU sets it unasked",
            "SET_FEATURES; QEMU 7.2"
        ) { port, _ in
            try port.perform(.features([.version1, VhostFeatures(rawValue: 1 << 2)]))
        },
        message("owner-twice", "SET_OWNER, which was sent before", "accepted", "SET_OWNER") { port, _ in
            try port.tell(.setOwner, [])
        },
        message(
            "reset-device",
            "RESET_DEVICE while rings are served",
            "no ring is served any more; memory stays",
            "RESET_DEVICE"
        ) { port, rig in
            try rig.startReady()
            try port.tell(.resetDevice, [])
            _ = try rig.offer(.ready)
            try rig.kick()
            try rig.expectNothingUsed()
            try port.perform(.features([.version1]))
            try rig.startRing()
        },
    ]

    private static let malformed: [ConformanceCase] = [
        refused("unknown-request", "request 250", "Message types") {
            VhostUserMessage(number: 250, flags: 9, payload: [], rights: [])
        },
        refused("no-payload", "SET_VRING_NUM without a payload", "SET_VRING_NUM") {
            VhostUserMessage(.setRingSize, [], needsReply: true)
        },
        refused("short-payload", "SET_VRING_ADDR with 24 bytes", "SET_VRING_ADDR") {
            VhostUserMessage(.setRingAddress, [UInt8](repeating: 0, count: 24), needsReply: true)
        },
        refused("table-shorter-than-said", "SET_MEM_TABLE that says 2 regions and has 1", "SET_MEM_TABLE") {
            let header = UInt32(2).littleEndianBytes + UInt32(0).littleEndianBytes
            return VhostUserMessage(
                .setMemoryTable,
                header + [UInt8](repeating: 0, count: 32),
                needsReply: true
            )
        },
        refused("stray-descriptor", "SET_VRING_NUM with a descriptor", "Communication") {
            VhostUserMessage(
                .setRingSize,
                KernelPort.state(2, 16),
                rights: [PassedDescriptor(try OwnedDescriptor(opening: "/dev/null", .readWrite))],
                needsReply: true
            )
        },
        refused("inflight-huge", "GET_INFLIGHT_FD for 65535 rings of 65535 entries", "GET_INFLIGHT_FD") {
            VhostUserMessage(.getInflight, inflight(.max, .max), needsReply: true)
        },
        closes("size-huge", "a header that says 2147483647 bytes") {
            UInt32(2).littleEndianBytes + UInt32(9).littleEndianBytes + UInt32(0x7fff_ffff).littleEndianBytes
        },
        closes("version-2", "a header of version 2") {
            UInt32(1).littleEndianBytes + UInt32(2).littleEndianBytes + UInt32(0).littleEndianBytes
        },
        message("in-pieces", "GET_QUEUE_NUM byte by byte", "answered", "Message specification") { port, _ in
            for byte in VhostUserMessage(.getQueueCount).encoded {
                try port.send([byte])
                SystemCalls.sleep(microseconds: 300)
            }
            let count = try number(port.session.awaitAnswer(VhostUserRequest.getQueueCount.rawValue))
            try expect("queues", "at least 3", count, count >= 3)
        },
        message(
            "cut-short",
            "half a header, and the connection's end",
            "the next front-end is served",
            "Communication"
        ) { port, rig in
            try port.send([2, 0, 0, 0, 1])
            try rig.expectNextServed()
        },
    ]

    private static func closes(_ name: String, _ action: String, _ bytes: @escaping @Sendable () -> [UInt8])
        -> ConformanceCase
    {
        message(
            name,
            action,
            "the connection ends, and the next front-end is served",
            "Message specification"
        ) {
            port,
            rig in
            try port.send(bytes())
            try expect("closed", true, try port.isClosed())
            try rig.expectNextServed()
        }
    }

    private static let slots: [ConformanceCase] = [
        message(
            "inflight-shape",
            "GET_INFLIGHT_FD for 3 rings of 16 entries",
            "a descriptor, and the size of its area",
            "GET_INFLIGHT_FD"
        ) { port, _ in
            let answer = try port.ask(VhostUserMessage(.getInflight, inflight(3, 16)))
            try expect("descriptors", 1, answer.rights.count)
            let size = number(answer)
            try expect("bytes", "at least 3 · 16 · 16", size, size >= 768)
        },
        message("slot-added", "ADD_MEM_REG instead of a table", "requests are served", "ADD_MEM_REG") {
            port,
            rig in
            try rig.port.perform(.features([.version1]))
            try port.tell(.addMemoryRegion, slot(port, rig.region), [rig.memory.file].compactMap { $0 })
            try rig.startRing()
        },
        message(
            "slot-removed",
            "ADD_MEM_REG, REM_MEM_REG, and REM_MEM_REG again",
            "the third is refused",
            "REM_MEM_REG"
        ) { port, rig in
            try port.tell(.addMemoryRegion, slot(port, rig.region), [rig.memory.file].compactMap { $0 })
            try port.tell(.removeMemoryRegion, slot(port, rig.region))
            try rig.expectRefusal(.invalidArgument) {
                try port.tell(.removeMemoryRegion, slot(port, rig.region))
            }
        },
        message("slot-count", "GET_MAX_MEM_SLOTS", "at least 8", "GET_MAX_MEM_SLOTS") { port, _ in
            let count = try number(port.ask(VhostUserMessage(.getMemorySlots)))
            try expect("slots", "at least 8", count, count >= 8)
        },
    ]

    private static let enabling: [ConformanceCase] = [
        message(
            "not-enabled",
            "a request in a ring that was never enabled",
            "not served until it is",
            "Ring states"
        ) { port, rig in
            try rig.prepare([2: .init()], features: [.version1])
            try expectServedOnceEnabled(port, rig)
        },
        message(
            "disabled",
            "SET_VRING_ENABLE 0, a request, and SET_VRING_ENABLE 1",
            "served once it is enabled",
            "Ring states"
        ) { port, rig in
            try rig.startReady()
            try port.enable(2, false)
            try expectServedOnceEnabled(port, rig)
        },
        message(
            "unset-enabled",
            "SET_VRING_ENABLE of a ring that is not set up",
            "accepted: QEMU does it",
            "SET_VRING_ENABLE; QEMU 7.2"
        ) { port, _ in try port.enable(2, true) },
        message(
            "base-stops",
            "GET_VRING_BASE, and a request",
            "not served until there is a kick descriptor again",
            "Starting and stopping rings"
        ) { port, rig in
            try rig.startReady()
            let base = try port.stop([2])[0]
            _ = try rig.offer(.ready)
            try rig.kick()
            try rig.expectNothingUsed()
            try port.perform(.ringBase(2, UInt32(base)))
            try port.perform(.event(.kick, 2, rig.passed(rig.ring(2).events.kick)))
            _ = try rig.awaitUsed(1)
        },
    ]

    private static func number(_ message: VhostUserMessage) -> UInt64 {
        var fields = WireFields(message.payload)
        return fields.next()
    }

    /// Offers a request, which stays until ring 2 is enabled.
    private static func expectServedOnceEnabled(_ port: SocketPort, _ rig: Rig) throws {
        let chain = try rig.offer(.ready)
        try rig.kick()
        try rig.expectNothingUsed()
        try port.enable(2, true)
        try expect("id of the used entry", UInt32(chain.head), try rig.awaitUsed(1)[0].id)
    }

    /// The payload of ADD_MEM_REG and REM_MEM_REG.
    private static func slot(_ port: SocketPort, _ region: VhostMemoryRegion) -> [UInt8] {
        UInt64(0).littleEndianBytes + port.line(region)
    }

    /// The payload of GET_INFLIGHT_FD, padded as QEMU's structure is.
    private static func inflight(_ rings: UInt16, _ entries: UInt16) -> [UInt8] {
        [UInt8](repeating: 0, count: 16) + rings.littleEndianBytes + entries.littleEndianBytes + [0, 0, 0, 0]
    }
}

extension Rig {
    /// Sets the request ring up alone, where features and memory are there, and expects it to be served.
    fileprivate func startRing() throws {
        let ring = try place(Self.request, .init())
        rings[Self.request] = ring
        try hand(ring, .init())
        try port.start([Self.request])
        try takeNews()
        try send(.ready).expectGood()
    }
}

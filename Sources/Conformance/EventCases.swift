// SPDX-License-Identifier: MIT
import LinuxSystem
import VhostSCSI

/// Units that come and go, as the event ring tells of them.
extension ConformanceCase {
    static let events: [ConformanceCase] = told + untold

    private static func event(
        _ name: String,
        _ action: String,
        _ expectation: String,
        _ source: String,
        on transports: Set<Transport> = [.kernel, .socket],
        features: VhostFeatures = [.version1, .hotplug],
        _ body: @escaping @Sendable (Rig) throws -> Void
    ) -> ConformanceCase {
        ConformanceCase("event.\(name)", action, expectation, source, on: transports, needs: .plugging) {
            rig in
            try rig.startReady(features: features)
            try body(rig)
        }
    }

    /// Plugs a unit, calls the function, and unplugs it whatever happens.
    private static func plugging(_ lun: UInt16, _ rig: Rig, _ body: () throws -> Void) throws {
        try rig.device.plug(lun)
        defer { rig.unplugQuietly(lun) }
        try body()
    }

    /// `struct virtio_scsi_event` of a unit of the spare target.
    private static func bytes(_ rig: Rig, lun: [UInt8], reason: UInt32, flags: UInt32 = 0) -> [UInt8] {
        (1 | flags).littleEndianBytes + [1, rig.device.spareTarget] + lun + [0, 0, 0, 0]
            + reason.littleEndianBytes
    }

    private static let missed: UInt32 = 0x8000_0000

    private static let told: [ConformanceCase] = [
        event(
            "plugged",
            "a buffer, and LUN 300 comes",
            "TRANSPORT_RESET, RESCAN, of LUN 300 in flat addressing",
            "vhost_scsi_send_evt(); virtio 1.2, 5.6.6.3"
        ) { rig in
            let buffer = try rig.offerEvent()
            try plugging(300, rig) {
                let answer = try rig.awaitEvent(buffer)
                try expect("event", bytes(rig, lun: [0x41, 0x2c], reason: 1), answer.bytes)
            }
        },
        event(
            "plugged-low",
            "a buffer, and LUN 7 comes",
            "TRANSPORT_RESET, RESCAN, of LUN 7",
            "vhost_scsi_send_evt()"
        ) { rig in
            let buffer = try rig.offerEvent()
            try plugging(7, rig) {
                try expect("event", bytes(rig, lun: [0, 7], reason: 1), try rig.awaitEvent(buffer).bytes)
            }
        },
        event(
            "unplugged",
            "two buffers, and LUN 300 comes and goes",
            "the second says REMOVED",
            "vhost_scsi_send_evt(); virtio 1.2, 5.6.6.3"
        ) { rig in
            let first = try rig.offerEvent()
            let second = try rig.offerEvent()
            try rig.device.plug(300)
            _ = try rig.awaitEvent(first)
            try rig.device.unplug(300)
            try expect("event", bytes(rig, lun: [0x41, 0x2c], reason: 2), try rig.awaitEvent(second).bytes)
        },
        event(
            "interrupt",
            "a buffer, and LUN 7 comes",
            "an interrupt of the event ring",
            "vhost_add_used_and_signal()"
        ) { rig in
            let buffer = try rig.offerEvent()
            try plugging(7, rig) {
                _ = try rig.awaitEvent(buffer)
                try rig.expectSignal(Rig.event)
            }
        },
        event("used-length", "a buffer, and LUN 7 comes", "the used length is 16", "virtio 1.2, 2.7.8.2") {
            rig in
            let buffer = try rig.offerEvent()
            try plugging(7, rig) { try expect("used length", 16, try rig.awaitEvent(buffer).used.length) }
        },
        event(
            "missed",
            "LUN 7 comes without a buffer; then a buffer, and it goes",
            "the event has the missed bit",
            "vhost_scsi_do_evt_work(); virtio 1.2, 5.6.6.3"
        ) { rig in
            try rig.device.plug(7)
            SystemCalls.sleep(microseconds: Rig.silence)
            let buffer = try rig.offerEvent()
            try rig.device.unplug(7)
            let wanted = bytes(rig, lun: [0, 7], reason: 2, flags: missed)
            try expect("event", wanted, try rig.awaitEvent(buffer).bytes)
        },
        event(
            "missed-once",
            "after that, a second buffer, and LUN 7 comes",
            "its event no longer has the missed bit",
            "vhost_scsi_do_evt_work()"
        ) { rig in
            try rig.device.plug(7)
            SystemCalls.sleep(microseconds: Rig.silence)
            let first = try rig.offerEvent()
            try rig.device.unplug(7)
            _ = try rig.awaitEvent(first)
            let second = try rig.offerEvent()
            try plugging(7, rig) {
                try expect("event", bytes(rig, lun: [0, 7], reason: 1), try rig.awaitEvent(second).bytes)
            }
        },
        event(
            "missed-kick",
            "LUN 7 comes without a buffer; then a buffer and a kick",
            "NO_EVENT with the missed bit",
            "vhost_scsi_evt_handle_kick(); virtio 1.2, 5.6.6.3"
        ) { rig in
            try plugging(7, rig) {
                SystemCalls.sleep(microseconds: Rig.silence)
                let buffer = try rig.offerEvent()
                try rig.kick(Rig.event)
                let wanted = missed.littleEndianBytes + [UInt8](repeating: 0, count: 12)
                try expect("event", wanted, try rig.awaitEvent(buffer).bytes)
            }
        },
        event(
            "missed-asked",
            "LUN 7 comes without a buffer; GET_EVENTS_MISSED",
            "1",
            "vhost_scsi_ioctl()",
            on: [.kernel]
        ) {
            rig in
            try plugging(7, rig) {
                let node = try rig.kernel.port.node
                try rig.wait { try node.control(.getEventsMissed, [0, 0, 0, 0])[0] == 1 }
                try expect(
                    "events missed",
                    [1, 0, 0, 0] as [UInt8],
                    try node.control(.getEventsMissed, [9, 9, 9, 9])
                )
            }
        },
        event(
            "large-buffer",
            "a buffer of 32 bytes, and LUN 7 comes",
            "an event in its first 16 bytes",
            "vhost_scsi_do_evt_work(); virtio 1.2, 5.6.6.3"
        ) { rig in
            let buffer = try rig.offerEvent(32)
            try plugging(7, rig) {
                try expect("event", bytes(rig, lun: [0, 7], reason: 1), try rig.eventuallyEvent(buffer, 16))
            }
        },
        event(
            "split-buffer",
            "a buffer in two pieces of 8 bytes, and LUN 7 comes",
            "an event in the two",
            "vhost_scsi_do_evt_work(); virtio 1.2, 2.7.4.1"
        ) { rig in
            let buffer = try rig.offerEvent(16, Layout(writable: [8]))
            try plugging(7, rig) {
                try expect("event", bytes(rig, lun: [0, 7], reason: 1), try rig.eventuallyEvent(buffer, 16))
            }
        },
        event(
            "small-buffer",
            "a buffer of 8 bytes, and LUN 7 comes",
            "given back with length 0, as it was",
            "vhost_scsi_do_evt_work(); virtio 1.2, 2.7.13 (every buffer is returned)"
        ) { rig in
            let buffer = try rig.offerEvent(8)
            try plugging(7, rig) {
                let used = try rig.awaitBriefly(Rig.event)
                try expect("used entries", [UsedEntry(id: UInt32(buffer.head), length: 0)], used)
                try expect("bytes", [UInt8](repeating: Rig.untouched, count: 8), rig.bytes(buffer.writable))
            }
        },
    ]

    private static let untold: [ConformanceCase] = [
        event(
            "not-negotiated",
            "a buffer, and LUN 7 comes, without HOTPLUG",
            "no event",
            "vhost_scsi_do_plug()",
            features: [.version1]
        ) { rig in
            _ = try rig.offerEvent()
            try plugging(7, rig) { try rig.expectNothingUsed(Rig.event) }
        },
        event("none-without-cause", "two buffers and a kick", "no event", "vhost_scsi_evt_handle_kick()") {
            rig in
            _ = try rig.offerEvent()
            _ = try rig.offerEvent()
            try rig.kick(Rig.event)
            try rig.expectNothingUsed(Rig.event)
        },
        event(
            "none-after-stop",
            "a buffer, the device stopped, and LUN 7 comes",
            "no event",
            "vhost_scsi_do_plug()"
        ) { rig in
            _ = try rig.offerEvent()
            try rig.stop()
            try plugging(7, rig) { try rig.expectNothingUsed(Rig.event) }
        },
    ]
}

extension Rig {
    /// Offers a buffer for an event, without a kick.
    fileprivate func offerEvent(_ room: Int = 16, _ layout: Layout = Layout()) throws -> OfferedChain {
        try offer([], room: room, layout, Self.event)
    }

    /// Waits for an event.
    fileprivate func awaitEvent(_ chain: OfferedChain) throws -> Answer {
        let used = try awaitUsed(1, Self.event)[0]
        try expect("id of the used entry", UInt32(chain.head), used.id)
        return Answer(used: used, bytes: bytes(chain.writable))
    }

    /// The first bytes of a buffer after the time that an event takes, be it used or not.
    fileprivate func eventuallyEvent(_ chain: OfferedChain, _ count: Int) throws -> [UInt8] {
        _ = try awaitBriefly(Self.event)
        return Array(bytes(chain.writable).prefix(count))
    }
}

// SPDX-License-Identifier: MIT
import LinuxSystem
import VhostSCSI

/// Requests of the control ring, as bytes.
enum ControlRequestBytes {
    static let logicalUnitReset: UInt32 = 5

    /// `struct virtio_scsi_ctrl_tmf_req`
    static func management(_ subtype: UInt32, _ target: UInt8, lun: [UInt8] = [0, 0], first: UInt8 = 1)
        -> [UInt8]
    {
        UInt32(0).littleEndianBytes + subtype.littleEndianBytes + [first, target] + lun + [0, 0, 0, 0]
            + UInt64(0x77).littleEndianBytes
    }

    /// `struct virtio_scsi_ctrl_an_req`, a query or a subscription of all events.
    static func query(_ target: UInt8, subscribes: Bool = false, first: UInt8 = 1) -> [UInt8] {
        UInt32(subscribes ? 2 : 1).littleEndianBytes + [first, target, 0, 0, 0, 0, 0, 0]
            + UInt32(0x7e).littleEndianBytes
    }
}

/// Task management and asynchronous notification.
extension ConformanceCase {
    static let control: [ConformanceCase] = management + notification + unanswerable + sideEffects

    /// A request whose answer is a single byte.
    private static func answered(
        _ name: String,
        _ action: String,
        _ answer: UInt8,
        _ word: String,
        _ source: String,
        _ bytes: @escaping @Sendable (Rig) -> [UInt8]
    ) -> ConformanceCase {
        request("control.\(name)", action, "\(word), in exactly 1 byte", source) { rig in
            let chain = try rig.offer(bytes(rig), room: 1, Layout(), Rig.control)
            try expect("answer", [answer], try rig.finish(chain).bytes)
            try rig.expectMarginsUntouched(chain)
        }
    }

    private static let management: [ConformanceCase] = [
        answered(
            "reset",
            "LOGICAL UNIT RESET of LUN 0",
            0,
            "FUNCTION COMPLETE",
            "vhost_scsi_handle_tmf(); virtio 1.2, 5.6.6.2"
        ) { rig in
            ControlRequestBytes.management(ControlRequestBytes.logicalUnitReset, rig.device.target)
        },
        answered(
            "reset-no-lun",
            "LOGICAL UNIT RESET of LUN 77, which is not there",
            12,
            "INCORRECT LUN",
            "vhost_scsi_handle_tmf(); virtio 1.2, 5.6.6.2"
        ) { rig in
            ControlRequestBytes.management(
                ControlRequestBytes.logicalUnitReset,
                rig.device.target,
                lun: [0, 77]
            )
        },
        answered(
            "reset-no-target",
            "LOGICAL UNIT RESET of target 200, which is not there",
            3,
            "BAD_TARGET",
            "vhost_scsi_get_req(); virtio 1.2, 5.6.6.2"
        ) { _ in
            ControlRequestBytes.management(ControlRequestBytes.logicalUnitReset, 200)
        },
        answered(
            "reset-first-byte-0",
            "LOGICAL UNIT RESET with an address whose first byte is 0",
            3,
            "BAD_TARGET",
            "vhost_scsi_get_req(); virtio 1.2, 5.6.6.2"
        ) { rig in
            ControlRequestBytes.management(ControlRequestBytes.logicalUnitReset, rig.device.target, first: 0)
        },
        answered(
            "abort",
            "ABORT TASK of a tag that is not in flight",
            0,
            "FUNCTION COMPLETE",
            "vhost_scsi_handle_tmf(); SAM-5, 7.2"
        ) { ControlRequestBytes.management(0, $0.device.target) },
        answered("subtype-99", "task management 99", 11, "FUNCTION REJECTED", "vhost_scsi_handle_tmf()") {
            ControlRequestBytes.management(99, $0.device.target)
        },
        answered("short-management", "task management of 20 bytes", 3, "BAD_TARGET", "vhost_scsi_chk_size()")
        { rig in
            Array(ControlRequestBytes.management(5, rig.device.target).prefix(20))
        },
    ]

    private static let notification: [ConformanceCase] = [
        request(
            "control.query",
            "AN_QUERY of all events",
            "OK and no event, in exactly 5 bytes",
            "vhost_scsi_send_an_resp()"
        ) { rig in
            try expectNone(ControlRequestBytes.query(rig.device.target), rig)
        },
        request(
            "control.subscribe",
            "AN_SUBSCRIBE to all events",
            "OK and no event, in exactly 5 bytes",
            "vhost_scsi_send_an_resp()"
        ) { rig in
            try expectNone(ControlRequestBytes.query(rig.device.target, subscribes: true), rig)
        },
        request(
            "control.query-no-target",
            "AN_QUERY of target 200, which is not there",
            "OK: the target is not looked at",
            "vhost_scsi_ctl_handle_vq()"
        ) { try expectNone(ControlRequestBytes.query(200), $0) },
        request(
            "control.query-first-byte-0",
            "AN_QUERY with an address whose first byte is 0",
            "BAD_TARGET, in at most 5 bytes",
            "vhost_scsi_get_req()"
        ) { rig in
            let bytes = ControlRequestBytes.query(rig.device.target, first: 0)
            let chain = try rig.offer(bytes, room: 5, Layout(), Rig.control)
            try expect("answer", 3, try rig.finish(chain).bytes[4])
            try rig.expectMarginsUntouched(chain)
        },
        request(
            "control.query-in-pieces",
            "AN_QUERY in 3 pieces, its answer in 2",
            "OK and no event",
            "vhost_scsi_send_an_resp()"
        ) { rig in
            let layout = Layout(readable: [3, 9], writable: [2])
            let answer = try rig.ask(ControlRequestBytes.query(rig.device.target), room: 5, layout)
            try expect("answer", [0, 0, 0, 0, 0] as [UInt8], answer.bytes)
        },
        request("control.used-length", "AN_QUERY", "the used length is 5", "virtio 1.2, 2.7.8.2") { rig in
            let answer = try rig.ask(ControlRequestBytes.query(rig.device.target), room: 5)
            try expect("used length", 5, answer.used.length)
        },
    ]

    private static func expectNone(_ bytes: [UInt8], _ rig: Rig) throws {
        let chain = try rig.offer(bytes, room: 5, Layout(), Rig.control)
        try expect("answer", [0, 0, 0, 0, 0] as [UInt8], try rig.finish(chain).bytes)
        try rig.expectMarginsUntouched(chain)
    }

    private static let unanswerable: [ConformanceCase] = [
        (
            "type-9", "a control request of type 9",
            UInt32(9).littleEndianBytes + [UInt8](repeating: 0, count: 20), 5
        ),
        ("type-missing", "a control request of 3 bytes", [0, 0, 0], 5),
        ("no-room", "task management without a writable part", ControlRequestBytes.management(5, 1), 0),
        ("query-room-4", "AN_QUERY with room for 4 bytes", ControlRequestBytes.query(1), 4),
    ].map { (name: String, action: String, bytes: [UInt8], room: Int) in
        request(
            "control.\(name)",
            action,
            "given back with length 0, and requests go on",
            "vhost_scsi_ctl_handle_vq(); virtio 1.2, 2.7.13 (every buffer is returned)"
        ) { rig in
            let chain = try rig.offer(bytes, room: room, Layout(), Rig.control)
            try rig.expectReturned(chain)
            let answer = try rig.ask(ControlRequestBytes.query(rig.device.target), room: 5)
            try expect("answer", [0, 0, 0, 0, 0] as [UInt8], answer.bytes)
        }
    }

    private static let sideEffects: [ConformanceCase] = [
        request(
            "control.reset-told",
            "LOGICAL UNIT RESET, and READ(10)",
            "UNIT ATTENTION 6h/29h, then good",
            "target_tmr_work(); SAM-5, 5.14"
        ) { rig in
            _ = try rig.ask(ControlRequestBytes.management(5, rig.device.target), room: 1)
            let answer = try rig.send(.read(0))
            try expect(
                "sense key and code",
                [6, 0x29] as [UInt8],
                Array((answer.senseCodes ?? []).prefix(2))
            )
            try rig.send(.read(0)).expectGood()
        },
        request(
            "control.reset-in-flight",
            "12 requests and a LOGICAL UNIT RESET at once",
            "all are answered, each once",
            "vhost_scsi_handle_tmf()"
        ) { rig in
            let chains = try (0..<12).map { _ in try rig.offer(.ready, Layout(isIndirect: true)) }
            try rig.kick()
            _ = try rig.ask(ControlRequestBytes.management(5, rig.device.target), room: 1)
            let used = try rig.awaitUsed(chains.count)
            try expect("heads", chains.map { UInt32($0.head) }.sorted(), used.map(\.id).sorted())
            try rig.expectNothingUsed()
        },
        request(
            "control.many-at-once",
            "four control requests and one kick",
            "each is answered",
            "vhost_scsi_ctl_handle_vq()"
        ) { rig in
            for _ in 0..<4 {
                _ = try rig.offer(
                    ControlRequestBytes.query(rig.device.target),
                    room: 5,
                    Layout(),
                    Rig.control
                )
            }
            try rig.kick(Rig.control)
            _ = try rig.awaitUsed(4, Rig.control)
        },
        request(
            "control.interrupt",
            "AN_QUERY",
            "an interrupt of the control ring",
            "vhost_add_used_and_signal()"
        ) {
            rig in
            _ = try rig.ask(ControlRequestBytes.query(rig.device.target), room: 5)
            try rig.expectSignal(Rig.control)
        },
    ]
}

// SPDX-License-Identifier: MIT
import LinuxSystem
import VhostSCSI

/// Which logical unit a request is for.
extension ConformanceCase {
    static let addresses: [ConformanceCase] = bad + found

    private static let bad: [ConformanceCase] =
        [
            (0, "first-byte-0"), (2, "first-byte-2"), (0x40, "first-byte-64"),
        ].map { (first: UInt8, name: String) in
            request(
                "address.\(name)",
                "an address whose first byte is \(first)",
                "BAD_TARGET",
                "vhost_scsi_get_req(); virtio 1.2, 5.6.6.1"
            ) { rig in
                let answer = try rig.send(.ready.at(lun: [first, rig.device.target, 0, 0, 0, 0, 0, 0]))
                try expect("response", 3, answer.response)
            }
        } + [
            request(
                "address.no-target",
                "target 200, which is not there",
                "BAD_TARGET",
                "vhost_scsi_get_req()"
            ) { rig in
                let answer = try rig.send(.ready.at(lun: [1, 200, 0, 0, 0, 0, 0, 0]))
                try expect(
                    "first 12 bytes",
                    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3] as [UInt8],
                    Array(answer.bytes.prefix(12))
                )
            },
            request(
                "address.no-target-data",
                "READ(10) of target 200",
                "BAD_TARGET, and the data buffer as it was",
                "vhost_scsi_send_bad_target()"
            ) { rig in
                let answer = try rig.send(.read(0).at(lun: [1, 200, 0, 0, 0, 0, 0, 0]))
                try expect("response", 3, answer.response)
                try expect("data", [UInt8](repeating: Rig.untouched, count: 512), answer.data)
            },
            request(
                "address.no-target-write",
                "WRITE(10) to target 200",
                "BAD_TARGET, and nothing is written",
                "vhost_scsi_send_bad_target()"
            ) { rig in
                try rig.send(.write(40, Pattern.bytes(512, seed: 1))).expectGood()
                let other = RawRequest.write(40, Pattern.bytes(512, seed: 2))
                let answer = try rig.send(other.at(lun: [1, 200, 0, 0, 0, 0, 0, 0]))
                try expect("response", 3, answer.response)
                try expect("block", Pattern.bytes(512, seed: 1), try rig.send(.read(40)).data)
            },
            request(
                "address.no-lun",
                "LUN 77, which is not there",
                "CHECK CONDITION, 5h/25h/00h",
                "transport_lookup_cmd_lun()"
            ) { rig in
                let lun: [UInt8] = [1, rig.device.target, 0, 77, 0, 0, 0, 0]
                try rig.send(.ready.at(lun: lun)).expectSense(5, 0x25, 0)
            },
            request(
                "address.no-lun-inquiry",
                "INQUIRY of LUN 77",
                "no disk: qualifier 3 and type 1fh, or 5h/25h/00h",
                "transport_lookup_cmd_lun(); SPC-4, 6.6.2"
            ) { rig in
                let lun: [UInt8] = [1, rig.device.target, 0, 77, 0, 0, 0, 0]
                let answer = try rig.send(.inquiry(buffer: 36).at(lun: lun))
                try expect("response", 0, answer.response)
                let isTold = answer.status == 0 ? answer.data[0] == 0x7f : answer.senseCodes == [5, 0x25, 0]
                try expect("answer", "7f or 5h/25h/00h", [answer.status, answer.data[0]], isTold)
            },
        ]

    private static let found: [ConformanceCase] = [
        request("address.flat", "LUN 0 with the bits of flat addressing, 40h", "good", "vhost_buf_to_lun()") {
            rig in
            try rig.send(.ready.at(lun: [1, rig.device.target, 0x40, 0, 0, 0, 0, 0])).expectGood()
        },
        request(
            "address.rest-ignored",
            "LUN 0 with other bytes than 0 behind the fourth",
            "good",
            "vhost_buf_to_lun()"
        ) { rig in
            try rig.send(.ready.at(lun: [1, rig.device.target, 0, 0, 1, 2, 3, 4])).expectGood()
        },
        request(
            "address.lun-258",
            "LUN 258 as 41h 02h, which was plugged",
            "good; LUN 2 is not there",
            "vhost_buf_to_lun()",
            needs: .plugging
        ) { rig in
            try rig.device.plug(258)
            defer { rig.unplugQuietly(258) }
            let target = rig.device.spareTarget
            let inquiry = RawRequest.inquiry(buffer: 36)
            let answer = try rig.send(inquiry.at(lun: [1, target, 0x41, 2, 0, 0, 0, 0]))
            try answer.expectGood()
            try expect("peripheral device", 0, answer.data[0])
            let small = try rig.send(.ready.at(lun: [1, target, 0x40, 2, 0, 0, 0, 0]))
            try small.expectSense(5, 0x25, 0)
        },
        request(
            "address.lun-gone",
            "a LUN that was plugged and unplugged",
            "CHECK CONDITION, 5h/25h/00h",
            "transport_lookup_cmd_lun()",
            needs: .plugging
        ) { rig in
            try rig.device.plug(9)
            try rig.device.unplug(9)
            try rig.send(.ready.at(lun: [1, rig.device.spareTarget, 0, 9, 0, 0, 0, 0])).expectSense(
                5,
                0x25,
                0
            )
        },
    ]
}

extension Rig {
    /// Makes a unit go, at the end of a case whose result is known by then.
    func unplugQuietly(_ lun: UInt16) {
        do { try device.unplug(lun) } catch { /* The next case that plugs it says so. */  }
    }
}

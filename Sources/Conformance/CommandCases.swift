// SPDX-License-Identifier: MIT
import LinuxSystem
import VhostSCSI

/// What the header says besides the address: command, task attribute, tag; and how a refusal is told.
extension ConformanceCase {
    static let commands: [ConformanceCase] = blocks + attributes + refusals

    private static let blocks: [ConformanceCase] =
        [
            ("read-6", "READ(6)", [0x08, 0, 0, 60, 1, 0]),
            ("read-12", "READ(12)", [0xa8, 0, 0, 0, 0, 60, 0, 0, 0, 1, 0, 0]),
            ("read-16", "READ(16)", [0x88, 0, 0, 0, 0, 0, 0, 0, 0, 60, 0, 0, 0, 1, 0, 0]),
        ].map { (name: String, words: String, block: [UInt8]) in
            request(
                "command.\(name)",
                "\(words) of a block that WRITE(10) wrote",
                "the same bytes",
                "vhost_scsi_handle_vq(): 32 bytes of command"
            ) { rig in
                let data = Pattern.bytes(512, seed: 13)
                try rig.send(.write(60, data)).expectGood()
                let answer = try rig.send(RawRequest(block: block, dataIn: 512))
                try answer.expectGood()
                try expect("data", data, answer.data)
            }
        }
        + [
            ("write-6", "WRITE(6)", [0x0a, 0, 0, 61, 1, 0]),
            ("write-16", "WRITE(16)", [0x8a, 0, 0, 0, 0, 0, 0, 0, 0, 61, 0, 0, 0, 1, 0, 0]),
        ].map { (name: String, words: String, block: [UInt8]) in
            request(
                "command.\(name)",
                "\(words) of a block, and READ(10) of it",
                "the same bytes",
                "vhost_scsi_handle_vq(): 32 bytes of command"
            ) { rig in
                let data = Pattern.bytes(512, seed: 14)
                try rig.send(RawRequest(block: block, dataOut: data)).expectGood()
                try expect("data", data, try rig.send(.read(61)).data)
            }
        } + [
            request(
                "command.variable-32",
                "a variable-length command of 32 bytes, of no known service action",
                "taken to the unit: CHECK CONDITION",
                "vhost_scsi_handle_vq(): scsi_command_size()"
            ) { rig in
                let answer = try rig.send(variable(24))
                try expect("response and status", [0, 2] as [UInt8], [answer.response, answer.status])
            },
            request(
                "command.variable-33",
                "a variable-length command that says 33 bytes",
                "BAD_TARGET",
                "vhost_scsi_handle_vq(): scsi_command_size()"
            ) { rig in
                try expect("response", 3, try rig.send(variable(25)).response)
            },
            request("command.report-luns", "REPORT LUNS", "LUN 0 is in the list", "core_scsi3…; SPC-4, 6.33")
            { rig in
                let block: [UInt8] = [0xa0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0]
                let answer = try rig.send(RawRequest(block: block, dataIn: 512))
                try expect("response and status", [0, 0] as [UInt8], [answer.response, answer.status])
                let bytes = answer.data[..<4].reduce(0) { $0 << 8 | Int($1) }
                let entries = stride(from: 8, to: min(512, 8 + bytes), by: 8).map {
                    Array(answer.data[$0..<$0 + 8])
                }
                try expect("list", "LUN 0", entries.count, entries.contains([UInt8](repeating: 0, count: 8)))
            },
        ]

    /// A command 7fh with so many bytes behind the first eight.
    private static func variable(_ additional: UInt8) -> RawRequest {
        RawRequest(block: [0x7f, 0, 0, 0, 0, 0, 0, additional, 0xff, 0xf0])
    }

    private static let attributes: [ConformanceCase] =
        [(0, "simple"), (1, "ordered"), (2, "head"), (9, "unknown")].map { (attribute: UInt8, name: String) in
            request(
                "command.attribute-\(name)",
                "a request with task attribute \(attribute)",
                "good",
                "vhost_scsi_to_tcm_attr()"
            ) { rig in
                try rig.send(.ready.with(attribute: attribute)).expectGood()
            }
        }

    private static let refusals: [ConformanceCase] = [
        request(
            "command.unknown",
            "command ffh",
            "CHECK CONDITION, 5h/20h/00h",
            "vhost_scsi_complete_cmd_work()"
        ) { rig in
            try rig.send(RawRequest(block: [0xff, 0, 0, 0, 0, 0])).expectSense(5, 0x20, 0)
        },
        request(
            "command.field",
            "INQUIRY of page 80h without EVPD",
            "CHECK CONDITION, 5h/24h/00h",
            "spc_emulate_inquiry(); SPC-4, 6.6.1"
        ) { rig in
            try rig.send(RawRequest(block: [0x12, 0, 0x80, 0, 36, 0], dataIn: 36)).expectSense(5, 0x24, 0)
        },
        request(
            "command.behind-end",
            "READ(10) of block FFFFFFF0h",
            "CHECK CONDITION, 5h/21h/00h, and no data",
            "sbc_parse_cdb(); SBC-4"
        ) { rig in
            let answer = try rig.send(.read(0xffff_fff0))
            try answer.expectSense(5, 0x21, 0)
            try expect("data", [UInt8](repeating: Rig.untouched, count: 512), answer.data)
        },
        request(
            "command.sense-length",
            "command ffh",
            "sense of 18 to 96 bytes, in the fixed format",
            "vhost_scsi_complete_cmd_work(); virtio 1.2, 5.6.6.1"
        ) { rig in
            let answer = try rig.send(RawRequest(block: [0xff, 0, 0, 0, 0, 0]))
            let length = answer.senseLength
            try expect("sense length", "18 to 96", length, (18...96).contains(length))
            try expect("format", 0x70, answer.sense[0] & 0x7f)
        },
        request(
            "command.no-old-sense",
            "command ffh, then TEST UNIT READY",
            "the second has no sense",
            "vhost_scsi_complete_cmd_work()"
        ) { rig in
            _ = try rig.send(RawRequest(block: [0xff, 0, 0, 0, 0, 0]))
            let answer = try rig.send(.ready)
            try answer.expectGood()
            try expect("sense length", 0, answer.senseLength)
        },
        request(
            "command.write-behind-end",
            "WRITE(10) to block FFFFFFF0h",
            "CHECK CONDITION, 5h/21h/00h",
            "sbc_parse_cdb(); SBC-4"
        ) { rig in
            try rig.send(.write(0xffff_fff0, Pattern.bytes(512, seed: 1))).expectSense(5, 0x21, 0)
        },
    ]
}

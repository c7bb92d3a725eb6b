// SPDX-License-Identifier: MIT
import LinuxSystem
import VhostSCSI

/// Requests whose bytes are laid out in any way: with ANY_LAYOUT and VERSION_1, pieces mean nothing.
extension ConformanceCase {
    static let layouts: [ConformanceCase] =
        [
            ("header-3", "a header in 3 pieces", Layout(readable: [8, 20], writable: [108])),
            (
                "header-1-and-50", "a header in pieces of 1 and 50 bytes",
                Layout(readable: [1], writable: [108])
            ),
            ("response-3", "a response in 3 pieces", Layout(readable: [51], writable: [12, 40, 56])),
            (
                "response-1-and-107", "a response in pieces of 1 and 107 bytes",
                Layout(readable: [51], writable: [1, 107])
            ),
            ("response-with-data", "response and data in one piece", Layout(readable: [51])),
            (
                "response-tail-with-data", "the response's end and the data in one piece",
                Layout(readable: [51], writable: [60])
            ),
            (
                "data-8", "data in 8 pieces of 64 bytes",
                Layout(writable: [108] + [Int](repeating: 64, count: 8))
            ),
            ("data-of-1", "data in pieces of 1, 510 and 1 bytes", Layout(writable: [108, 1, 510, 1])),
            ("data-odd", "data at an odd address", Layout(writable: [108], isOdd: true)),
            (
                "all-odd-pieces", "header, response and data in odd pieces",
                Layout(readable: [7, 13], writable: [99, 77, 201])
            ),
            (
                "indirect-pieces", "the same in an indirect table",
                Layout(readable: [7, 13], writable: [99, 77, 201], isIndirect: true)
            ),
        ].map { (name: String, action: String, layout: Layout) in
            request(
                "layout.read-\(name)",
                "READ(10) of a block: \(action)",
                "the same bytes as in plain pieces",
                "vhost_scsi_get_desc(); virtio 1.2, 5.6.6.1",
                needs: layout.isIndirect ? .indirect : []
            ) { rig in
                let data = Pattern.bytes(512, seed: 11)
                try rig.send(.write(50, data)).expectGood()
                let chain = try rig.offer(.read(50), layout)
                let answer = try rig.finish(chain)
                try answer.expectGood()
                try expect("data", data, answer.data)
                try rig.expectMarginsUntouched(chain)
            }
        }
        + [
            ("one-piece", "header and data in one piece", Layout()),
            ("header-tail-with-data", "the header's end and the data in one piece", Layout(readable: [30])),
            (
                "data-8", "data in 8 pieces of 64 bytes",
                Layout(readable: [51] + [Int](repeating: 64, count: 8))
            ),
            ("data-of-1", "data in pieces of 1, 510 and 1 bytes", Layout(readable: [51, 1, 510, 1])),
            ("response-2", "a response in 2 pieces", Layout(readable: [51], writable: [50])),
        ].map { (name: String, action: String, layout: Layout) in
            request(
                "layout.write-\(name)",
                "WRITE(10) of a block: \(action)",
                "the same bytes are read back",
                "vhost_scsi_get_desc(); virtio 1.2, 5.6.6.1"
            ) { rig in
                let data = Pattern.bytes(512, seed: 12)
                try rig.send(.write(51, data), layout).expectGood()
                try expect("data", data, try rig.send(.read(51)).data)
            }
        } + [
            request(
                "layout.bad-target-split",
                "target 200, and a response in pieces of 12 and 96 bytes",
                "BAD_TARGET, and no byte around the pieces is written",
                "vhost_scsi_send_bad_target()"
            ) { rig in
                let command = RawRequest.ready.at(lun: [1, 200, 0, 0, 0, 0, 0, 0])
                let chain = try rig.offer(command, Layout(writable: [12]))
                let answer = try rig.finish(chain)
                try expect("response", 3, answer.response)
                try rig.expectMarginsUntouched(chain)
            },
            request(
                "layout.sense-split",
                "an unknown command, and a response in pieces of 14 and 94 bytes",
                "CHECK CONDITION, 5h/20h/00h",
                "vhost_scsi_complete_cmd_work()"
            ) { rig in
                let answer = try rig.send(RawRequest(block: [0xff, 0, 0, 0, 0, 0]), Layout(writable: [14]))
                try answer.expectSense(5, 0x20, 0)
            },
        ]
}

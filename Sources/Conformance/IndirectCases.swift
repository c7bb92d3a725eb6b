// SPDX-License-Identifier: MIT
import LinuxSystem
import VhostSCSI
import Virtqueue

/// Indirect tables, right and wrong.
extension ConformanceCase {
    static let indirect: [ConformanceCase] = right + wrong

    private static func indirect(
        _ name: String,
        _ action: String,
        _ expectation: String,
        _ source: String,
        _ body: @escaping @Sendable (Rig) throws -> Void
    ) -> ConformanceCase {
        ConformanceCase("indirect.\(name)", action, expectation, source, needs: .indirect, body)
    }

    /// A table of request and response with something wrong.
    private static func wrong(
        _ name: String,
        _ action: String,
        _ source: String,
        _ change: @escaping @Sendable (inout [Descriptor], inout Descriptor) -> Void
    ) -> ConformanceCase {
        indirect(name, action, "the error eventfd is signalled, nothing is used, the entry stays", source) {
            rig in
            try rig.start()
            var entries = try rig.compose(.ready)
            // The change is to the entries, and to the descriptor of the table.
            var outer = Descriptor(address: 0, length: UInt32(entries.count * 16), flags: Descriptor.indirect)
            change(&entries, &outer)
            let table = try rig.table(entries)
            if outer.address == 0 { outer.address = table.address }
            rig.write([outer], at: 0)
            rig.offer([0])
            try rig.kick()
            try rig.expectBroken()
        }
    }

    private static let right: [ConformanceCase] = [
        indirect(
            "whole",
            "a request whose chain is one table",
            "answered",
            "get_indirect(); virtio 1.2, 2.7.5.3"
        ) { rig in
            try rig.startReady()
            try rig.send(.ready, Layout(isIndirect: true)).expectGood()
        },
        indirect(
            "long",
            "a header in 51 pieces of a byte, in a table longer than the ring",
            "answered",
            "get_indirect()"
        ) {
            rig in
            try rig.startReady()
            try rig.send(.ready, Layout(readable: [Int](repeating: 1, count: 51), isIndirect: true))
                .expectGood()
        },
        indirect(
            "behind-direct",
            "a header in a descriptor, the response in a table behind it",
            "answered",
            "vhost_get_vq_desc(); virtio 1.2, 2.7.5.3"
        ) { rig in
            try rig.startReady()
            let chain = try rig.offer(.ready)
            let table = try rig.table([rig.descriptor(chain.writable[0], isWritable: true)])
            let parts = [rig.descriptor(chain.readable[0]), table]
            rig.write(Descriptor.linked(parts, from: Int(chain.head)), at: Int(chain.head))
            try rig.finish(chain).expectGood()
        },
        indirect(
            "write-flag",
            "a table whose own descriptor says WRITE",
            "answered: the flag means nothing there",
            "get_indirect(); virtio 1.2, 2.7.5.3.2"
        ) { rig in
            try rig.startReady()
            var table = try rig.table(try rig.compose(.ready))
            table.flags |= Descriptor.write
            rig.write([table], at: 0)
            rig.offer([0])
            try rig.kick()
            try expect("id of the used entry", 0, try rig.awaitUsed(1)[0].id)
        },
    ]

    private static let wrong: [ConformanceCase] = [
        wrong("length-odd", "a table of 33 bytes", "get_indirect()") { _, outer in outer.length = 33 },
        wrong("length-0", "a table of 0 bytes", "get_indirect(): loop") { _, outer in outer.length = 0 },
        wrong("nested", "a table whose first entry is a table", "get_indirect(); virtio 1.2, 2.7.5.3.1") {
            entries,
            _ in
            entries[0].flags |= Descriptor.indirect
        },
        wrong("unmapped", "a table just below the memory", "translate_desc()") { _, outer in
            outer.address = 0xf_f000
        },
        wrong("too-long", "a table of 1 MiB and an entry", "get_indirect(): at most 65536 entries") {
            _,
            outer in
            outer.length = (65536 + 1) * 16
        },
        wrong("next-behind-end", "a table whose last entry has a next", "get_indirect(): loop") {
            entries,
            _ in
            entries[1].flags |= Descriptor.next
        },
        wrong("out-after-in", "a table with the response's entry first", "get_indirect()") { entries, _ in
            entries[0].flags ^= Descriptor.write
            entries[1].flags ^= Descriptor.write
        },
        wrong("entry-unmapped", "an entry that points to where there is no memory", "translate_desc()") {
            entries,
            _ in
            entries[1].address = 0
        },
    ]
}

// SPDX-License-Identifier: MIT
import LinuxSystem
import VhostSCSI
import Virtqueue

/// Rings that a driver has broken: the device reports it, takes nothing, and serves the other rings.
extension ConformanceCase {
    static let broken: [ConformanceCase] = indices + chains + places + aftermath

    private static func broken(
        _ name: String,
        _ action: String,
        _ source: String,
        _ breakIt: @escaping @Sendable (Rig) throws -> Void
    ) -> ConformanceCase {
        ConformanceCase(
            "broken.\(name)",
            action,
            "the error eventfd is signalled, nothing is used, the entry stays",
            source
        ) { rig in
            try rig.start()
            try breakIt(rig)
            try rig.kick()
            try rig.expectBroken()
        }
    }

    /// Breaks a chain of request and response: the function is given it, and where it is.
    private static func brokenChain(
        _ name: String,
        _ action: String,
        _ source: String,
        _ change: @escaping @Sendable (inout [Descriptor], Rig) -> Void
    ) -> ConformanceCase {
        broken(name, action, source) { rig in
            let chain = try rig.compose(.ready)
            var descriptors = chain
            change(&descriptors, rig)
            rig.write(descriptors, at: 0)
            rig.offer([0])
        }
    }

    private static let indices: [ConformanceCase] =
        [(17, "jump-num-plus-1"), (40000, "jump-40000"), (0xffff, "jump-backwards")].map {
            (distance: UInt16, name: String) in
            broken(
                "index-\(name)",
                "an available index \(distance) entries ahead in a ring of 16",
                "vhost_get_avail_idx(); virtio 1.2, 2.7.13.3"
            ) { rig in
                rig.write(try rig.compose(.ready), at: 0)
                rig.publish(distance)
            }
        }
        + [(16, "num"), (0xffff, "65535")].map { (head: UInt16, name: String) in
            broken("head-\(name)", "head \(head) in a ring of 16", "vhost_get_vq_desc()") { rig in
                rig.write(try rig.compose(.ready), at: 0)
                rig.offer([head])
            }
        }

    private static let chains: [ConformanceCase] = [
        brokenChain("next-num", "a next of 16 in a ring of 16", "vhost_get_vq_desc()") { chain, _ in
            chain[0].next = 16
        },
        brokenChain("next-65535", "a next of 65535 in a ring of 16", "vhost_get_vq_desc()") { chain, _ in
            chain[0].next = 65535
        },
        brokenChain("loop-of-one", "a descriptor that is its own next", "vhost_get_vq_desc(): loop") {
            chain,
            _ in
            chain[0].next = 0
        },
        brokenChain(
            "loop-of-two",
            "two writable descriptors, each the other's next",
            "vhost_get_vq_desc(): loop"
        ) {
            chain,
            _ in
            chain[0].flags |= Descriptor.write
            chain[1].flags |= Descriptor.next
            chain[1].next = 0
        },
        brokenChain(
            "out-after-in",
            "the response's descriptor before the header's",
            "vhost_get_vq_desc(); virtio 1.2, 2.7.4.2"
        ) {
            chain,
            _ in
            chain[0].flags ^= Descriptor.write
            chain[1].flags ^= Descriptor.write
        },
    ]

    private static let places: [ConformanceCase] = [
        brokenChain("address-0", "a buffer at guest address 0, where there is no memory", "translate_desc()")
        {
            chain,
            _ in
            chain[0].address = 0
        },
        brokenChain("address-behind", "a buffer just behind the memory", "translate_desc()") { chain, rig in
            chain[1].address = rig.memory.guestAddress + UInt64(rig.memory.byteCount)
        },
        brokenChain("length-across-end", "a buffer that ends one byte behind the memory", "translate_desc()")
        { chain, rig in
            chain[1].address = rig.memory.guestAddress + UInt64(rig.memory.byteCount) - 107
        },
        brokenChain("length-4-gib", "a buffer of 4 GiB less one byte", "translate_desc()") { chain, _ in
            chain[1].length = .max
        },
        brokenChain("address-wraps", "a buffer that ends behind the last guest address", "translate_desc()") {
            chain,
            _ in
            chain[1].address = UInt64.max - 50
        },
    ]

    private static let aftermath: [ConformanceCase] = [
        ConformanceCase(
            "broken.control-goes-on",
            "head 65535 in the request ring, then a control request",
            "the control request is answered",
            "vhost_get_vq_desc(): a ring of its own"
        ) { rig in
            try rig.start()
            rig.offer([65535])
            try rig.kick()
            let events = rig.ring(2).events
            try expect("error eventfd", true, try rig.wait { try events.error.drain() > 0 })
            let answer = try rig.ask(ControlRequestBytes.query(rig.device.target), room: 5)
            try expect("answer", [0, 0, 0, 0, 0] as [UInt8], answer.bytes)
        },
        ConformanceCase(
            "broken.control-ring",
            "head 65535 in the control ring, then a request",
            "the error eventfd of the control ring is signalled, and the request is answered",
            "vhost_get_vq_desc(): a ring of its own"
        ) { rig in
            try rig.startReady()
            rig.offer([65535], Rig.control)
            try rig.kick(Rig.control)
            let events = rig.ring(0).events
            try expect("error eventfd", true, try rig.wait { try events.error.drain() > 0 })
            try rig.send(.ready).expectGood()
        },
        ConformanceCase(
            "broken.right-before-wrong",
            "two requests that are right, and head 65535, with one kick",
            "the two are answered, the third stays",
            "vhost_get_vq_desc()"
        ) { rig in
            try rig.startReady()
            let before = rig.ring(2).published
            _ = try rig.offer(.ready)
            _ = try rig.offer(.ready)
            rig.offer([65535])
            try rig.kick()
            _ = try rig.awaitUsed(2)
            try rig.expectBroken(taken: before &+ 2)
        },
        ConformanceCase(
            "broken.started-anew",
            "head 65535, then the device stopped, and set up anew",
            "requests are served",
            "vhost_scsi_clear_endpoint(); vhost-user, Starting and stopping rings"
        ) { rig in
            try rig.start()
            rig.offer([65535])
            try rig.kick()
            try rig.expectBroken()
            try rig.startReady()
            try rig.send(.ready).expectGood()
        },
    ]
}

extension Rig {
    /// The descriptors of a request and its response, linked, as they go to the ring's first entries.
    func compose(_ command: RawRequest) throws -> [Descriptor] {
        let header = command.header(target: device.target)
        let request = try guarded(header.count)
        memory.fill(request, with: header)
        let response = try guarded(108)
        return Descriptor.linked([descriptor(request), descriptor(response, isWritable: true)], from: 0)
    }
}

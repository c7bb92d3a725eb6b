// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import VhostSCSI
import Virtqueue

/// The dirty log, by which a guest is migrated: a bit for each page of 4 KiB that the device has written.
extension ConformanceCase {
    static let logging: [ConformanceCase] = [
        log(
            "used-ring",
            "a request, with the ring's log at guest address 256 KiB",
            "the pages of its used entry and index are marked",
            "log_used()"
        ) { rig, log in
            try rig.send(.ready).expectGood()
            try expect("page of the used ring", true, try rig.waitMarked(0x4_0000 >> 12, log))
        },
        log(
            "response",
            "a request",
            "the page of its response is marked",
            "vhost_log_write() since vhost-scsi logs data"
        ) {
            rig,
            log in
            let chain = try rig.offer(.ready)
            try rig.finish(chain).expectGood()
            try expect("page of the response", true, rig.isMarked(chain.writable[0], log))
        },
        log(
            "data-in",
            "READ(10) of 16 blocks",
            "the pages of its data are marked",
            "vhost_log_write() since vhost-scsi logs data"
        ) { rig, log in
            let chain = try rig.offer(.read(0, blocks: 16, buffer: 8192))
            try rig.finish(chain).expectGood()
            try expect("pages of the data", true, rig.isMarked(chain.writable[1], log))
        },
        log(
            "data-out",
            "WRITE(10) of 16 blocks",
            "the pages of its data, which are only read, are not marked",
            "log_write()"
        ) { rig, log in
            // A page of its own: what lies beside it may be written.
            _ = try rig.memory.allocate(4096, alignment: 4096)
            let chain = try rig.offer(.write(0, blocks: 16, Pattern.bytes(8192, seed: 1)))
            _ = try rig.memory.allocate(4096, alignment: 4096)
            try rig.finish(chain).expectGood()
            let middle = GuestBuffer(
                guestAddress: (chain.readable[1].guestAddress + 4095) & ~4095,
                byteCount: 1
            )
            try expect("page in the middle of the data", false, rig.isMarked(middle, log))
        },
        log(
            "nothing-else",
            "a request",
            "no page is marked but those of used ring and response",
            "log_write()"
        ) { rig, log in
            let chain = try rig.offer(.ready)
            try rig.finish(chain).expectGood()
            try rig.waitMarked(0x4_0000 >> 12, log)
            let first = chain.writable[0].guestAddress >> 12
            let last = (chain.writable[0].guestAddress + 107) >> 12
            let allowed = Set([0x4_0000 >> 12, first, last])
            try expect("other pages", [], rig.markedPages(log).filter { !allowed.contains($0) })
        },
        log(
            "flag-off",
            "a request, with SET_VRING_ADDR without F_LOG",
            "the used ring's page is not marked",
            "vhost_vring_set_addr()",
            ringIsLogged: false
        ) { rig, log in
            try rig.send(.ready).expectGood()
            SystemCalls.sleep(microseconds: Rig.silence)
            try expect("page of the used ring", false, rig.isMarked(page: 0x4_0000 >> 12, log))
        },
        log(
            "turned-off",
            "LOG_ALL taken back while the device serves, the log cleared, and a request",
            "nothing is marked",
            "vhost_scsi_set_features()"
        ) { rig, log in
            try rig.send(.ready).expectGood()
            var places = rig.places(rig.ring(2))
            places.flags = 0
            try rig.port.perform(.ringPlaces(2, places))
            try rig.port.perform(.features([.version1]))
            rig.memory.fill(log, with: [UInt8](repeating: 0, count: log.byteCount))
            try rig.send(.ready).expectGood()
            SystemCalls.sleep(microseconds: Rig.silence)
            try expect("marked pages", [], rig.markedPages(log))
        },
        ConformanceCase(
            "log.eventfd",
            "SET_LOG_FD, and a request",
            "the eventfd is signalled",
            "vhost_add_used_n()",
            on: [.kernel],
            needs: .logging
        ) { rig in
            let log = try rig.startLogged(true)
            try rig.takeNews()
            let event = try EventFD()
            try rig.kernel.port.node.control(.setLogDescriptor, event.number.littleEndianBytes)
            try rig.send(.ready).expectGood()
            try expect("signalled", true, try rig.wait { try event.drain() > 0 })
            try expect("page of the used ring", true, try rig.waitMarked(0x4_0000 >> 12, log))
        },
        ConformanceCase(
            "log.too-high",
            "SET_ENDPOINT with LOG_ALL and a log at an address of the kernel",
            "EFAULT",
            "vq_log_access_ok()",
            on: [.kernel],
            needs: .logging
        ) { rig in
            try rig.prepare([2: .init()], features: [.version1, .logAll])
            try rig.port.perform(.log(address: 0xffff_8000_0000_0000, byteCount: 4096, file: nil))
            try rig.expectRefusal(.badAddress) { try rig.port.start([2]) }
        },
    ]

    private static func log(
        _ name: String,
        _ action: String,
        _ expectation: String,
        _ source: String,
        ringIsLogged: Bool = true,
        _ body: @escaping @Sendable (Rig, GuestBuffer) throws -> Void
    ) -> ConformanceCase {
        ConformanceCase("log.\(name)", action, expectation, source, needs: .logging) { rig in
            let log = try rig.startLogged(ringIsLogged)
            try rig.takeNews()
            SystemCalls.sleep(microseconds: 1000)
            rig.memory.fill(log, with: [UInt8](repeating: 0, count: log.byteCount))
            try body(rig, log)
        }
    }
}

extension Rig {
    /// Starts the device with a dirty log in the last pages of the memory.
    fileprivate func startLogged(_ ringIsLogged: Bool) throws -> GuestBuffer {
        let log = GuestBuffer(
            guestAddress: memory.guestAddress + UInt64(memory.byteCount) - 4096,
            byteCount: 4096
        )
        try prepare([0: .init(), 1: .init(), 2: .init()], features: [.version1])
        try port.perform(.log(address: memory.userAddress(of: log), byteCount: 4096, file: memory.file))
        var places = places(ring(2))
        if ringIsLogged { (places.flags, places.log) = (1, 0x4_0000) }
        try port.perform(.ringPlaces(2, places))
        try port.perform(.features([.version1, .logAll]))
        try port.start([0, 1, 2])
        return log
    }

    fileprivate func isMarked(page: UInt64, _ log: GuestBuffer) -> Bool {
        memory.load(log.guestAddress + page / 8, as: UInt8.self) >> (page % 8) & 1 == 1
    }

    @discardableResult
    fileprivate func waitMarked(_ page: UInt64, _ log: GuestBuffer) throws -> Bool {
        try wait { isMarked(page: page, log) }
    }

    fileprivate func isMarked(_ buffer: GuestBuffer, _ log: GuestBuffer) -> Bool {
        let last = (buffer.guestAddress + UInt64(buffer.byteCount) - 1) >> 12
        return (buffer.guestAddress >> 12...last).allSatisfy { isMarked(page: $0, log) }
    }

    fileprivate func markedPages(_ log: GuestBuffer) -> [UInt64] {
        (0..<UInt64(log.byteCount) * 8).filter { isMarked(page: $0, log) }
    }
}

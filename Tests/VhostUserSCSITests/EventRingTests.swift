// SPDX-License-Identifier: MIT
import CVirtqueue
import SystemPackage
import Testing
import Virtqueue

@testable import VhostUser
@testable import VhostUserSCSI

/// The event ring, with the event index, where the driver kicks for the next buffer alone.
struct EventRingTests {
    private let features: UInt64 = 1 << 32 | 1 << 29

    /// Buffers that are too short are used up; the driver kicks for the one behind them.
    @Test func shortBuffersLoseNoKick() throws {
        var memory = try GuestMemory(byteCount: 1 << 20, guestAddress: 1 << 20)
        var driver = try DriverQueue(size: 16, in: &memory, features: features)
        let setup = RingSetup(
            addresses: driver.addresses,
            memory: try GuestMemoryTable([GuestRegion(memory)]),
            features: features,
            base: 0,
            isContinued: false,
            kick: nil,
            call: nil,
            error: nil,
            inflight: nil,
            log: nil
        )
        var ring = try EventRing(setup)
        for cookie: UInt64 in 0..<2 { try Self.add(&driver, try memory.allocate(8), cookie) }
        _ = driver.kickNeeded()
        try ring.report(.added(target: 0, lun: 1))
        let isPolled = ring.isPolled
        #expect(isPolled)
        let place = try memory.allocate(16)
        try Self.add(&driver, place, 2)
        let isKicked = driver.kickNeeded()
        #expect(isKicked)
        try ring.reportMissed()
        var done = [Completion](repeating: Completion(), count: 4)
        var room = done.mutableSpan
        let count = try driver.reap(into: &room)
        #expect(count == 3)
        #expect(done.prefix(3).map(\.len) == [0, 0, 16])
        let kind = memory.read(place) { unsafe $0.unsafeLoad(fromByteOffset: 0, as: UInt32.self) }
        let isPolledStill = ring.isPolled
        #expect(kind == 0x8000_0000 && !isPolledStill)
    }

    private static func add(_ driver: inout DriverQueue, _ buffer: GuestBuffer, _ cookie: UInt64) throws {
        let pieces = [BufferPiece(buffer)]
        try driver.add(pieces.span, readable: 0, cookie: cookie)
        driver.publish()
    }
}

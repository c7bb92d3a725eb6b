// SPDX-License-Identifier: MIT
import CTargetQueue
import CVirtioSCSI
import CVirtqueue
import LinuxSystem
import SystemPackage
import Testing
import Virtqueue

/// A queue that goes on where another one died: by the in-flight area, each request is carried out and answered once.
struct InflightTests {
    private static let requests = 8

    /// What the device before had done when it died.
    struct Death: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// Heads that it had taken, in this order.
        let taken: [Int]
        /// How many of them it had published in the used ring, from the first.
        let published: Int
        /// How many of the published ones it had noted as done.
        let noted: Int
        /// The entries of the area; those of the ring or more.
        var entries = 32
        /// Whether the one after it is told to stop before it begins.
        var stops = false
    }

    @Test(arguments: [
        Death(testDescription: "nothing taken", taken: [], published: 0, noted: 0),
        Death(testDescription: "all taken", taken: Array(0..<8), published: 0, noted: 0),
        Death(testDescription: "some answered", taken: Array(0..<6), published: 3, noted: 3),
        Death(testDescription: "a batch published, not noted", taken: Array(0..<6), published: 4, noted: 1),
        Death(testDescription: "all answered, none noted", taken: Array(0..<8), published: 8, noted: 0),
        Death(testDescription: "larger area, unused", taken: [], published: 0, noted: 0, entries: 64),
        Death(testDescription: "larger area", taken: Array(0..<6), published: 4, noted: 1, entries: 64),
        Death(testDescription: "a stop", taken: Array(0..<8), published: 3, noted: 3, stops: true),
    ])
    func everyRequestIsAnsweredOnce(_ death: Death) throws {
        var memory = try GuestMemory(byteCount: 1 << 20, guestAddress: 1 << 20)
        let features: UInt64 = 1 << 32
        var driver = try DriverQueue(size: 32, in: &memory, features: features)
        let statuses = try addRequests(&driver, &memory)
        driver.publish()
        let area = try memory.allocate(16 + death.entries * 16)
        // Each request has two descriptors, so that its head is twice its number.
        fill(&memory, area, driver.addresses, death)
        let table = try GuestMemoryTable([GuestRegion(memory)])
        let answered = try run(&driver, &memory, table, area, death)
        #expect(answered.sorted() == Array(0..<UInt64(Self.requests)))
        for (number, status) in statuses.enumerated() {
            let byte = memory.read(status) { unsafe $0.unsafeLoad(fromByteOffset: 0, as: UInt8.self) }
            let before = death.taken.prefix(death.published).contains(number)
            // BAD TARGET, because there is no unit; what was answered before is left alone.
            #expect(byte == (before ? 0xff : 3), "request \(number)")
        }
    }

    /// Adds TEST UNIT READY so many times; gives the place of each one's response code.
    private func addRequests(_ driver: inout DriverQueue, _ memory: inout GuestMemory) throws -> [GuestBuffer]
    {
        var statuses: [GuestBuffer] = []
        for number in 0..<Self.requests {
            let header = try memory.allocate(MemoryLayout<virtio_scsi_cmd_req>.size)
            let response = try memory.allocate(MemoryLayout<virtio_scsi_cmd_resp>.size)
            memory.write(header) { $0.storeBytes(of: 1, toByteOffset: 0, as: UInt8.self) }
            statuses.append(response.slice(11, 1))
            memory.write(response.slice(11, 1)) { $0.storeBytes(of: 0xff, toByteOffset: 0, as: UInt8.self) }
            let pieces = [BufferPiece(header), BufferPiece(response)]
            try driver.add(pieces.span, readable: 1, cookie: UInt64(number))
        }
        return statuses
    }

    /// Leaves the area and the used ring as the device before did.
    private func fill(_ memory: inout GuestMemory, _ area: GuestBuffer, _ ring: RingAddresses, _ death: Death)
    {
        memory.write(area) { bytes in
            bytes.storeBytes(of: 1, toByteOffset: 8, as: UInt16.self)
            bytes.storeBytes(of: UInt16(death.entries), toByteOffset: 10, as: UInt16.self)
            bytes.storeBytes(of: UInt16(death.noted), toByteOffset: 14, as: UInt16.self)
            for (order, number) in death.taken.enumerated() {
                let entry = 16 + number * 2 * 16
                bytes.storeBytes(of: order < death.noted ? 0 : 1, toByteOffset: entry, as: UInt8.self)
                bytes.storeBytes(of: UInt64(order + 1), toByteOffset: entry + 8, as: UInt64.self)
            }
            // The batch is a list from its last head to its first.
            for order in death.noted..<death.published {
                let head = UInt16(death.taken[order] * 2)
                let before = order == death.noted ? 0 : UInt16(death.taken[order - 1] * 2)
                bytes.storeBytes(of: before, toByteOffset: 16 + Int(head) * 16 + 6, as: UInt16.self)
                bytes.storeBytes(of: head, toByteOffset: 12, as: UInt16.self)
            }
        }
        let used = Int(ring.used - memory.userAddress(of: ring.buffer))
        memory.write(ring.buffer.slice(used, 4 + 8 * 32)) { bytes in
            bytes.storeBytes(of: UInt16(death.published), toByteOffset: 2, as: UInt16.self)
            for (order, number) in death.taken.prefix(death.published).enumerated() {
                bytes.storeBytes(of: UInt32(number * 2), toByteOffset: 4 + order * 8, as: UInt32.self)
                bytes.storeBytes(of: 108, toByteOffset: 8 + order * 8, as: UInt32.self)
            }
        }
    }

    /// Serves the queue until all requests are back, and stops it.
    ///
    /// - Returns: the cookies that came back.
    private func run(
        _ driver: inout DriverQueue,
        _ memory: inout GuestMemory,
        _ table: GuestMemoryTable,
        _ area: GuestBuffer,
        _ death: Death
    ) throws -> [UInt64] {
        let map = UnsafeMutablePointer<tq_map>.allocate(capacity: 1)
        unsafe map.initialize(to: tq_map())
        defer { unsafe map.deallocate() }
        let place = memory.userAddress(of: area)
        // A front-end that lost its back-end goes on from the used index.
        let server = try unsafe QueueUnderTest(
            driver.addresses,
            table,
            map,
            inflight: place,
            entries: UInt16(death.entries),
            base: UInt32(death.published)
        )
        if death.stops { server.stop() }
        let thread = try WorkerThread(name: "queue") { server.run() }
        var answered: [UInt64] = []
        var room = [Completion](repeating: Completion(), count: Self.requests)
        let deadline = MonotonicClock.nanoseconds + 10_000_000_000
        while answered.count < Self.requests, MonotonicClock.nanoseconds < deadline {
            var span = room.mutableSpan
            let count = try driver.reap(into: &span)
            answered += room.prefix(count).map(\.cookie)
        }
        // Whatever would come twice has the time to come.
        SystemCalls.sleep(microseconds: 2000)
        server.stop()
        thread.join()
        var span = room.mutableSpan
        let late = try driver.reap(into: &span)
        #expect(late == 0)
        let notedUsed = memory.read(area) { unsafe $0.unsafeLoad(fromByteOffset: 14, as: UInt16.self) }
        #expect(notedUsed == UInt16(Self.requests))
        return answered
    }
}

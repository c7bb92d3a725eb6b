// SPDX-License-Identifier: MIT
import CVirtqueue
import SystemPackage
import TestSupport
import Testing
import Virtqueue

/// The driver side against the device side, in one process.
struct QueueTests {
    static let eventIndex: UInt64 = 1 << 29
    static let packed: UInt64 = 1 << 34
    static let inOrder: UInt64 = 1 << 35
    static let layouts = [
        0, eventIndex, inOrder, packed, packed | eventIndex, packed | inOrder, packed | inOrder | eventIndex,
    ]

    /// A driver and a device that sleep unless the other one wakes them; a lost wake-up ends the run early.
    ///
    /// - Returns: how many buffers came back right.
    private func run(
        size: Int,
        features: UInt64,
        indirect: Bool = false,
        batch: Int,
        buffers: Int,
        seed: UInt64
    ) throws -> Int {
        var driver = try MockDriver(size: size, features: features, indirect: indirect, seed: seed)
        var device = try EchoDevice(
            driver.queue.addresses,
            table: driver.table,
            features: features,
            batch: batch
        )
        var random = SplitMix(state: seed)
        var deviceAwake = true
        var driverAwake = true
        var added = 0
        var wrong = 0
        while driver.completed < buffers, deviceAwake || driverAwake {
            if driverAwake {
                for _ in 0..<Int.random(in: 1...batch, using: &random) where added < buffers {
                    if try driver.add() { added += 1 }
                }
                if driver.queue.kickNeeded() { deviceAwake = true }
                let reaped = try driver.reap()
                wrong += reaped.wrong
                if reaped.count == 0, driver.outstanding > 0 { driverAwake = driver.queue.enableCallback() }
            }
            if deviceAwake, Bool.random(using: &random) {
                device.queue.disableNotify()
                if try device.serve() == 0 {
                    deviceAwake = device.queue.enableNotify()
                } else if device.queue.signalNeeded() {
                    driverAwake = true
                }
            }
        }
        return driver.completed - wrong
    }

    @Test(arguments: [1, 2, 8, 64, 256], layouts)
    func echoes(size: Int, features: UInt64) throws {
        #expect(try run(size: size, features: features, batch: 8, buffers: 500, seed: UInt64(size)) == 500)
    }

    /// A packed ring may have any size: its end comes within chains.
    @Test(arguments: [3, 7, 100, 255], [packed, packed | eventIndex, packed | inOrder])
    func echoesInAnySize(size: Int, features: UInt64) throws {
        #expect(try run(size: size, features: features, batch: 8, buffers: 500, seed: UInt64(size)) == 500)
    }

    @Test(arguments: [1, 7, 32], layouts)
    func echoesIndirect(batch: Int, features: UInt64) throws {
        let count = try run(
            size: 32,
            features: features,
            indirect: true,
            batch: batch,
            buffers: 500,
            seed: 3
        )
        #expect(count == 500)
    }

    /// No wake-up is lost where both indices go from 65535 to 0, twice.
    @Test(arguments: layouts)
    func wrapsAround(features: UInt64) throws {
        var memory = try GuestMemory(byteCount: 1 << 16, guestAddress: 0x10000)
        var driver = try DriverQueue(size: 16, in: &memory, features: features)
        let table = try GuestMemoryTable([GuestRegion(memory)])
        var device = try DeviceQueue(driver.addresses, table: table, features: features)
        let pieces = [BufferPiece(try memory.allocate(64))]
        var done = [Completion](repeating: Completion(), count: 16)
        var round: UInt64 = 0
        while round < 140_000 {
            try driver.add(pieces.span, readable: 0, cookie: round)
            let kick = driver.kickNeeded()
            let popped = try device.pop()
            let used = [UsedChain(id: device.head(0), len: 64)]
            device.push(used.span)
            let signal = device.signalNeeded()
            var room = done.mutableSpan
            let reaped = try driver.reap(into: &room)
            let leftOver = driver.enableCallback() || device.enableNotify()
            try #require(kick && popped == 1 && signal && reaped == 1 && !leftOver)
            try #require(done[0].cookie == round && done[0].len == 64)
            round += 1
        }
        let laps: UInt64 = features & Self.packed == 0 ? 1 << 16 : 16
        #expect(device.base == UInt16(round % laps))
    }

    /// Two threads that poll, on a pool that may not have more; the sanitizer for threads sees what orders them.
    @Test(.timeLimit(.minutes(1)), .serialized, arguments: [0, inOrder, packed, packed | inOrder])
    func runsOnTwoThreads(features: UInt64) async throws {
        let buffers = 800
        var driver = try MockDriver(size: 64, features: features, seed: 9)
        let addresses = driver.queue.addresses
        let table = driver.table
        let served = Task.detached {
            var device = try EchoDevice(addresses, table: table, features: features)
            var count = 0
            while count < buffers { count += try device.serve() }
            return count
        }
        var added = 0
        var wrong = 0
        while driver.completed < buffers {
            if added < buffers, try driver.add() { added += 1 }
            driver.queue.publish()
            wrong += try driver.reap().wrong
        }
        #expect(try await served.value == buffers)
        #expect(wrong == 0)
    }

    @Test func fullQueueTakesNoMore() throws {
        var memory = try GuestMemory(byteCount: 1 << 16, guestAddress: 0)
        var driver = try DriverQueue(size: 4, in: &memory, features: 0)
        let buffer = try memory.allocate(64)
        let three = [BufferPiece](repeating: BufferPiece(buffer), count: 3)
        let five = [BufferPiece](repeating: BufferPiece(buffer), count: 5)
        try driver.add(three.span, readable: 1, cookie: 0)
        #expect(throws: Errno.noSpace) { try driver.add(three.span, readable: 1, cookie: 1) }
        #expect(throws: Errno.invalidArgument) { try driver.add(five.span, readable: 1, cookie: 1) }
        #expect(throws: Errno.invalidArgument) {
            try driver.add([BufferPiece]().span, readable: 0, cookie: 1)
        }
        #expect(driver.freeCount == 1)
    }

    @Test(arguments: [0, 3, 65536, -1]) func refusesSizes(size: Int) throws {
        var memory = try GuestMemory(byteCount: 1 << 21, guestAddress: 0)
        #expect(throws: Errno.invalidArgument) {
            _ = try DriverQueue(size: size, in: &memory, features: 0).freeCount
        }
    }

    @Test(arguments: [0, 32769, -1]) func refusesPackedSizes(size: Int) throws {
        var memory = try GuestMemory(byteCount: 1 << 21, guestAddress: 0)
        #expect(throws: Errno.invalidArgument) {
            _ = try DriverQueue(size: size, in: &memory, features: Self.packed).freeCount
        }
    }

    /// A driver that shows chains and decides nothing, for more than a lap of all indices, still wakes who sleeps then.
    @Test(arguments: layouts, [65_535, 65_536])
    func kicksAfterLapsWithoutADecision(features: UInt64, chains: Int) throws {
        var memory = try GuestMemory(byteCount: 1 << 16, guestAddress: 0x10000)
        var driver = try DriverQueue(size: 16, in: &memory, features: features)
        var device = try DeviceQueue(
            driver.addresses,
            table: GuestMemoryTable([GuestRegion(memory)]),
            features: features
        )
        let pieces = [BufferPiece(try memory.allocate(64))]
        var done = [Completion](repeating: Completion(), count: 16)
        for _ in 0..<chains {
            try driver.add(pieces.span, readable: 1, cookie: 0)
            driver.publish()
            try #require(try device.pop() == 1)
            device.push([UsedChain(id: device.head(0), len: 0)].span)
            var room = done.mutableSpan
            try #require(try driver.reap(into: &room) == 1)
        }
        let leftOver = device.enableNotify()
        try driver.add(pieces.span, readable: 1, cookie: 0)
        let kick = driver.kickNeeded()
        #expect(!leftOver && kick)
    }

    /// A driver that waits for four buffers is told at the fourth, where the event index can say so.
    @Test(arguments: layouts)
    func tellsADriverThatWaitsForSeveral(features: UInt64) throws {
        var memory = try GuestMemory(byteCount: 1 << 16, guestAddress: 0x10000)
        var driver = try DriverQueue(size: 16, in: &memory, features: features)
        var device = try DeviceQueue(
            driver.addresses,
            table: GuestMemoryTable([GuestRegion(memory)]),
            features: features,
            batch: 1
        )
        let pieces = [BufferPiece(try memory.allocate(64))]
        for cookie in 0..<9 { try driver.add(pieces.span, readable: 1, cookie: UInt64(cookie)) }
        driver.publish()
        func use() throws -> Bool {
            try #require(try device.pop() == 1)
            device.push([UsedChain(id: device.head(0), len: 0)].span)
            return device.signalNeeded()
        }
        // The first decision is to signal, whatever the event.
        #expect(try use())
        var done = [Completion](repeating: Completion(), count: 16)
        var room = done.mutableSpan
        try #require(try driver.reap(into: &room) == 1)
        let areThere = driver.delayCallback(4)
        let signals = try (0..<4).map { _ in try use() }
        let areThereNow = driver.delayCallback(4)
        #expect(!areThere && areThereNow)
        if features & Self.eventIndex == 0 {
            #expect(signals == [true, true, true, true])
        } else {
            let isPacked = features & Self.packed != 0
            #expect(signals == (isPacked ? [true, false, false, false] : [false, false, false, true]))
        }
    }

    /// Tables of 4096 entries, one behind the other: so many entries are read for all of a chain, not for each table.
    @Test(arguments: [(16, nil), (17, Errno(rawValue: 7))] as [(Int, Errno?)])
    func boundsTheTablesOfAChain(tables: Int, fault: Errno?) throws {
        var memory = try GuestMemory(byteCount: 1 << 21, guestAddress: 0)
        var driver = try DriverQueue(size: 32, in: &memory, features: 0)
        let device = try DeviceQueue(
            driver.addresses,
            table: GuestMemoryTable([GuestRegion(memory)]),
            features: 0
        )
        let table = try memory.allocate(4096 * 16)
        try driver.add([BufferPiece(table)].span, readable: 1, cookie: 0)
        for index in 0..<tables {
            let flags: UInt64 = index + 1 < tables ? 5 : 4
            let words = [table.guestAddress, 65536 | flags << 32 | UInt64(index + 1) << 48]
            for (word, value) in words.enumerated() {
                memory.write(driver.addresses.buffer.slice(index * 16 + word * 8, 8)) {
                    $0.storeBytes(of: value, as: UInt64.self)
                }
            }
        }
        driver.publish()
        try expect(device, fault: fault)
    }

    /// The chain lies in a table of one entry more than 16 bits can number.
    @Test(arguments: [(65536, nil), (65537, Errno(rawValue: 7))] as [(Int, Errno?)])
    func boundsIndirectTables(entries: Int, fault: Errno?) throws {
        var memory = try GuestMemory(byteCount: 1 << 21, guestAddress: 0)
        var driver = try DriverQueue(size: 4, in: &memory, features: 0)
        let device = try DeviceQueue(
            driver.addresses,
            table: GuestMemoryTable([GuestRegion(memory)]),
            features: 0
        )
        let buffer = try memory.allocate(8)
        let indirect = try memory.allocate(entries * 16)
        try driver.addIndirect(
            indirect,
            in: memory.access,
            [BufferPiece(buffer)].span,
            readable: 1,
            cookie: 0
        )
        // The driver says how much of the table it filled; this one says more.
        let length = driver.addresses.buffer.slice(8, 4)
        memory.write(length) { $0.storeBytes(of: UInt32(entries * 16), as: UInt32.self) }
        driver.publish()
        try expect(device, fault: fault)
    }

    private func expect(_ device: consuming DeviceQueue, fault: Errno?) throws {
        var device = device
        do {
            #expect(try device.pop() == 1)
            #expect(fault == nil)
        } catch {
            #expect(error == fault)
        }
    }
}

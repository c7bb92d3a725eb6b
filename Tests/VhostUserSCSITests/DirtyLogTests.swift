// SPDX-License-Identifier: MIT
import CTargetQueue
import CVirtioSCSI
import CVirtqueue
import LinuxSystem
import SystemPackage
import Testing
import Virtqueue

/// What a request queue writes to the guest's memory is in the dirty log, and nothing else is.
struct DirtyLogTests {
    private static let guest: UInt64 = 1 << 20
    private static let page = 4096

    @Test func pagesThatWereWrittenAreLogged() throws {
        var memory = try GuestMemory(byteCount: 64 * Self.page, guestAddress: Self.guest)
        var driver = try DriverQueue(size: 16, in: &memory, features: 1 << 32)
        let header = try memory.allocate(51, alignment: Self.page)
        let response = try memory.allocate(108, alignment: Self.page)
        // Three pages, of which the command reads no more than two.
        let data = try memory.allocate(3 * Self.page, alignment: Self.page)
        memory.write(header) { bytes in
            bytes.storeBytes(of: 1, toByteOffset: 0, as: UInt8.self)
            // READ(10) of 16 blocks.
            bytes.storeBytes(of: 0x28, toByteOffset: 19, as: UInt8.self)
            bytes.storeBytes(of: 16, toByteOffset: 27, as: UInt8.self)
        }
        let pieces = [BufferPiece(header), BufferPiece(response), BufferPiece(data)]
        try driver.add(pieces.span, readable: 1, cookie: 0)
        driver.publish()
        let used = driver.addresses.used - memory.userAddress + Self.guest
        let written = try serve(&driver, memory, used: used)
        let second = data.guestAddress + UInt64(Self.page)
        let expected = [used, response.guestAddress, data.guestAddress, second]
        #expect(written == Set(expected.map { Int($0) / Self.page }))
    }

    /// Serves the one request.
    ///
    /// - Returns: the numbers of the pages in the log.
    private func serve(_ driver: inout DriverQueue, _ memory: borrowing GuestMemory, used: UInt64) throws
        -> Set<Int>
    {
        let file = PassedDescriptor(try SharedMemory.makeFile(name: "log", byteCount: Self.page))
        let mapping = try PeerMapping(file, byteCount: UInt64(Self.page))
        let log = DirtyLog(mapping, offset: 64, byteCount: 64, used: used)
        let table = try GuestMemoryTable([GuestRegion(memory)])
        var unit = unsafe tq_unit()
        unsafe unit.blocks = 1024
        unsafe unit.block_shift = 9
        unsafe unit.open = UInt32(TQ_OPEN_READ)
        try unsafe withMap(&unit) { map in
            let queue = try unsafe QueueUnderTest(driver.addresses, table, map, log: log)
            let thread = try WorkerThread(name: "queue") { queue.run() }
            var done = [Completion](repeating: Completion(), count: 1)
            var room = done.mutableSpan
            let deadline = MonotonicClock.nanoseconds + 10_000_000_000
            while try driver.reap(into: &room) == 0, MonotonicClock.nanoseconds < deadline {}
            queue.stop()
            thread.join()
        }
        let bitmap = try FilePath("/proc/self/fd/\(file.number)").readAll()
        return Set((0..<4096 * 8).filter { bitmap[$0 / 8] & 1 << ($0 % 8) != 0 }.map { $0 - 64 * 8 })
    }
}

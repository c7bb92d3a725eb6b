// SPDX-License-Identifier: MIT
import CTargetQueue
import CVirtioSCSI
import CVirtqueue
import Glibc
import LinuxSystem
import Synchronization
import SystemPackage
import Testing
import Virtqueue

/// Queues whose unit is a file that is none: what it does is told by other means.
struct FileQueueTests {
    /// A driver with commands for a unit at LUN 0; at LUN 1 there is none, so that commands go to the queue's caller.
    private struct Driver: ~Copyable {
        var queue: DriverQueue
        private(set) var responses: [GuestBuffer] = []

        init(size: Int, in memory: inout GuestMemory) throws {
            queue = try DriverQueue(size: size, in: &memory, features: 1 << 32)
        }

        /// Its cookie is its number.
        mutating func add(
            _ cdb: [UInt8],
            lun: UInt8,
            data: GuestBuffer? = nil,
            _ memory: inout GuestMemory
        ) throws {
            let header = try memory.allocate(MemoryLayout<virtio_scsi_cmd_req>.size)
            let response = try memory.allocate(MemoryLayout<virtio_scsi_cmd_resp>.size)
            memory.write(header) { bytes in
                bytes.storeBytes(of: 1, toByteOffset: 0, as: UInt8.self)
                bytes.storeBytes(of: lun, toByteOffset: 3, as: UInt8.self)
                for (index, byte) in cdb.enumerated() {
                    bytes.storeBytes(of: byte, toByteOffset: 19 + index, as: UInt8.self)
                }
            }
            let buffers = [header, response] + (data.map { [$0] } ?? [])
            let pieces = buffers.map { BufferPiece($0) }
            try queue.add(pieces.span, readable: 1, cookie: UInt64(responses.count))
            responses.append(response.slice(11, 1))
        }

        /// The cookies of what has come back after a while, or as soon as it is so many.
        mutating func reap(_ count: Int, seconds: Double) throws -> [UInt64] {
            var room = [Completion](repeating: Completion(), count: 64)
            var cookies: [UInt64] = []
            let deadline = MonotonicClock.nanoseconds + UInt64(seconds * 1e9)
            while cookies.count < count, MonotonicClock.nanoseconds < deadline {
                var span = room.mutableSpan
                let reaped = try queue.reap(into: &span)
                cookies += room.prefix(reaped).map(\.cookie)
                if reaped == 0 { SystemCalls.sleep(microseconds: 100) }
            }
            return cookies
        }
    }

    /// Calls `body` with the table of units, where LUN 0 is a file.
    private func withUnit(_ file: CInt, _ body: (UnsafeMutablePointer<tq_map>) throws -> Void) throws {
        var unit = unsafe tq_unit()
        unsafe (unit.store, unit.file, unit.blocks, unit.block_shift) = (TQ_STORE_FILE, file, 1024, 9)
        unsafe unit.open = UInt32(TQ_OPEN_READ | TQ_OPEN_WRITE)
        try unsafe withMap(&unit, body)
    }

    /// Reads of a pipe wait until something is written to it. More than 128 do, and commands behind them go on; where
    /// there are more than can, the rest waits in the ring.
    @Test(arguments: [(size: 512, reads: 160), (size: 4096, reads: 1200)])
    func asManyReadsWaitAsTheRingHolds(_ shape: (size: Int, reads: Int)) throws {
        let (source, sink) = try Errno.narrow { try FileDescriptor.pipe() }
        let sourceOwner = OwnedDescriptor(adopting: source)
        let sinkOwner = OwnedDescriptor(adopting: sink)
        var memory = try GuestMemory(byteCount: 4 << 20, guestAddress: 1 << 20)
        var driver = try Driver(size: shape.size, in: &memory)
        let data = try memory.allocate(512)
        for _ in 0..<shape.reads {
            try driver.add([0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0], lun: 0, data: data, &memory)
        }
        try driver.add([0, 0, 0, 0, 0, 0], lun: 1, &memory)
        driver.queue.publish()
        let table = try GuestMemoryTable([GuestRegion(memory)])
        try unsafe withUnit(sourceOwner.number) { map in
            let server = try unsafe QueueUnderTest(driver.queue.addresses, table, map)
            let thread = try WorkerThread(name: "queue") { server.run() }
            let early = try driver.reap(2, seconds: 0.3)
            #expect(early == (shape.reads < 1024 ? [UInt64(shape.reads)] : []))
            try sinkOwner.descriptor.writeAll([UInt8](repeating: 7, count: shape.reads * 512))
            let late = try driver.reap(shape.reads + 1 - early.count, seconds: 20)
            #expect((early + late).sorted() == Array(0...UInt64(shape.reads)))
            server.stop()
            thread.join()
        }
        let answers = driver.responses.map { response in
            memory.read(response) { unsafe $0.unsafeLoad(fromByteOffset: 0, as: UInt8.self) }
        }
        // BAD TARGET where there is no unit.
        #expect(answers == [UInt8](repeating: 0, count: shape.reads) + [3])
    }

    /// What the two queues have to do with each other.
    private final class Meeting: Sendable {
        let isHeld = Atomic(false)
        let goesOn = Atomic(false)
        let failures = Mutex<[CInt]>([])

        /// Keeps the queue from looking at what the kernel is done with, at a command that says so.
        func meet(_ command: QueueUnderTest.Command) {
            if command.loses { failures.withLock { $0.append(command.failure) } }
            guard command.opcode == 0xff else { return }
            isHeld.store(true, ordering: .releasing)
            while !goesOn.load(ordering: .acquiring) { SystemCalls.sleep(microseconds: 100) }
        }
    }

    /// The file tells of its loss once: one queue's flush is told, and the queue does not know it yet when another's
    /// flush ends well. That one is not answered before, and then it fails as well.
    @Test func aFlushIsNoBetterThanOneBesideIt() throws {
        // It cannot be flushed (EINVAL); the file that takes its number afterwards can.
        let broken = try EventFD()
        let whole = PassedDescriptor(try SharedMemory.makeFile(name: "whole", byteCount: 4096))
        let file = try OwnedDescriptor(duplicating: broken.number)
        var memory = try GuestMemory(byteCount: 1 << 20, guestAddress: 1 << 20)
        var one = try Driver(size: 128, in: &memory)
        var other = try Driver(size: 128, in: &memory)
        let flush: [UInt8] = [0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        // A batch of the queue, at whose end the flush is handed to the kernel, and one more command.
        for _ in 0..<31 { try one.add([0, 0, 0, 0, 0, 0], lun: 1, &memory) }
        try one.add(flush, lun: 0, &memory)
        try one.add([0xff, 0, 0, 0, 0, 0], lun: 1, &memory)
        one.queue.publish()
        try other.add(flush, lun: 0, &memory)
        let table = try GuestMemoryTable([GuestRegion(memory)])
        let meeting = Meeting()
        try unsafe withUnit(file.number) { map in
            let first = try unsafe QueueUnderTest(one.queue.addresses, table, map)
            let second = try unsafe QueueUnderTest(other.queue.addresses, table, map)
            let threads = try [first, second].map { queue in
                try WorkerThread(name: "queue") { queue.run(meeting.meet) }
            }
            while !meeting.isHeld.load(ordering: .acquiring) { SystemCalls.sleep(microseconds: 100) }
            // The kernel is done with it by then.
            SystemCalls.sleep(microseconds: 100_000)
            #expect(dup2(whole.number, file.number) == file.number)
            other.queue.publish()
            let early = try other.reap(1, seconds: 0.3)
            #expect(early == [])
            meeting.goesOn.store(true, ordering: .releasing)
            let (late, others) = (try other.reap(1, seconds: 10), try one.reap(33, seconds: 10))
            #expect(late == [0] && others.count == 33)
            for queue in [first, second] { queue.stop() }
            for thread in threads { thread.join() }
        }
        #expect(meeting.failures.withLock { $0 } == [EINVAL, EINVAL])
    }
}

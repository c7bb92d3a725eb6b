// SPDX-License-Identifier: MIT
import CVirtqueue
import SystemPackage
import Testing
import Virtqueue

/// What a device that lies can do to the driver side: make a call fail, each time again.
struct HostileDeviceTests {
    /// A used entry and index that the device wrote, for a queue of 4 with one buffer of 64 bytes in flight.
    struct Lie: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let index: UInt16
        let id: UInt32
        let length: UInt32
        let fault: Errno?
    }

    static let lies = [
        Lie(testDescription: "the truth", index: 1, id: 0, length: 64, fault: nil),
        Lie(testDescription: "index too far", index: 2, id: 0, length: 0, fault: .invalidArgument),
        Lie(testDescription: "index backwards", index: 0xffff, id: 0, length: 0, fault: .invalidArgument),
        Lie(testDescription: "id of a free descriptor", index: 1, id: 2, length: 0, fault: .invalidArgument),
        Lie(testDescription: "id inside a chain", index: 1, id: 1, length: 0, fault: .invalidArgument),
        Lie(testDescription: "id at the ring's end", index: 1, id: 4, length: 0, fault: .invalidArgument),
        Lie(testDescription: "id beyond 16 bits", index: 1, id: 0x1_0000, length: 0, fault: .invalidArgument),
        Lie(testDescription: "more than writable", index: 1, id: 0, length: 65, fault: Errno(rawValue: 90)),
    ]

    @Test(arguments: lies) func isCaught(_ lie: Lie) throws {
        var memory = try GuestMemory(byteCount: 1 << 16, guestAddress: 0)
        var driver = try DriverQueue(size: 4, in: &memory, features: 0)
        let piece = BufferPiece(try memory.allocate(64))
        try driver.add([piece, piece].span, readable: 1, cookie: 77)
        driver.publish()
        tell(lie, memory, driver.addresses)
        var done = [Completion](repeating: Completion(), count: 4)
        var room = done.mutableSpan
        guard let fault = lie.fault else {
            #expect(try driver.reap(into: &room) == 1)
            #expect(done[0].cookie == 77 && done[0].len == 64 && driver.freeCount == 4)
            return
        }
        for _ in 0..<2 {
            do {
                _ = try driver.reap(into: &room)
                Issue.record("the lie was taken for the truth")
            } catch {
                #expect(error == fault)
            }
        }
        #expect(driver.freeCount == 2)
    }

    private func tell(_ lie: Lie, _ memory: borrowing GuestMemory, _ addresses: RingAddresses) {
        let offset = Int(addresses.used - memory.userAddress(of: addresses.buffer))
        memory.write(addresses.buffer.slice(offset, 12)) { used in
            used.storeBytes(of: lie.index, toByteOffset: 2, as: UInt16.self)
            used.storeBytes(of: lie.id, toByteOffset: 4, as: UInt32.self)
            used.storeBytes(of: lie.length, toByteOffset: 8, as: UInt32.self)
        }
    }

    /// A used descriptor that the device wrote over the first of a packed ring of 4, with one buffer in flight: two
    /// descriptors, 64 bytes to read and 64 to write.
    struct PackedLie: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var id: UInt16 = 0
        var length: UInt32 = 0
        /// Of an odd lap, and used.
        var flags: UInt16 = 0x8080
        /// `nil` where nothing was said at all.
        let fault: Errno?
    }

    static let packedLies = [
        PackedLie(testDescription: "id of a free buffer", id: 1, fault: .invalidArgument),
        PackedLie(testDescription: "id at the ring's end", id: 4, fault: .invalidArgument),
        PackedLie(testDescription: "id of 16 bits", id: 0xffff, fault: .invalidArgument),
        PackedLie(testDescription: "more than writable", length: 65, fault: Errno(rawValue: 90)),
        PackedLie(testDescription: "as much as there is", length: .max, fault: Errno(rawValue: 90)),
        PackedLie(testDescription: "used in the next lap", flags: 0, fault: nil),
        PackedLie(testDescription: "still available", flags: 0x0080, fault: nil),
        PackedLie(testDescription: "available in the next lap", flags: 0x8000, fault: nil),
    ]

    @Test(arguments: packedLies, [0, 1 << 35] as [UInt64])
    func isCaughtInAPackedRing(_ lie: PackedLie, features: UInt64) throws {
        var memory = try GuestMemory(byteCount: 1 << 16, guestAddress: 0)
        var driver = try DriverQueue(size: 4, in: &memory, features: features | 1 << 34)
        let piece = BufferPiece(try memory.allocate(64))
        try driver.add([piece, piece].span, readable: 1, cookie: 77)
        driver.publish()
        use(at: 0, id: lie.id, length: lie.length, flags: lie.flags, memory, driver.addresses)
        var done = [Completion](repeating: Completion(), count: 4)
        var room = done.mutableSpan
        for _ in 0..<2 {
            do {
                #expect(try driver.reap(into: &room) == 0 && lie.fault == nil)
            } catch {
                #expect(error == lie.fault)
            }
        }
        #expect(driver.freeCount == 2)
        // The truth is still taken, once: behind it, the same again is a lie.
        use(at: 0, id: 0, length: 64, flags: 0x8080, memory, driver.addresses)
        #expect(try driver.reap(into: &room) == 1)
        #expect(done[0].cookie == 77 && done[0].len == 64 && driver.freeCount == 4)
        use(at: 2, id: 0, length: 64, flags: 0x8080, memory, driver.addresses)
        var again = done.mutableSpan
        #expect(throws: Errno.invalidArgument) { try reap(&driver, &again) }
    }

    private func reap(_ driver: inout DriverQueue, _ room: inout MutableSpan<Completion>) throws(Errno) {
        _ = try driver.reap(into: &room)
    }

    private func use(
        at place: Int,
        id: UInt16,
        length: UInt32,
        flags: UInt16,
        _ memory: borrowing GuestMemory,
        _ addresses: RingAddresses
    ) {
        memory.write(addresses.buffer.slice(16 * place + 8, 8)) { entry in
            entry.storeBytes(of: length, toByteOffset: 0, as: UInt32.self)
            entry.storeBytes(of: id, toByteOffset: 4, as: UInt16.self)
            entry.storeBytes(of: flags, toByteOffset: 6, as: UInt16.self)
        }
    }
}

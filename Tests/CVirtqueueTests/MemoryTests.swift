// SPDX-License-Identifier: MIT
import SystemPackage
import Testing
import Virtqueue

struct MemoryTests {
    @Test func handsOutUntilItIsFull() throws {
        var memory = try GuestMemory(byteCount: 8192, guestAddress: 0x10000)
        let first = try memory.allocate(100)
        let second = try memory.allocate(8, alignment: 4096)
        #expect(first == GuestBuffer(guestAddress: 0x10000, byteCount: 100))
        #expect(second.guestAddress == 0x11000)
        #expect(memory.userAddress(of: second) == memory.userAddress + 4096)
        #expect(throws: Errno.noMemory) { try memory.allocate(4096) }
        #expect(try memory.allocate(4032).byteCount == 4032)
        #expect(throws: Errno.noMemory) { try memory.allocate(1) }
    }

    @Test func keepsWhatIsWritten() throws {
        var memory = try GuestMemory(byteCount: 4096, guestAddress: 0)
        let buffer = try memory.allocate(8)
        memory.write(buffer) { $0.storeBytes(of: 0x1234, toByteOffset: 4, as: UInt32.self) }
        let value = memory.read(buffer) { unsafe $0.unsafeLoad(fromByteOffset: 4, as: UInt32.self) }
        #expect(value == 0x1234)
    }

    @Test func tablesRefuseOverlapAndNothing() throws {
        let low = try GuestMemory(byteCount: 8192, guestAddress: 0x1000)
        let middle = try GuestMemory(byteCount: 4096, guestAddress: 0x2000)
        let last = try GuestMemory(byteCount: 8192, guestAddress: UInt64.max - 8191)
        let around = try GuestMemory(byteCount: 8192, guestAddress: UInt64.max - 4095)
        #expect(throws: Errno.invalidArgument) { try GuestMemoryTable([]) }
        #expect(throws: Errno.invalidArgument) {
            try GuestMemoryTable([GuestRegion(middle), GuestRegion(low)])
        }
        #expect(throws: Errno(rawValue: 14)) { try GuestMemoryTable([GuestRegion(around)]) }
        #expect(throws: Never.self) { try GuestMemoryTable([GuestRegion(last), GuestRegion(low)]) }
    }
}

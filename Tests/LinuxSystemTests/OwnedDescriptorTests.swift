// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing

/// Numbers far above what other tests open meanwhile, so that a closed one stays closed.
private let quietNumbers: CInt = 700

@Suite struct OwnedDescriptorTests {
    @Test func closesWhenItsOwnerGoes() throws {
        var number: CInt = -1
        do {
            let null = try OwnedDescriptor(opening: "/dev/null", .readOnly)
            let copy = try OwnedDescriptor(duplicating: null.number, lowest: quietNumbers)
            number = copy.number
            #expect(FileDescriptor(rawValue: number).isOpen)
        }
        #expect(number >= quietNumbers)
        #expect(!FileDescriptor(rawValue: number).isOpen)
    }

    @Test func failuresKeepTheirErrno() {
        #expect(throws: Errno.noSuchFileOrDirectory) {
            _ = try OwnedDescriptor(opening: "/dev/absent", .readOnly)
        }
        #expect(throws: Errno.badFileDescriptor) { _ = try OwnedDescriptor(duplicating: -1) }
    }

    @Test func anIoctlThatTheDeviceLacksIsENOTTY() throws {
        let null = try OwnedDescriptor(opening: "/dev/null", .readOnly)
        var bytes: [UInt8] = [1, 2, 3, 4]
        #expect(throws: Errno(rawValue: 25)) { try null.descriptor.control(0x4004_af42, &bytes) }
        #expect(bytes == [1, 2, 3, 4])
    }
}

@Suite struct EventFDTests {
    @Test func countsSignalsUntilDrained() throws {
        let event = try EventFD()
        #expect(try event.wait(milliseconds: 0) == false)
        #expect(try event.drain() == 0)
        try event.signal()
        try event.signal()
        #expect(try event.wait(milliseconds: 0))
        #expect(try event.drain() == 2)
        #expect(try event.wait(milliseconds: 0) == false)
    }
}

@Suite struct MemoryMappingTests {
    @Test func isWholeZeroedPages() throws {
        let mapping = try MemoryMapping(byteCount: 5000)
        #expect(mapping.byteCount == 8192)
        #expect(mapping.address % 4096 == 0)
        let bytes = unsafe UnsafeRawBufferPointer(start: mapping.base, count: mapping.byteCount)
        #expect(unsafe bytes.allSatisfy { $0 == 0 })
    }
}

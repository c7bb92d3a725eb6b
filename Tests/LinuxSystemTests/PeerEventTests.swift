// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing

/// Eventfds whose other owner wants whoever uses them to wait.
struct PeerEventTests {
    /// One that waits where it can: at 0 for a reader, full for a writer.
    private func withBlocking(_ count: UInt64, _ body: (FileDescriptor) throws -> Void) throws {
        let event = try EventFD()
        let descriptor = FileDescriptor(rawValue: event.number)
        if count > 0 { try descriptor.writeAll(count.littleEndianBytes) }
        try SystemCalls.setNonBlocking(descriptor, false)
        try body(descriptor)
    }

    @Test func nothingWaits() throws {
        try withBlocking(0) { PeerEvent.drain($0.rawValue) }
        try withBlocking(.max - 1) { PeerEvent.signal($0.rawValue) }
    }

    @Test func whatIsSignalledIsRead() throws {
        try withBlocking(0) { event in
            PeerEvent.signal(event.rawValue)
            PeerEvent.signal(event.rawValue)
            #expect(try event.readBytes(upTo: 8) == UInt64(2).littleEndianBytes)
            PeerEvent.signal(event.rawValue)
            PeerEvent.drain(event.rawValue)
            try SystemCalls.setNonBlocking(event)
            #expect(throws: Errno.wouldBlock) { try event.readBytes(upTo: 8) }
        }
    }

    @Test func aThreadThatWaitsIsInterrupted() throws {
        try withBlocking(.max - 1) { event in
            let number = event.rawValue
            let thread = try WorkerThread(name: "waits") { EventFD.signal(number) }
            thread.join(interruptingWhile: { true })
        }
    }
}

// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing

@Suite struct ByteQueueTests {
    @Test func whatIsNotTakenStaysInOrder() throws {
        let (near, far) = try UnixSocket.pair()
        try SystemCalls.setNonBlocking(near.descriptor)
        var queue = ByteQueue()
        var sent: [UInt8] = []
        var received: [UInt8] = []
        var hasWaited = false
        for number in 0..<200 {
            let part = [UInt8](repeating: UInt8(number), count: 10_007)
            queue.append(part)
            sent += part
            do { try queue.write(to: near.descriptor) } catch Errno.wouldBlock { hasWaited = true }
            if hasWaited { received += try far.descriptor.readBytes(upTo: 5000) }
            #expect(queue.count + received.count <= sent.count)
        }
        while received.count < sent.count {
            do { try queue.write(to: near.descriptor) } catch Errno.wouldBlock {}
            received += try far.descriptor.readBytes(upTo: 1 << 16)
        }
        #expect(hasWaited && queue.isEmpty && received == sent)
    }
}

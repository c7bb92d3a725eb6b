// SPDX-License-Identifier: MIT
package import SystemPackage

/// Bytes that wait until a descriptor takes them, in order.
package struct ByteQueue: Sendable {
    private var bytes: [UInt8] = []
    /// How many of them are gone already.
    private var start = 0

    package init() {}

    package var count: Int { bytes.count - start }
    package var isEmpty: Bool { count == 0 }

    package mutating func append(_ more: [UInt8]) {
        // What is moved is less than what has gone, so that each byte moves once at most.
        if start > bytes.count / 2 {
            bytes.removeFirst(start)
            start = 0
        }
        bytes += more
    }

    package mutating func removeAll() { self = ByteQueue() }

    /// Writes all of them.
    ///
    /// - Throws: what `write` gives, `EAGAIN` where there is no more room; what was not written stays.
    package mutating func write(to descriptor: FileDescriptor) throws {
        while !isEmpty { start += try descriptor.writeSome(bytes[start...]) }
        removeAll()
    }
}

// SPDX-License-Identifier: MIT
import LinuxSystem
import Synchronization
public import SystemPackage

/// Where the protection information of a unit's blocks is kept: 8 bytes for each, all FFh for one that has none.
///
/// As with ``BlockStore``, any of the functions may be called on any thread.
public protocol TupleStore: Sendable {
    /// Reads the tuples from a block's on until `tuples` is full.
    func read(at block: UInt64, into tuples: inout MutableSpan<UInt8>) throws(Errno)
    /// Writes tuples from a block's on.
    func write(_ tuples: Span<UInt8>, at block: UInt64) throws(Errno)
    /// Makes blocks have none.
    func clear(_ blocks: Range<UInt64>) throws(Errno)
    /// Makes safe what has been written before.
    func flush() throws(Errno)
}

/// A unit's protection: its kind, and where the information is.
public final class UnitProtection: Sendable {
    public let type: ProtectionType
    let tuples: any TupleStore
    /// Held while a block and its information do not belong together.
    private let change = Mutex<Void>(())

    public init(_ type: ProtectionType, tuples: any TupleStore) {
        self.type = type
        self.tuples = tuples
    }

    /// Runs `body` while nobody else changes blocks with their information.
    func changing<Value: Sendable, Failure: Error>(_ body: () throws(Failure) -> Value) throws(Failure)
        -> Value
    {
        try change.withLock { (_) throws(Failure) in try body() }
    }
}

/// Tuples in memory, gone with the process.
///
/// They are kept inverted: memory that was never written says that there are none.
public final class MemoryTuples: TupleStore {
    private let memory: SharedMemory

    /// - Parameter blocks: how many there are, more than 0.
    public init(blocks: UInt64) throws(Errno) {
        guard let count = Int(exactly: blocks), count > 0 else { throw .invalidArgument }
        memory = try SharedMemory(name: "ringside-tuples", byteCount: count * ProtectionTuple.byteCount)
    }

    public func read(at block: UInt64, into tuples: inout MutableSpan<UInt8>) throws(Errno) {
        memory.read(at: Int(block) * ProtectionTuple.byteCount, into: &tuples)
        for index in tuples.indices { tuples[index] = ~tuples[index] }
    }

    public func write(_ tuples: Span<UInt8>, at block: UInt64) throws(Errno) {
        var inverted: [UInt8] = []
        inverted.reserveCapacity(tuples.count)
        for index in tuples.indices { inverted.append(~tuples[index]) }
        memory.write(inverted.span, at: Int(block) * ProtectionTuple.byteCount)
    }

    public func clear(_ blocks: Range<UInt64>) throws(Errno) {
        if blocks.isEmpty { return }
        let size = UInt64(ProtectionTuple.byteCount)
        try memory.descriptor.punchHole(blocks.lowerBound * size..<blocks.upperBound * size)
    }

    public func flush() throws(Errno) {}
}

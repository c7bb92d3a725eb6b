// SPDX-License-Identifier: MIT
import LinuxSystem
import SCSITarget
import Synchronization
import SystemPackage

/// A store in memory that counts its flushes and fails when it is told to.
final class SpyStore: BlockStore {
    let memory: RAMStore
    let isReadOnly: Bool
    let unmapsToZeroes: Bool
    let discards = Atomic(0)
    let flushes = Atomic(0)
    /// Whether a flush was told of the loss, which takes it some time to tell.
    let isTold = Atomic(false)
    private let loss = Mutex<Errno?>(nil)
    private let failure = Mutex<Errno?>(nil)
    private let size: Atomic<UInt64>

    init(blocks: UInt64, isReadOnly: Bool = false, unmapsToZeroes: Bool = true) throws {
        memory = try RAMStore(byteCount: blocks * 512)
        size = Atomic(blocks * 512)
        self.isReadOnly = isReadOnly
        self.unmapsToZeroes = unmapsToZeroes
    }

    var blockSize: Int { 512 }
    var byteCount: UInt64 { size.load(ordering: .relaxed) }
    var canUnmap: Bool { true }
    var hasWriteCache: Bool { true }

    func fail(with error: Errno?) { failure.withLock { $0 = error } }
    /// Has one flush fail.
    func lose(by error: Errno) { loss.withLock { $0 = error } }
    func resize(blocks: UInt64) { size.store(blocks * 512, ordering: .relaxed) }

    private func check() throws(Errno) {
        if let error = failure.withLock({ $0 }) { throw error }
    }

    func read(at offset: UInt64, into bytes: inout MutableSpan<UInt8>) throws(Errno) {
        try check()
        try memory.read(at: offset, into: &bytes)
    }

    func write(_ bytes: Span<UInt8>, at offset: UInt64) throws(Errno) {
        try check()
        try memory.write(bytes, at: offset)
    }

    func flush() throws(Errno) {
        try check()
        let told = loss.withLock { loss in
            defer { loss = nil }
            return loss
        }
        if let told {
            isTold.store(true, ordering: .releasing)
            SystemCalls.sleep(microseconds: 100_000)
            throw told
        }
        flushes.add(1, ordering: .relaxed)
    }

    func zero(_ range: Range<UInt64>, mayUnmap: Bool) throws(Errno) {
        try check()
        try memory.zero(range, mayUnmap: mayUnmap)
    }

    func discard(_ range: Range<UInt64>) throws(Errno) {
        try check()
        discards.add(range.count, ordering: .relaxed)
    }
}

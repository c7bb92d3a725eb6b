// SPDX-License-Identifier: MIT
import LinuxSystem
import SCSITarget
import Synchronization
import SystemPackage

/// A store in memory whose writes wait to be let go, and that notes what happens in order.
final class HeldStore: BlockStore {
    private let memory: RAMStore
    private let isHeld = Atomic(true)
    private let events = Mutex<[String]>([])

    init() throws { memory = try RAMStore(byteCount: 1 << 20) }

    let blockSize = 512
    var byteCount: UInt64 { memory.byteCount }

    func note(_ event: String) { events.withLock { $0.append(event) } }
    var noted: [String] { events.withLock { $0 } }

    /// Waits until a number of things have happened, but not for ever.
    func waitForEvents(_ count: Int) {
        for _ in 0..<5000 where noted.count < count { SystemCalls.sleep(microseconds: 1000) }
    }

    func letGo() { isHeld.store(false, ordering: .relaxed) }

    func read(at offset: UInt64, into bytes: inout MutableSpan<UInt8>) throws(Errno) {
        try memory.read(at: offset, into: &bytes)
    }

    func write(_ bytes: Span<UInt8>, at offset: UInt64) throws(Errno) {
        note("write begins")
        while isHeld.load(ordering: .relaxed) { SystemCalls.sleep(microseconds: 1000) }
        try memory.write(bytes, at: offset)
        note("write ends")
    }

    func zero(_ range: Range<UInt64>, mayUnmap: Bool) throws(Errno) {
        try memory.zero(range, mayUnmap: mayUnmap)
    }
}

// SPDX-License-Identifier: MIT
package import CVirtqueue
package import LinuxSystem

/// Where a device notes which pages of the guest's memory it has written to, for whoever copies the guest elsewhere.
///
/// The C counterpart is `struct vq_log`. Sendable although it holds a pointer: nothing changes after `init`, and the
/// bits themselves are set atomically.
@safe public final class DirtyLog: @unchecked Sendable {
    /// The log for the C core, valid while this object lives.
    @unsafe package let entry: UnsafeMutablePointer<vq_log>
    /// Keeps the bitmap mapped.
    private let mapping: PeerMapping

    /// Some bytes of another process's file as the bitmap of one split ring.
    ///
    /// - Parameters:
    ///   - offset, byteCount: the bitmap in the mapping, both multiples of 8; it lies inside.
    ///   - used: the guest's address of the used ring.
    package init(_ mapping: PeerMapping, offset: Int, byteCount: Int, used: UInt64) {
        precondition(offset >= 0 && byteCount >= 0 && offset <= mapping.mapping.byteCount - byteCount)
        self.mapping = mapping
        unsafe entry = .allocate(capacity: 1)
        // The bitmap lies in the mapping, which lives as long as this object.
        let words = unsafe UnsafeMutablePointer<UInt64>(
            bitPattern: UInt(mapping.mapping.address) + UInt(offset)
        )
        unsafe entry.initialize(to: vq_log(bitmap: words, words: UInt64(byteCount / 8), desc: 0, used: used))
    }

    /// The guest's address of the used ring.
    package var used: UInt64 { unsafe entry.pointee.used }
    /// How many words of 64 pages the bitmap has.
    package var words: UInt64 { unsafe entry.pointee.words }

    deinit {
        // Every queue that uses the log retains it.
        unsafe entry.deallocate()
    }
}

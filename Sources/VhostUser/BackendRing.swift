// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Virtqueue

/// What the front-end has said of one ring.
struct BackendRing {
    /// The front-end's addresses of the three areas.
    struct Areas: Equatable {
        let descriptors: UInt64
        let used: UInt64
        let available: UInt64
        /// The guest's address of the used ring for the dirty log; nil where the front-end leaves that to us.
        let log: UInt64?
    }

    var size: UInt16 = 0
    var base: UInt16 = 0
    var areas: Areas?
    var kick: PassedDescriptor?
    var call: PassedDescriptor?
    var error: PassedDescriptor?
    /// Whether a kick has been set, be it none for polling.
    var hasKick = false
    var isEnabled = false
    var isRunning = false

    /// Whether everything is there that it takes.
    func isReady(needsEnable: Bool) -> Bool {
        hasKick && size > 0 && areas != nil && (isEnabled || !needsEnable)
    }

    /// Where the dirty log notes writes to the used ring.
    func logAddress(in memory: PeerMemory) -> UInt64? {
        areas.flatMap { $0.log ?? memory.find($0.used, byteCount: UInt64(size) * 8 + 6)?.guest }
    }

    /// Finds the areas in our own memory.
    func addresses(in memory: PeerMemory) throws(VhostUserRefusal) -> RingAddresses {
        guard let areas else { throw VhostUserRefusal("ring", "it has no addresses") }
        let entries = UInt64(size)
        guard let descriptors = memory.find(areas.descriptors, byteCount: entries * 16),
            let available = memory.find(areas.available, byteCount: entries * 2 + 6),
            let used = memory.find(areas.used, byteCount: entries * 8 + 6)
        else {
            throw VhostUserRefusal("ring", "its \(size) entries are not in the memory that was handed over")
        }
        return RingAddresses(
            size: size,
            descriptors: descriptors.user,
            available: available.user,
            used: used.user,
            guestAddress: descriptors.guest
        )
    }
}

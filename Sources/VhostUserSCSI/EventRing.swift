// SPDX-License-Identifier: MIT
import CVirtioSCSI
import CVirtqueue
import LinuxSystem
import SystemPackage
import VhostUser
import Virtqueue

/// Something that happened to the device, as `struct virtio_scsi_event` reports it.
struct DeviceEvent: Equatable, Sendable {
    /// `VIRTIO_SCSI_T_*`
    let kind: UInt32
    let reason: UInt32
    let target: UInt8
    let lun: UInt16

    /// A unit has come.
    static func added(target: UInt8, lun: UInt16) -> DeviceEvent {
        DeviceEvent(
            kind: transportReset,
            reason: UInt32(VIRTIO_SCSI_EVT_RESET_RESCAN),
            target: target,
            lun: lun
        )
    }

    /// A unit has gone.
    static func removed(target: UInt8, lun: UInt16) -> DeviceEvent {
        DeviceEvent(
            kind: transportReset,
            reason: UInt32(VIRTIO_SCSI_EVT_RESET_REMOVED),
            target: target,
            lun: lun
        )
    }

    /// A unit has another size: the sense data that its next command meets, CAPACITY DATA HAS CHANGED, code first.
    static func resized(target: UInt8, lun: UInt16) -> DeviceEvent {
        DeviceEvent(
            kind: UInt32(VIRTIO_SCSI_T_PARAM_CHANGE),
            reason: 0x2a | 0x09 << 8,
            target: target,
            lun: lun
        )
    }

    /// The virtio feature by which a driver wants it: `VIRTIO_SCSI_F_CHANGE` or `_HOTPLUG`.
    var feature: UInt64 { kind == UInt32(VIRTIO_SCSI_T_PARAM_CHANGE) ? 1 << 2 : 1 << 1 }

    /// Nothing; for the flag alone.
    static let nothing = DeviceEvent(kind: UInt32(VIRTIO_SCSI_T_NO_EVENT), reason: 0, target: 0, lun: 0)

    private static let transportReset = UInt32(VIRTIO_SCSI_T_TRANSPORT_RESET)

    /// As the C core writes it.
    func wire(hasMissed: Bool) -> vscsi_event {
        vscsi_event(
            type: kind,
            reason: reason,
            address: vscsi_address(target: target, lun: lun),
            missed: hasMissed
        )
    }
}

/// The event ring: buffers in which the driver wants to be told what happens.
///
/// Where it has given none, the next event that it does get carries the "missed" flag, as with the kernel; one without
/// any other content comes as soon as there is a buffer.
struct EventRing: ~Copyable {
    private var queue: DeviceQueue
    private let setup: RingSetup
    private var hasMissed = false
    /// Whether the driver broke it: nothing more is reported.
    private var isBroken = false

    init(_ setup: RingSetup) throws(Errno) {
        // One at a time: what was taken but not used would be lost when the ring stops.
        queue = try DeviceQueue(
            setup.addresses,
            table: setup.memory,
            features: setup.features,
            base: UInt32(setup.base),
            batch: 1,
            log: setup.log
        )
        self.setup = setup
        queue.disableNotify()
    }

    var base: UInt16 { queue.base }
    /// The descriptor to wait for; nil where there is nothing to tell.
    var kick: CInt? { hasMissed && !isBroken ? setup.kick?.number : nil }
    /// Whether a buffer is waited for of which nothing tells, so that it is to be looked for.
    var isPolled: Bool { hasMissed && !isBroken && setup.kick == nil }

    /// Reports an event, if the driver has given a buffer.
    ///
    /// - Throws: where the driver broke the ring.
    mutating func report(_ event: DeviceEvent) throws(Errno) {
        if isBroken { return }
        do throws(Errno) {
            if try !write(event) || hasMissed { try miss() }
        } catch {
            isBroken = true
            if let event = setup.error { PeerEvent.signal(event.number) }
            throw error
        }
    }

    /// Tells that events were missed, if the driver has given a buffer since.
    mutating func reportMissed() throws(Errno) {
        if let kick { PeerEvent.drain(kick) }
        if hasMissed { try report(.nothing) }
    }

    /// How many buffers that are too short are used up before whoever else waits has a turn.
    private static let turn = 16

    /// Wants to hear of the next buffer.
    private mutating func miss() throws(Errno) {
        hasMissed = true
        for _ in 0..<Self.turn {
            // A buffer that came meanwhile is for the flag; behind one that is too short, we want to hear of the next.
            guard hasMissed, queue.enableNotify() else { return }
            _ = try write(.nothing)
        }
        if let kick { PeerEvent.signal(kick) }
    }

    /// - Returns: false where there is no buffer.
    private mutating func write(_ event: DeviceEvent) throws(Errno) -> Bool {
        guard try queue.pop() == 1 else { return false }
        var wire = event.wire(hasMissed: hasMissed)
        var chain = unsafe queue.chain(0)
        // Both are ours; the chain's segments are valid until the next batch.
        let fits = unsafe vscsi_event_write(&wire, &chain) == 0
        let written = fits ? MemoryLayout<virtio_scsi_event>.size : 0
        try queue.logWrites(0, byteCount: written)
        hasMissed = !fits
        let used = [UsedChain(id: queue.head(0), len: UInt32(written))]
        queue.push(used.span)
        if queue.signalNeeded(), let call = setup.call { PeerEvent.signal(call.number) }
        if !hasMissed { queue.disableNotify() }
        return true
    }
}

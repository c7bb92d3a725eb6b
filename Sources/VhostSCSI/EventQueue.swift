// SPDX-License-Identifier: MIT
internal import CVirtqueue
internal import CVirtioSCSI
internal import LinuxSystem
internal import SystemPackage
internal import Virtqueue

/// Something that a virtio-scsi device reported, from `struct virtio_scsi_event`.
public struct SCSIEvent: Equatable, Sendable {
    /// What happened.
    public enum Kind: Equatable, Sendable {
        /// Nothing but that events were missed.
        case none
        /// A logical unit came.
        case added
        /// A logical unit went.
        case removed
        /// Another `VIRTIO_SCSI_T_*` with its reason.
        case other(event: UInt32, reason: UInt32)
    }

    public let kind: Kind
    /// The SCSI target that it is about.
    public let target: UInt8
    /// The logical unit that it is about.
    public let lun: UInt16
    /// Whether earlier events were lost for want of a buffer, `VIRTIO_SCSI_T_EVENTS_MISSED`.
    public let hasMissedEvents: Bool

    init(_ event: vscsi_event) {
        hasMissedEvents = event.missed
        target = event.address.target
        lun = event.address.lun
        kind =
            switch (event.type, event.reason) {
            case (0, _): .none
            case (1, 1): .added
            case (1, 2): .removed
            case (let event, let reason): .other(event: event, reason: reason)
            }
    }
}

/// The driver side of the event ring: buffers wait there for what the device has to report.
final class EventQueue {
    /// As many as Linux's own driver has.
    private static let buffers = 8
    private static let eventBytes = MemoryLayout<virtio_scsi_event>.size
    static let byteCount = 1024

    let ring: DriverRing
    private let memory: GuestAccess
    private let slots: [GuestBuffer]
    /// The buffers that the device does not have.
    private var kept: [Int]
    private var done = [Completion](repeating: Completion(), count: EventQueue.buffers)

    init(size: Int, in memory: inout GuestMemory, features: VhostFeatures) throws(Errno) {
        ring = try DriverRing("the event ring", size: size, in: &memory, features: features)
        var slots: [GuestBuffer] = []
        for _ in 0..<min(Self.buffers, size) { slots.append(try memory.allocate(Self.eventBytes)) }
        self.slots = slots
        kept = Array(slots.indices.reversed())
        self.memory = memory.access
    }

    /// Gives the device all buffers that it does not have, and kicks it.
    func offer() throws(OperationError) {
        while let slot = kept.popLast() {
            try ring.add(BufferPiece(slots[slot]), readable: 0, cookie: UInt64(slot))
        }
        try ring.kick()
    }

    /// What was reported until now, oldest first; the device gets its buffers back where `returns` says so.
    func take(returns: Bool = true) throws(OperationError) -> [SCSIEvent] {
        let events = finish(try ring.reap(into: &done))
        if returns { try offer() }
        return events
    }

    /// Waits for something to be reported.
    func wait(until deadline: UInt64) throws(OperationError) -> [SCSIEvent] {
        let events = finish(try ring.wait(until: deadline, into: &done))
        try offer()
        return events
    }

    private func finish(_ count: Int) -> [SCSIEvent] {
        (0..<count).map { index in
            let slot = Int(done[index].cookie)
            kept.append(slot)
            return read(slots[slot])
        }
    }

    private func read(_ slot: GuestBuffer) -> SCSIEvent {
        var wire = memory.read(slot) { bytes in
            // The buffer has exactly the structure's size; the copy no longer changes.
            unsafe bytes.unsafeLoad(as: virtio_scsi_event.self)
        }
        var event = vscsi_event()
        unsafe vscsi_event_parse(&wire, &event)
        return SCSIEvent(event)
    }
}

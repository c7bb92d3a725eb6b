// SPDX-License-Identifier: MIT
import CVirtioSCSI
import LinuxSystem
public import SCSITarget
public import SystemPackage
public import VhostUser
import Virtqueue

/// A virtio-scsi device for one vhost-user front-end.
public final class SCSIHostDevice: VhostUserDevice {
    /// Rings: control, event, and up to 64 for requests.
    public let queueCount = 66
    /// `VIRTIO_SCSI_F_HOTPLUG`, `_CHANGE`, `VIRTIO_RING_F_INDIRECT_DESC`, `_EVENT_IDX`, `VIRTIO_F_VERSION_1`; and
    /// `VIRTIO_SCSI_F_T10_PI` where a unit has protection information when the front-end comes.
    public let features: UInt64

    /// `struct virtio_scsi_config`, as QEMU and the kernel's target have it.
    public let configuration: [UInt8] =
        [64, 1022, 0xffff, 128].flatMap { UInt32($0).littleEndianBytes } + UInt32(16).littleEndianBytes
        + [96, 32].flatMap { UInt32($0).littleEndianBytes } + UInt16(0).littleEndianBytes
        + UInt16(255).littleEndianBytes + UInt32(16383).littleEndianBytes

    private let units: UnitMap
    private let nexus: Nexus
    private let spin: Duration
    private let note: @Sendable (String) -> Void
    private var requests: [Int: RequestRing] = [:]
    private var control: ControlRing?
    private var event: EventRing?
    /// The features in use, as far as events go.
    private var eventFeatures: UInt64 = 0
    /// Whether the units know of the front-end's driver.
    private var isKnown = false

    /// - Parameters:
    ///   - nexus: what the front-end is for the units.
    ///   - spin: the longest that a request ring looks for work before it sleeps.
    ///   - note: told of rings that the driver broke.
    public init(_ units: UnitMap, nexus: Nexus, spin: Duration, note: @escaping @Sendable (String) -> Void) {
        self.units = units
        self.nexus = nexus
        self.spin = spin
        self.note = note
        let protection: UInt64 = units.hasProtection ? 1 << 3 : 0
        features = 1 << 1 | 1 << 2 | 1 << 28 | 1 << 29 | TransportFeatures.version1 | protection
    }

    deinit {
        units.disconnect(nexus)
    }

    public func start(_ ring: Int, _ setup: RingSetup) throws(Errno) {
        switch ring {
        case 0:
            control = try ControlRing(setup)
            serveControl()
        case 1:
            event = try EventRing(setup)
            eventFeatures = setup.features
        default:
            introduce(isContinued: setup.isContinued)
            requests[ring] = try RequestRing(
                ring,
                setup,
                units: units,
                nexus: nexus,
                spin: spin,
                fault: fault(ring, setup)
            )
        }
    }

    public func stop(_ ring: Int) -> UInt16 {
        switch ring {
        case 0:
            defer { control = nil }
            return control?.base ?? 0
        case 1:
            defer { event = nil }
            return event?.base ?? 0
        default: return requests.removeValue(forKey: ring)?.stop() ?? 0
        }
    }

    public func reset() {
        units.disconnect(nexus)
        isKnown = false
    }

    /// Makes the driver known before its first command. One that was served before meets no POWER ON: a firmware's
    /// driver, and whatever was in flight, would take it for a failure.
    private func introduce(isContinued: Bool) {
        if !isKnown { units.connect(nexus, isContinued: isContinued) }
        isKnown = true
    }

    /// The descriptor that tells of control requests; nil where there is none to wait for.
    public var kick: CInt? { control?.kick }

    /// Whether to look at the rings for control and events every now and then, as a kick tells nothing of one of them.
    var isPolled: Bool { control?.isPolled == true || event?.isPolled == true }

    /// Answers what is in the control ring.
    public func serveControl() {
        guard control != nil else { return }
        do throws(Errno) {
            try control?.serve(manage)
        } catch {
            note("the driver broke the control ring: \(error.description)")
        }
    }

    /// What the request rings did, by their numbers.
    var counters: [Int: RingCounters] { requests.mapValues(\.counters) }

    /// Tells the driver of something, where it wants that.
    func report(_ occurrence: DeviceEvent) {
        guard eventFeatures & occurrence.feature != 0 else { return }
        do throws(Errno) {
            try event?.report(occurrence)
        } catch {
            note("the driver broke the event ring: \(error.description)")
        }
    }

    /// The descriptor that tells of buffers for events; nil where there is no event to tell.
    public var eventKick: CInt? { event?.kick }

    /// Tells of events that were missed, where there is a buffer now.
    public func reportMissed() {
        do throws(Errno) {
            try event?.reportMissed()
        } catch {
            note("the driver broke the event ring: \(error.description)")
        }
    }

    private func fault(_ ring: Int, _ setup: RingSetup) -> @Sendable (Errno) -> Void {
        let (note, error) = (note, setup.error)
        return { cause in
            note("the driver broke ring \(ring): \(cause.description)")
            if let error { PeerEvent.signal(error.number) }
        }
    }

    /// Carries out task management. Commands that are under way are not cut short but waited for, after which none is
    /// left to abort; those of other sockets' initiators, too, where it is about theirs.
    private func manage(_ task: TaskManagement) -> UInt8 {
        guard let target = units[task.target] else { return UInt8(VIRTIO_SCSI_S_BAD_TARGET) }
        guard let unit = target[task.lun] else { return UInt8(VIRTIO_SCSI_S_INCORRECT_LUN) }
        switch task.subtype {
        case VIRTIO_SCSI_T_TMF_ABORT_TASK, VIRTIO_SCSI_T_TMF_ABORT_TASK_SET, VIRTIO_SCSI_T_TMF_QUERY_TASK,
            VIRTIO_SCSI_T_TMF_QUERY_TASK_SET:
            units.flush()
        case VIRTIO_SCSI_T_TMF_CLEAR_TASK_SET: unit.settle()
        case VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET:
            unit.settle()
            unit.reset()
        case VIRTIO_SCSI_T_TMF_I_T_NEXUS_RESET:
            units.flush()
            units.reset(of: nexus)
        default: return UInt8(VIRTIO_SCSI_S_FUNCTION_REJECTED)
        }
        // FUNCTION COMPLETE has the same number.
        return UInt8(VIRTIO_SCSI_S_OK)
    }
}

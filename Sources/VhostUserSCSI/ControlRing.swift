// SPDX-License-Identifier: MIT
import CVirtioSCSI
import CVirtqueue
import LinuxSystem
import SystemPackage
import VhostUser
import Virtqueue

/// The control ring: task management and asynchronous notification.
///
/// The thread that handles the connection serves it.
struct ControlRing: ~Copyable {
    private var queue: DeviceQueue
    private let setup: RingSetup
    /// Whether the driver broke it: nothing more is served.
    private var isBroken = false

    init(_ setup: RingSetup) throws(Errno) {
        queue = try DeviceQueue(
            setup.addresses,
            table: setup.memory,
            features: setup.features,
            base: UInt32(setup.base),
            log: setup.log
        )
        self.setup = setup
    }

    var base: UInt16 { queue.base }
    /// The descriptor to wait for.
    var kick: CInt? { isBroken ? nil : setup.kick?.number }
    /// Whether nothing tells of requests, so that they are to be looked for.
    var isPolled: Bool { !isBroken && setup.kick == nil }

    /// Answers all requests that are there.
    ///
    /// - Parameter manage: carries out task management and gives its answer, `VIRTIO_SCSI_S_*`.
    /// - Throws: where the driver broke the ring.
    mutating func serve(_ manage: (TaskManagement) -> UInt8) throws(Errno) {
        if let kick { PeerEvent.drain(kick) }
        do throws(Errno) {
            try serveAvailable(manage)
        } catch {
            isBroken = true
            if let event = setup.error { PeerEvent.signal(event.number) }
            throw error
        }
    }

    /// How many batches are answered before whoever else waits has a turn.
    private static let turn = 16

    private mutating func serveAvailable(_ manage: (TaskManagement) -> UInt8) throws(Errno) {
        var batches = 0
        repeat {
            queue.disableNotify()
            while case let count = try queue.pop(), count > 0 {
                batches += 1
                for index in 0..<count { answer(index, manage) }
                if queue.signalNeeded(), let call = setup.call { PeerEvent.signal(call.number) }
                // The rest has its turn with the kick that we give ourselves.
                if batches == Self.turn { return kick.map(PeerEvent.signal) ?? () }
            }
        } while queue.enableNotify()
    }

    private mutating func answer(_ index: Int, _ manage: (TaskManagement) -> UInt8) {
        var chain = unsafe queue.chain(index)
        var control = vscsi_control()
        // Both are ours; the chain's segments are valid until the next batch.
        var error = unsafe vscsi_control_parse(&chain, &control)
        if error == 0 || error == -Errno.invalidArgument.rawValue {
            let response = error == 0 ? Self.response(control, manage) : UInt8(VIRTIO_SCSI_S_BAD_TARGET)
            error = unsafe vscsi_control_respond(&chain, &control, response)
        }
        let isTask = control.type == UInt32(VIRTIO_SCSI_T_TMF)
        let written = error == 0 ? (isTask ? 1 : 5) : 0
        let used = [UsedChain(id: unsafe chain.head, len: UInt32(written))]
        // What was written fits.
        do throws(Errno) { try queue.logWrites(index, byteCount: written) } catch { preconditionFailure() }
        queue.push(used.span)
    }

    private static func response(_ control: vscsi_control, _ manage: (TaskManagement) -> UInt8) -> UInt8 {
        // There are no asynchronous events to ask for.
        guard control.type == UInt32(VIRTIO_SCSI_T_TMF) else { return UInt8(VIRTIO_SCSI_S_OK) }
        return manage(TaskManagement(control))
    }
}

/// A task management request.
struct TaskManagement {
    /// `VIRTIO_SCSI_T_TMF_*`
    let subtype: Int32
    let target: UInt8
    let lun: UInt16

    init(_ control: vscsi_control) {
        subtype = Int32(truncatingIfNeeded: control.subtype)
        target = control.address.target
        lun = control.address.lun
    }
}

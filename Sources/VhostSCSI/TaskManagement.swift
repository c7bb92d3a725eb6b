// SPDX-License-Identifier: MIT
internal import CVirtioSCSI
public import LinuxSystem
internal import SystemPackage

/// A task management function, `VIRTIO_SCSI_T_TMF_*`.
public enum TaskManagement: UInt32, CaseIterable, Sendable {
    case abortTask, abortTaskSet, clearACA, clearTaskSet, nexusReset, logicalUnitReset, queryTask,
        queryTaskSet
}

extension SCSIInitiator {
    /// Has the device do something to the commands of a logical unit.
    ///
    /// The kernel's vhost-scsi knows `logicalUnitReset` alone.
    ///
    /// - Parameter tag: the command that is meant, where one is.
    /// - Returns: the answer, `VIRTIO_SCSI_S_*`: 10 where it was done, 11 where it was not, 3 for no such target.
    public func manage(_ function: TaskManagement, lun: UInt16, tag: UInt64 = 0) throws(OperationError)
        -> UInt8
    {
        var control = vscsi_control()
        control.subtype = function.rawValue
        control.address = vscsi_address(target: target, lun: lun)
        control.tag = tag
        return try rings.control.manage(control, until: deadline)
    }

    /// Asks which asynchronous events a logical unit can report, or subscribes to some of them.
    ///
    /// - Parameter events: `VIRTIO_SCSI_EVT_ASYNC_*`, the bits that are asked for.
    /// - Returns: the answer, `VIRTIO_SCSI_S_*`, and the bits that it has; the kernel's vhost-scsi has none.
    public func notifications(_ events: UInt32, lun: UInt16, subscribes: Bool) throws(OperationError)
        -> (response: UInt8, events: UInt32)
    {
        var control = vscsi_control()
        control.type = UInt32(subscribes ? VIRTIO_SCSI_T_AN_SUBSCRIBE : VIRTIO_SCSI_T_AN_QUERY)
        control.address = vscsi_address(target: target, lun: lun)
        control.events = events
        return try rings.control.notify(control, until: deadline)
    }

    /// What the device reported until now: logical units that came and went, where `hotplug` is in use.
    ///
    /// - Parameter returns: whether the device gets the buffers back for what comes later; the next call with true
    ///   gives back those that were kept.
    public func takeEvents(returns: Bool = true) throws(OperationError) -> [SCSIEvent] {
        try rings.event.take(returns: returns)
    }

    /// Waits for the device to report something, for `seconds` at most.
    ///
    /// - Returns: nothing where nothing came.
    public func waitForEvents(seconds: Double) throws(OperationError) -> [SCSIEvent] {
        do {
            return try rings.event.wait(until: MonotonicClock.nanoseconds + UInt64(seconds * 1e9))
        } catch  where error.errno == .timedOut {
            return []
        }
    }
}

// SPDX-License-Identifier: MIT
public import LinuxSystem

/// A virtio-scsi or virtio-blk device whose rings this process drives: the kernel's vhost-scsi, or a back-end at a socket.
public protocol SCSITransport: AnyObject {
    /// What the device is, for messages.
    var name: String { get }
    /// The features that `start` turns on.
    var features: VhostFeatures { get }
    /// Whether the device is in another process, which has to map the memory.
    var needsSharedMemory: Bool { get }
    /// The eventfds of each ring while started.
    var events: [RingEvents] { get }

    /// Whether the device has gone away and will answer nothing more; from any thread.
    var isGone: Bool { get }

    /// Hands memory and rings over: control, event, request; of a block device, those for requests.
    func start(memory: [VhostMemoryRegion], rings: [VhostRing]) throws(OperationError)
    /// Takes them back.
    func stop() throws(OperationError)
}

/// A transport whose device can log what it writes.
public protocol DirtyLogging: SCSITransport {
    /// Has the started device log what it writes from now on.
    ///
    /// - Parameter log: covers the guest memory, and is shared where the device needs that; to be kept until `stopLog` or
    ///   `stop`.
    func startLog(_ log: DirtyPages) throws(OperationError)
    /// Has it log no more. When this returns it no longer touches the log.
    func stopLog() throws(OperationError)
}

extension VhostSCSIDevice: DirtyLogging {
    public var name: String { options.wwpn }
    public var needsSharedMemory: Bool { false }
    public var isGone: Bool { false }
}

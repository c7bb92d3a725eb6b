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

extension VhostSCSIDevice: SCSITransport {
    public var name: String { options.wwpn }
    public var needsSharedMemory: Bool { false }
    public var isGone: Bool { false }
}

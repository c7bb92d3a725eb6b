// SPDX-License-Identifier: MIT
public import LinuxSystem
public import SystemPackage
public import Virtqueue

/// What a back-end serves: a device with rings. All calls come from the thread that handles the connection.
public protocol VhostUserDevice: AnyObject {
    /// The virtio features that it offers, without those of the transport.
    var features: UInt64 { get }
    /// The device's configuration space.
    var configuration: [UInt8] { get }
    /// How many rings it can have.
    var queueCount: Int { get }

    /// Begins to serve a ring, with the requests that are there already.
    ///
    /// - Throws: what makes that impossible; the ring stays stopped.
    func start(_ ring: Int, _ setup: RingSetup) throws(Errno)
    /// Ends serving a ring that was started, once everything that was taken is answered.
    ///
    /// - Returns: the index of the next available entry.
    func stop(_ ring: Int) -> UInt16
    /// Forgets what the driver has set up. All rings are stopped.
    func reset()
}

/// What a ring is served with.
public struct RingSetup: Sendable {
    public let addresses: RingAddresses
    public let memory: GuestMemoryTable
    /// The virtio features in use.
    public let features: UInt64
    /// The index of the next available entry.
    public let base: UInt16
    /// Whether the driver goes on with what another back-end served before: some ring begins in its middle.
    public let isContinued: Bool
    /// The eventfd by which the driver announces requests; nil where the ring is to be polled.
    public let kick: PassedDescriptor?
    /// The eventfd to interrupt the driver by; nil where it polls.
    public let call: PassedDescriptor?
    /// The eventfd by which to report that the ring is broken.
    public let error: PassedDescriptor?
    /// The in-flight area, and the address of this ring's part of it.
    public let inflight: (area: InflightArea, part: UInt64)?
    /// Where to log writes to the guest's memory; nil while nobody wants to know them.
    public let log: DirtyLog?
}

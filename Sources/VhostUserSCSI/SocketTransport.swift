// SPDX-License-Identifier: MIT
public import LinuxSystem
public import SystemPackage
public import VhostSCSI
import VhostUser

/// A vhost-user back-end at a socket, driven without a guest.
public final class SocketTransport: DirtyLogging {
    public let name: String
    public let needsSharedMemory = true
    public var features: VhostFeatures { VhostFeatures(rawValue: session.offered).intersection(wanted) }
    public private(set) var events: [RingEvents] = []
    public var isGone: Bool { session.isClosed }
    private let session: FrontEndSession
    private let wanted: VhostFeatures

    /// - Parameter wanted: the features to use, where they are offered.
    public init(_ path: FilePath, wanted: VhostFeatures = .wanted) throws(OperationError) {
        self.wanted = wanted
        name = path.string
        session = try FrontEndSession(path)
    }

    /// The first bytes of the device's configuration space.
    public func configuration(byteCount: Int) throws(OperationError) -> [UInt8] {
        try session.configuration(byteCount: byteCount)
    }

    public func start(memory: [VhostMemoryRegion], rings: [VhostRing]) throws(OperationError) {
        var handed: [FrontEndRing] = []
        do throws(Errno) {
            for ring in rings {
                let events = RingEvents(kick: try EventFD(), call: try EventFD(), error: try EventFD())
                self.events.append(events)
                var passed = FrontEndRing(
                    size: ring.size,
                    descriptors: ring.descriptors,
                    available: ring.available,
                    used: ring.used,
                    kick: try Self.copy(events.kick),
                    call: try Self.copy(events.call),
                    error: try Self.copy(events.error)
                )
                passed.usedGuestAddress = ring.usedGuestAddress
                handed.append(passed)
            }
        } catch {
            throw OperationError("make eventfds for", name, errno: error)
        }
        let regions = memory.compactMap { region in
            region.file.map { file in
                SharedRegion(
                    guestAddress: region.guestAddress,
                    byteCount: region.byteCount,
                    userAddress: region.userAddress,
                    file: file
                )
            }
        }
        precondition(regions.count == memory.count, "memory for another process is shared")
        try session.start(features: features.rawValue, memory: regions, rings: handed)
    }

    public func stop() throws(OperationError) {
        defer { events = [] }
        try session.stop()
    }

    public func startLog(_ log: DirtyPages) throws(OperationError) {
        guard let file = log.file else { preconditionFailure("a log for another process is shared") }
        try session.startLog(file, byteCount: log.byteCount)
    }

    public func stopLog() throws(OperationError) { try session.stopLog() }

    private static func copy(_ event: borrowing EventFD) throws(Errno) -> PassedDescriptor {
        PassedDescriptor(try OwnedDescriptor(duplicating: event.number))
    }
}

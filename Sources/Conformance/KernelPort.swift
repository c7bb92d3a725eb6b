// SPDX-License-Identifier: MIT
package import SystemPackage
import LinuxSystem
import VhostSCSI
import VhostUser

/// An open vhost-scsi node, closed with its last reference.
package protocol VhostNode: AnyObject {
    /// Makes an ioctl; the answer is in `argument` afterwards.
    func control(_ number: UInt, _ argument: inout [UInt8]) throws(Errno)
}

/// The kernel's node.
final class LinuxVhostNode: VhostNode {
    private let descriptor: OwnedDescriptor

    init(_ path: FilePath) throws(Errno) { descriptor = try OwnedDescriptor(opening: path, .readWrite) }

    func control(_ number: UInt, _ argument: inout [UInt8]) throws(Errno) {
        try descriptor.descriptor.control(number, &argument)
    }
}

/// What is left of a node that was closed.
private final class ClosedVhostNode: VhostNode {
    func control(_ number: UInt, _ argument: inout [UInt8]) throws(Errno) { throw .badFileDescriptor }
}

extension VhostNode {
    /// Makes an ioctl.
    ///
    /// - Returns: the argument as the kernel left it.
    /// - Throws: `StepRefusal` with the errno's name.
    @discardableResult
    func control(_ ioctl: VhostIoctl, _ argument: [UInt8] = []) throws -> [UInt8] {
        // RESET_OWNER has no argument, but is looked for among those of rings, which have.
        var argument = argument.isEmpty ? [UInt8](repeating: 0, count: 8) : argument
        do throws(Errno) {
            try control(ioctl.number, &argument)
        } catch {
            throw StepRefusal(name: error.symbol)
        }
        return argument
    }
}

/// The ioctls of `/dev/vhost-scsi`.
final class KernelPort: DevicePort {
    let transport = ConformanceCase.Transport.kernel
    private(set) var node: any VhostNode
    let offered: VhostFeatures
    private let wwpn: String

    init(_ node: any VhostNode, wwpn: String) throws {
        self.node = node
        self.wwpn = wwpn
        var fields = WireFields(try node.control(.getFeatures))
        offered = VhostFeatures(rawValue: fields.next())
    }

    func perform(_ step: SetupStep) throws {
        switch step {
        case .features(let features):
            try node.control(.setFeatures, features.rawValue.littleEndianBytes)
        case .memory(let regions, let padding):
            var bytes = VhostRequest.setMemoryTable(regions).bytes
            bytes.replaceSubrange(4..<8, with: padding.littleEndianBytes)
            try node.control(.setMemoryTable, bytes)
        case .ringSize(let ring, let size): try node.control(.setRingSize, Self.state(ring, size))
        case .ringBase(let ring, let base): try node.control(.setRingBase, Self.state(ring, base))
        case .ringPlaces(let ring, let places):
            let fields = [places.descriptors, places.used, places.available, places.log]
            let bytes = Self.state(ring, places.flags) + fields.flatMap(\.littleEndianBytes)
            try node.control(.setRingAddresses, bytes)
        case .event(let kind, let ring, let source):
            try node.control(Self.ioctl(kind), Self.state(ring, UInt32(bitPattern: Self.number(source))))
        case .log(let address, _, _): try node.control(.setLogBase, address.littleEndianBytes)
        }
    }

    /// Sets the endpoint.
    func start(_ rings: [Int]) throws { try node.control(.setEndpoint, Self.endpoint(wwpn)) }

    func stop(_ rings: [Int]) throws -> [UInt16] {
        try node.control(.clearEndpoint, Self.endpoint(wwpn))
        return try rings.map(base)
    }

    func close() { node = ClosedVhostNode() }

    func base(_ ring: Int) throws -> UInt16 {
        var fields = WireFields(try node.control(.getRingBase, Self.state(ring, 0)))
        _ = fields.next(UInt32.self)
        return UInt16(truncatingIfNeeded: fields.next(UInt32.self))
    }

    /// `struct vhost_scsi_target`
    static func endpoint(
        _ wwpn: String,
        tpgt: UInt16 = 1,
        reserved: UInt16 = 0,
        version: Int32 = 0
    ) -> [UInt8] {
        let bytes = VhostRequest.endpoint(.setEndpoint, wwpn: wwpn, tpgt: tpgt).bytes
        return version.littleEndianBytes + bytes[4..<230] + reserved.littleEndianBytes
    }

    /// `struct vhost_vring_state` and its like.
    static func state(_ ring: Int, _ value: UInt32) -> [UInt8] {
        UInt32(ring).littleEndianBytes + value.littleEndianBytes
    }

    private static func ioctl(_ kind: RingEventKind) -> VhostIoctl {
        switch kind {
        case .kick: .setRingKick
        case .call: .setRingCall
        case .error: .setRingError
        }
    }

    private static func number(_ source: EventSource) -> Int32 {
        switch source {
        case .descriptor(let descriptor): descriptor.number
        // No process has as many.
        case .closed: 1 << 24
        case .none: -1
        }
    }
}

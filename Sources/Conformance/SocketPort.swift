// SPDX-License-Identifier: MIT
import Glibc
import LinuxSystem
import SystemPackage
import VhostSCSI
import VhostUser

/// A connection to a vhost-user-scsi back-end.
///
/// Each step asks for an acknowledgement where the back-end has those; where not, whether the connection lives on is
/// all that can be seen.
final class SocketPort: DevicePort {
    let transport = ConformanceCase.Transport.socket
    let session: FrontEndSession
    var offered: VhostFeatures { VhostFeatures(rawValue: session.offered) }
    /// Where the file of all memory begins in this process.
    var fileStart: UInt64 = 0
    private var transportFeatures: UInt64 { session.offered & TransportFeatures.protocolFeatures }

    init(_ path: FilePath) throws { session = try FrontEndSession(path) }

    func perform(_ step: SetupStep) throws {
        switch step {
        case .features(let features):
            try tell(.setFeatures, (features.rawValue | transportFeatures).littleEndianBytes)
        case .memory(let regions, let padding):
            let header = UInt32(regions.count).littleEndianBytes + padding.littleEndianBytes
            try tell(.setMemoryTable, header + regions.flatMap(line), regions.compactMap(\.file))
        case .ringSize(let ring, let size): try tell(.setRingSize, KernelPort.state(ring, size))
        case .ringBase(let ring, let base): try tell(.setRingBase, KernelPort.state(ring, base))
        case .ringPlaces(let ring, let places):
            let fields = [places.descriptors, places.used, places.available, places.log]
            try tell(
                .setRingAddress,
                KernelPort.state(ring, places.flags) + fields.flatMap(\.littleEndianBytes)
            )
        case .event(let kind, let ring, let source): try hand(kind, ring, source)
        case .log(let address, let byteCount, let file):
            let shape = byteCount.littleEndianBytes + (address &- fileStart).littleEndianBytes
            // The only request besides GET_… that is answered without being asked to.
            _ = try ask(VhostUserMessage(.setLogBase, shape, rights: file.map { [$0] } ?? []))
        }
    }

    /// Enables rings, where they begin disabled.
    func start(_ rings: [Int]) throws {
        for ring in rings where transportFeatures != 0 { try enable(ring, true) }
    }

    func enable(_ ring: Int, _ isEnabled: Bool) throws {
        try tell(.setRingEnable, KernelPort.state(ring, isEnabled ? 1 : 0))
    }

    func stop(_ rings: [Int]) throws -> [UInt16] {
        try rings.map { ring in
            var fields = WireFields(
                try ask(VhostUserMessage(.getRingBase, KernelPort.state(ring, 0))).payload
            )
            _ = fields.next(UInt32.self)
            return UInt16(truncatingIfNeeded: fields.next(UInt32.self))
        }
    }

    /// Sends a request that has no answer of its own.
    ///
    /// - Throws: `StepRefusal`
    func tell(_ request: VhostUserRequest, _ payload: [UInt8], _ rights: [PassedDescriptor] = []) throws {
        try tell(VhostUserMessage(request, payload, rights: rights, needsReply: acknowledges))
    }

    func tell(_ message: VhostUserMessage) throws {
        guard acknowledges else {
            try send(message.encoded, rights: message.rights)
            // A back-end that refuses closes the connection.
            return _ = try ask(VhostUserMessage(.getFeatures))
        }
        var fields = WireFields(try ask(message).payload)
        guard fields.next(UInt64.self) == 0 else { throw StepRefusal(name: Self.refused) }
    }

    /// Sends a request and waits for its answer.
    ///
    /// - Throws: `StepRefusal` where the back-end closes the connection.
    func ask(_ message: VhostUserMessage) throws -> VhostUserMessage {
        do {
            return try session.exchange(message)
        } catch let error {
            let isGone = error.errno == nil || error.errno == .brokenPipe || error.errno == .connectionReset
            if isGone { throw StepRefusal(name: Self.refused) }
            throw error
        }
    }

    /// Sends any bytes.
    func send(_ bytes: [UInt8], rights: [PassedDescriptor] = []) throws {
        let numbers = rights.map(\.number)
        do {
            try session.connection.socket.send(bytes, rights: numbers)
        } catch let error {
            throw error == .brokenPipe ? StepRefusal(name: Self.refused) : error as any Error
        }
    }

    /// Ends the connection.
    func close() { _ = shutdown(session.connection.socket.descriptor.rawValue, CInt(SHUT_RDWR)) }

    /// Waits for the back-end to close the connection.
    ///
    /// - Returns: false where it does not, within two seconds.
    func isClosed() throws -> Bool {
        let deadline = MonotonicClock.nanoseconds + 2_000_000_000
        while MonotonicClock.nanoseconds < deadline {
            if case .end = try session.connection.receive() { return true }
            SystemCalls.sleep(microseconds: 500)
        }
        return false
    }

    /// What a refusal is called, whatever form it takes.
    static let refused = "refused"

    private var acknowledges: Bool { session.protocolFeatures.contains(.replyAck) }

    private func hand(_ kind: RingEventKind, _ ring: Int, _ source: EventSource) throws {
        let request: VhostUserRequest =
            switch kind {
            case .kick: .setRingKick
            case .call: .setRingCall
            case .error: .setRingError
            }
        switch source {
        case .descriptor(let event): try tell(request, UInt64(ring).littleEndianBytes, [event])
        // Without a descriptor, and without saying that there is none.
        case .closed: try tell(request, UInt64(ring).littleEndianBytes)
        case .none: try tell(request, (UInt64(ring) | 0x100).littleEndianBytes)
        }
    }

    /// A line of the memory table: guest address, size, our address, offset.
    func line(_ region: VhostMemoryRegion) -> [UInt8] {
        let offset = region.userAddress &- fileStart
        return [region.guestAddress, region.byteCount, region.userAddress, offset].flatMap(
            \.littleEndianBytes
        )
    }
}

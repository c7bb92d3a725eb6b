// SPDX-License-Identifier: MIT
public import LinuxSystem
public import SystemPackage
import Glibc

/// Memory that a front-end hands over.
public struct SharedRegion: Sendable {
    public let guestAddress: UInt64
    public let byteCount: UInt64
    /// The address in this process of the first byte, which ring addresses refer to.
    public let userAddress: UInt64
    public let file: PassedDescriptor

    public init(guestAddress: UInt64, byteCount: UInt64, userAddress: UInt64, file: PassedDescriptor) {
        self.guestAddress = guestAddress
        self.byteCount = byteCount
        self.userAddress = userAddress
        self.file = file
    }

    var encoded: [UInt8] {
        [guestAddress, byteCount, userAddress, 0].flatMap { $0.littleEndianBytes }
    }
}

/// A ring that a front-end hands over: size, or 0 for one that it does not set up, addresses in this process, and its
/// eventfds.
public struct FrontEndRing: Sendable {
    public let size: UInt16
    public let descriptors: UInt64
    public let available: UInt64
    public let used: UInt64
    public let kick: PassedDescriptor
    public let call: PassedDescriptor
    public let error: PassedDescriptor
    /// The index of the next available entry: the used index where another back-end has died, and 0 otherwise.
    public var base: UInt16 = 0
    /// The used ring's address for the guest, by which the dirty log names it.
    public var usedGuestAddress: UInt64 = 0

    public init(
        size: UInt16,
        descriptors: UInt64,
        available: UInt64,
        used: UInt64,
        kick: PassedDescriptor,
        call: PassedDescriptor,
        error: PassedDescriptor
    ) {
        self.size = size
        self.descriptors = descriptors
        self.available = available
        self.used = used
        self.kick = kick
        self.call = call
        self.error = error
    }
}

/// The front-end's side of a vhost-user connection: what QEMU does for a guest, done for this process.
///
/// One thread uses it. Every request that has an answer waits for it, but not for ever.
public final class FrontEndSession {
    /// What the back-end offers.
    public let offered: UInt64
    /// The protocol features in use.
    public let protocolFeatures: ProtocolFeatures
    private let socket: MessageSocket
    let name: String
    /// What is in use while started.
    private(set) var features: UInt64 = 0
    private(set) var rings: [(index: UInt32, ring: FrontEndRing)] = []

    /// How long a back-end may take for an answer, in milliseconds.
    private static let patience: UInt64 = 10_000

    /// Connects, becomes the device's owner, and agrees on the protocol's features.
    public init(_ path: FilePath) throws(OperationError) {
        let socket: MessageSocket
        do throws(Errno) {
            socket = MessageSocket(try UnixSocket(connectingTo: path))
        } catch {
            throw OperationError("connect to", path.string, errno: error)
        }
        self.socket = socket
        name = path.string
        offered = try Self.ask(socket, name, .getFeatures)
        var features: ProtocolFeatures = []
        if offered & TransportFeatures.protocolFeatures != 0 {
            features = ProtocolFeatures(rawValue: try Self.ask(socket, name, .getProtocolFeatures))
                .intersection(.all.union(.configuration))
            try Self.send(
                socket,
                name,
                VhostUserMessage(.setProtocolFeatures, features.rawValue.littleEndianBytes)
            )
        }
        protocolFeatures = features
        try send(VhostUserMessage(.setOwner))
    }

    /// Has the back-end make an area for what is in flight, for rings of one size.
    ///
    /// It outlives the connection, so that the next back-end can go on where this one died.
    ///
    /// - Throws: where the back-end offers none, or answers something else.
    public func makeInflightArea(queueCount: Int, queueSize: Int) throws(OperationError) -> InflightArea {
        try need(.inflight, for: .getInflight)
        let counts = UInt16(queueCount).littleEndianBytes + UInt16(queueSize).littleEndianBytes
        try send(VhostUserMessage(.getInflight, [UInt8](repeating: 0, count: 16) + counts))
        let answer = try Self.answer(socket, name, VhostUserRequest.getInflight.rawValue)
        var fields = WireFields(answer.payload)
        _ = fields.next(UInt64.self)
        let offset: UInt64 = fields.next()
        do throws(Errno) {
            guard let file = answer.rights.first else { throw .badFileDescriptor }
            return try InflightArea(file, offset: offset, queueCount: queueCount, queueSize: queueSize)
        } catch {
            throw OperationError(VhostUserRequest.getInflight.name, name, errno: error)
        }
    }

    /// Reads the device's configuration space.
    ///
    /// - Returns: its first `byteCount` bytes.
    /// - Throws: where the back-end offers none, or has less.
    public func configuration(byteCount: Int) throws(OperationError) -> [UInt8] {
        let name = VhostUserRequest.getConfiguration.name
        try need(.configuration, for: .getConfiguration)
        let header = [0, UInt32(byteCount), 0].flatMap { $0.littleEndianBytes }
        let space = [UInt8](repeating: 0, count: byteCount)
        let answer = try exchange(VhostUserMessage(.getConfiguration, header + space)).payload
        guard answer.count == header.count + byteCount else {
            throw OperationError(name, self.name, cause: "the back-end has fewer than \(byteCount) bytes")
        }
        return Array(answer.dropFirst(header.count))
    }

    /// Whether the back-end has closed the connection; from any thread.
    public var isClosed: Bool {
        // That the other end is gone is told unasked.
        var waits = [pollfd(fd: socket.socket.descriptor.rawValue, events: 0, revents: 0)]
        do throws(Errno) {
            try SystemCalls.poll(&waits, milliseconds: 0)
        } catch {
            return false
        }
        return waits[0].revents != 0
    }

    /// Hands memory and rings over, and enables them; QEMU's order.
    ///
    /// It returns once the back-end has carried all of it out.
    ///
    /// - Parameters:
    ///   - features: the virtio features to use, of those that are offered.
    ///   - inflight: where the back-end notes what it has taken, and finds what one before it had.
    public func start(
        features: UInt64,
        memory: [SharedRegion],
        rings: [FrontEndRing],
        inflight: InflightArea? = nil
    ) throws(OperationError) {
        try checkCount(of: rings)
        let transport = offered & TransportFeatures.protocolFeatures
        if let inflight {
            try send(VhostUserMessage(.setInflight, inflight.encoded, rights: [inflight.file]))
        }
        self.features = features | transport
        try send(VhostUserMessage(.setFeatures, self.features.littleEndianBytes))
        let table =
            UInt32(memory.count).littleEndianBytes + UInt32(0).littleEndianBytes + memory.flatMap(\.encoded)
        try acknowledged(.setMemoryTable, table, memory.map(\.file))
        let rings = rings.enumerated().map { (index: UInt32($0), ring: $1) }.filter { $0.ring.size > 0 }
        for (index, ring) in rings { try hand(ring, index) }
        if transport != 0 {
            for (index, _) in rings { try send(Self.state(.setRingEnable, index, 1)) }
        }
        if protocolFeatures.contains(.status) { try setStatus(.driverOK) }
        // Messages are carried out in order: once one is answered, none before it was refused.
        _ = try Self.ask(socket, name, .getFeatures)
        self.rings = rings
    }

    private func checkCount(of rings: [FrontEndRing]) throws(OperationError) {
        guard protocolFeatures.contains(.multiqueue) else { return }
        let most = try Self.ask(socket, name, .getQueueCount)
        guard rings.count <= most else {
            throw OperationError(
                "start \(rings.count) rings of",
                name,
                cause: "the back-end has \(most) at most"
            )
        }
    }

    /// Takes the rings back.
    public func stop() throws(OperationError) {
        defer { rings = [] }
        for (index, _) in rings {
            let payload = Self.state(.getRingBase, index, 0).payload
            _ = try Self.ask(socket, name, .getRingBase, payload)
        }
    }

    /// The connection, for what no front-end should send.
    package var connection: MessageSocket { socket }

    /// Sends a request that has an answer, or asks for an acknowledgement, and waits for it.
    package func exchange(_ message: VhostUserMessage) throws(OperationError) -> VhostUserMessage {
        try send(message)
        return try awaitAnswer(message.number)
    }

    /// Waits for the answer to a request that was sent.
    package func awaitAnswer(_ number: UInt32) throws(OperationError) -> VhostUserMessage {
        try Self.answer(socket, name, number)
    }

    func send(_ message: VhostUserMessage) throws(OperationError) {
        try Self.send(socket, name, message)
    }

    private func hand(_ ring: FrontEndRing, _ index: UInt32) throws(OperationError) {
        try send(Self.state(.setRingSize, index, UInt32(ring.size)))
        try send(Self.state(.setRingBase, index, UInt32(ring.base)))
        try send(address(ring, index, isLogged: false))
        for (request, event) in [
            (VhostUserRequest.setRingError, ring.error), (.setRingCall, ring.call), (.setRingKick, ring.kick),
        ] {
            try send(VhostUserMessage(request, UInt64(index).littleEndianBytes, rights: [event]))
        }
    }

    func address(_ ring: FrontEndRing, _ index: UInt32, isLogged: Bool) -> VhostUserMessage {
        let areas = [ring.descriptors, ring.used, ring.available, isLogged ? ring.usedGuestAddress : 0]
        let state = index.littleEndianBytes + UInt32(isLogged ? 1 : 0).littleEndianBytes
        return VhostUserMessage(.setRingAddress, state + areas.flatMap(\.littleEndianBytes))
    }

    func acknowledged(
        _ request: VhostUserRequest,
        _ payload: [UInt8] = [],
        _ rights: [PassedDescriptor] = []
    ) throws(OperationError) {
        let asks = protocolFeatures.contains(.replyAck)
        try send(VhostUserMessage(request, payload, rights: rights, needsReply: asks))
        guard asks else { return }
        var answer = WireFields(try Self.answer(socket, name, request.rawValue).payload)
        guard answer.next(UInt64.self) == 0 else {
            throw OperationError(request.name, name, cause: "the back-end refuses it")
        }
    }

    private static func state(_ request: VhostUserRequest, _ index: UInt32, _ value: UInt32)
        -> VhostUserMessage
    {
        VhostUserMessage(request, index.littleEndianBytes + value.littleEndianBytes)
    }

    private static func ask(
        _ socket: MessageSocket,
        _ name: String,
        _ request: VhostUserRequest,
        _ payload: [UInt8] = []
    ) throws(OperationError) -> UInt64 {
        try send(socket, name, VhostUserMessage(request, payload))
        var fields = WireFields(try answer(socket, name, request.rawValue).payload)
        return fields.next()
    }

    private static func send(_ socket: MessageSocket, _ name: String, _ message: VhostUserMessage)
        throws(OperationError)
    {
        do throws(Errno) {
            try socket.send(message)
        } catch {
            let request = message.request?.name ?? "send a message to"
            // It refused an earlier one by that.
            if error == .brokenPipe || error == .connectionReset { throw closed(request, name) }
            throw OperationError(request, name, errno: error)
        }
    }

    private static func answer(_ socket: MessageSocket, _ name: String, _ number: UInt32)
        throws(OperationError)
        -> VhostUserMessage
    {
        let request = VhostUserRequest(rawValue: number)?.name ?? "request \(number)"
        let deadline = MonotonicClock.nanoseconds + patience * 1_000_000
        while MonotonicClock.nanoseconds < deadline {
            do {
                switch try socket.receive() {
                case .message(let message) where message.isReply && message.number == number: return message
                case .message:
                    throw OperationError(request, name, cause: "the back-end answers something else")
                case .end:
                    throw closed(request, name)
                case .nothing: try wait(socket)
                }
            } catch let error as OperationError {
                throw error
            } catch {
                throw OperationError(request, name, cause: "\(error)")
            }
        }
        throw OperationError(request, name, errno: .timedOut, cause: "the back-end does not answer")
    }

    private static func closed(_ request: String, _ name: String) -> OperationError {
        OperationError(request, name, cause: "the back-end has closed the connection")
    }

    private static func wait(_ socket: MessageSocket) throws(Errno) {
        var waits = [pollfd(fd: socket.socket.descriptor.rawValue, events: Int16(POLLIN), revents: 0)]
        try SystemCalls.poll(&waits, milliseconds: 100)
    }
}

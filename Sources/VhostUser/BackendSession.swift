// SPDX-License-Identifier: MIT
public import LinuxSystem
public import SystemPackage
import Virtqueue

/// The back-end's side of one vhost-user connection: what the front-end asks for is done to a device.
///
/// It mirrors the "Back-end" half of the protocol as QEMU 7.2 and later use it; DIFFERENCES.md lists where it is
/// stricter or more lenient. One thread uses it.
public final class BackendSession {
    let device: any VhostUserDevice
    let socket: MessageSocket
    let note: (String) -> Void
    let memory: PeerMemory
    /// Readable when a file of the front-end was truncated under us: `handleMessages` comes next.
    public let lost: PassedDescriptor
    var rings: [BackendRing]
    var features: UInt64 = 0
    var protocolFeatures: ProtocolFeatures = []
    var inflight: InflightArea?
    var log: LogArea?
    /// The virtio device status, as the front-end set it.
    var status: UInt64 = 0

    /// - Parameters:
    ///   - note: told of what goes wrong without ending the connection.
    /// - Throws: `EMFILE` where there can be no more descriptors.
    public init(_ socket: UnixSocket, _ device: any VhostUserDevice, note: @escaping (String) -> Void)
        throws(Errno)
    {
        let event = try EventFD()
        lost = PassedDescriptor(try OwnedDescriptor(duplicating: event.number))
        memory = PeerMemory(lost: lost)
        self.device = device
        self.socket = MessageSocket(socket)
        self.note = note
        rings = Array(repeating: BackendRing(), count: device.queueCount)
    }

    /// How many messages are handled before whoever else waits has a turn.
    static let turn = 64

    /// Handles messages that are there: up to 64, so that one who never stops keeps nobody else waiting.
    ///
    /// - Returns: false at the end of the connection.
    /// - Throws: why the connection cannot go on. In either case `close` comes next.
    public func handleMessages() throws(VhostUserRefusal) -> Bool {
        PeerEvent.drain(lost.number)
        for _ in 0..<Self.turn {
            try checkFiles()
            switch try socket.receive() {
            case .nothing: return true
            case .end: return false
            case .message(let message): try handle(message)
            }
        }
        return true
    }

    private func checkFiles() throws(VhostUserRefusal) {
        if memory.isLost { throw VhostUserRefusal("memory region", "its file was truncated") }
        if log?.isLost == true { throw VhostUserRefusal("log", "its file was truncated") }
        if inflight?.isLost == true { throw VhostUserRefusal("in-flight area", "its file was truncated") }
    }

    /// Stops all rings and resets the device: the front-end is gone.
    public func close() {
        for index in rings.indices { stop(index) }
        device.reset()
    }

    func handle(_ message: VhostUserMessage) throws(VhostUserRefusal) {
        let answer: VhostUserMessage?
        do throws(VhostUserRefusal) {
            answer = try answerTo(message) ?? acknowledgement(of: message, 0)
        } catch {
            // Only a front-end that asks for an acknowledgement learns of it otherwise.
            guard let refusal = acknowledgement(of: message, 1) else { throw error }
            note(error.description)
            answer = refusal
        }
        guard let answer else { return }
        do throws(Errno) {
            try socket.send(answer)
        } catch {
            throw VhostUserRefusal("reply", "the front-end does not take it: \(error.description)")
        }
    }

    func acknowledgement(of message: VhostUserMessage, _ value: UInt64) -> VhostUserMessage? {
        guard message.needsReply, protocolFeatures.contains(.replyAck) else { return nil }
        return message.reply(value.littleEndianBytes)
    }

    /// Carries a request out.
    ///
    /// - Returns: the answer of a request that has one.
    func answerTo(_ message: VhostUserMessage) throws(VhostUserRefusal) -> VhostUserMessage? {
        guard let request = message.request, !message.isReply else {
            throw VhostUserRefusal("request \(message.number)", "it is not known here")
        }
        switch request {
        case .getFeatures:
            return message.reply((device.features | Self.transport).littleEndianBytes)
        case .getProtocolFeatures: return message.reply(ProtocolFeatures.all.rawValue.littleEndianBytes)
        case .getQueueCount: return message.reply(UInt64(device.queueCount).littleEndianBytes)
        case .getMemorySlots: return message.reply(UInt64(PeerMemory.slots).littleEndianBytes)
        case .getRingBase: return try getRingBase(message)
        case .getInflight: return try getInflight(message)
        case .setFeatures: try setFeatures(message)
        case .setProtocolFeatures:
            protocolFeatures = ProtocolFeatures(rawValue: try number(message)).intersection(.all)
        case .setOwner: break
        case .resetOwner, .resetDevice: reset()
        case .setMemoryTable, .addMemoryRegion, .removeMemoryRegion: try changeMemory(request, message)
        case .setRingSize, .setRingBase, .setRingEnable, .setRingAddress: try configure(request, message)
        case .setRingKick, .setRingCall, .setRingError: try setEvent(request, message)
        case .setInflight: try setInflight(message)
        case .setLogBase: return try setLogBase(message)
        // Nobody is told of writes: who wants to know them reads the log.
        case .setLogDescriptor: _ = try event(message, request)
        case .getConfiguration: return try getConfiguration(message)
        case .setConfiguration: throw VhostUserRefusal(request.name, "nothing of it can be changed")
        case .getStatus: return message.reply(status.littleEndianBytes)
        case .setStatus: try setStatus(message)
        }
        return nil
    }

    func fields(_ message: VhostUserMessage, _ bytes: Int, rights: Int = 0) throws(VhostUserRefusal)
        -> WireFields
    {
        let name = message.request?.name ?? ""
        guard message.payload.count == bytes else {
            throw VhostUserRefusal(name, "a payload of \(message.payload.count) bytes instead of \(bytes)")
        }
        guard message.rights.count == rights else {
            throw VhostUserRefusal(name, "\(message.rights.count) descriptors instead of \(rights)")
        }
        return WireFields(message.payload)
    }

    func number(_ message: VhostUserMessage) throws(VhostUserRefusal) -> UInt64 {
        var fields = try fields(message, 8)
        return fields.next()
    }

    func system<Value>(
        _ request: String,
        _ body: () throws(Errno) -> Value
    ) throws(VhostUserRefusal) -> Value {
        do throws(Errno) {
            return try body()
        } catch {
            throw VhostUserRefusal(request, error.description)
        }
    }
}

extension BackendSession {
    func setFeatures(_ message: VhostUserMessage) throws(VhostUserRefusal) {
        let wanted = try number(message)
        let known = device.features | Self.transport | TransportFeatures.version1
        // QEMU sets what it offers the guest itself, VIRTIO_SCSI_F_CHANGE and VIRTIO_SCSI_F_T10_PI, too.
        guard wanted & ~(known | Self.harmless) == 0 else {
            throw VhostUserRefusal("SET_FEATURES", "\(String(wanted & ~known, radix: 16)) was not offered")
        }
        if wanted == features { return }
        try paused { () throws(VhostUserRefusal) in features = wanted }
    }

    static let harmless: UInt64 = 1 << 2 | 1 << 3
    static let transport = TransportFeatures.protocolFeatures | TransportFeatures.logAll

    /// Status 0 resets the device; what the other bits say is known from other requests.
    func setStatus(_ message: VhostUserMessage) throws(VhostUserRefusal) {
        status = try number(message)
        if status == 0 { reset() }
    }

    /// The payload begins with offset, size and flags, 32 bits each; the answer has the configuration behind them.
    func getConfiguration(_ message: VhostUserMessage) throws(VhostUserRefusal) -> VhostUserMessage {
        var fields = WireFields(message.payload)
        let (offset, size) = (Int(fields.next(UInt32.self)), Int(fields.next(UInt32.self)))
        guard message.payload.count == 12 + size, size <= 256, offset <= 256 else {
            throw VhostUserRefusal("GET_CONFIG", "\(size) bytes in a payload of \(message.payload.count)")
        }
        // Behind its end a configuration has zeroes.
        let space = device.configuration + [UInt8](repeating: 0, count: offset + size)
        return message.reply(Array(message.payload.prefix(12)) + Array(space[offset..<offset + size]))
    }

    func reset() {
        for index in rings.indices {
            stop(index)
            let (call, error) = (rings[index].call, rings[index].error)
            rings[index] = BackendRing()
            (rings[index].call, rings[index].error) = (call, error)
        }
        device.reset()
    }

    /// Changes something that rings in use depend on.
    func paused(_ change: () throws(VhostUserRefusal) -> Void) throws(VhostUserRefusal) {
        for index in rings.indices { stop(index) }
        let result = Result(catching: change)
        for index in rings.indices { try update(index) }
        try result.get()
    }
}

// SPDX-License-Identifier: MIT
import Glibc
import LinuxSystem
import SystemPackage
import VhostUser

/// One connection through the proxy.
@safe final class ProxyConnection {
    private let front: MessageSocket
    private let back: MessageSocket
    private let mutation: Mutation?
    private let log: () -> WriteLog?
    private var memory = ProxyMemory()
    private var rings: [Int: ProxyRing] = [:]
    /// Memory that the back-end has beside the front-end's: used rings, each of the largest size.
    private let shadow: SharedMemory
    private static let ringBytes = 1 << 19
    private static let ringCount = 8
    private static let shadowGuest: UInt64 = 64 << 20
    /// Whether the back-end knows of the shadow by a region of its own.
    private var hasShadow = false
    /// The front-end's dirty log.
    private var dirtyLog: PeerMapping?
    private var logStart = 0
    private var knowsMemory = false

    init(_ front: UnixSocket, _ back: UnixSocket, _ mutation: Mutation?, _ log: @escaping () -> WriteLog?) {
        self.front = MessageSocket(front)
        self.back = MessageSocket(back)
        self.mutation = mutation
        self.log = log
        do {
            shadow = try SharedMemory(name: "shadow", byteCount: Self.ringBytes * Self.ringCount)
        } catch {
            fatalError("no memory for the proxy: \(error)")
        }
    }

    /// Passes on what is there.
    ///
    /// - Returns: false once the connection has ended.
    func serve() -> Bool {
        pump()
        do {
            while let message = try next(front) { try passOn(message) }
            while let message = try next(back) {
                // What was used before an answer is there before it.
                pump()
                try front.send(answer(message))
            }
            return true
        } catch {
            pump()
            return mutation == .keepsConnection && !isHungUp(front)
        }
    }

    private struct Ended: Error {}

    private func next(_ socket: MessageSocket) throws -> VhostUserMessage? {
        switch try socket.receive() {
        case .message(let message): return message
        case .nothing: return nil
        case .end: throw Ended()
        }
    }

    private func isHungUp(_ socket: MessageSocket) -> Bool {
        var waits = [pollfd(fd: socket.socket.descriptor.rawValue, events: 0, revents: 0)]
        do { try SystemCalls.poll(&waits, milliseconds: 0) } catch { return true }
        return waits[0].revents != 0
    }

    private func pump() {
        let log = log()
        for ring in rings.values { ring.pump(memory, mutation, log, next: rings[ring.number - 1]) }
        guard mutation == .logsEverything, let dirtyLog else { return }
        // The pages of the first 32 MiB have a byte for each eight, and a log has more than that.
        let start = unsafe dirtyLog.mapping.base + logStart
        unsafe start.initializeMemory(as: UInt8.self, repeating: 0xff, count: 1024)
    }

    private func ring(_ number: Int) -> ProxyRing? {
        guard number < Self.ringCount else { return nil }
        if let ring = rings[number] { return ring }
        do {
            // Each ring has a part of its own.
            let ring = try unsafe ProxyRing(number, shadow.base + number * Self.ringBytes)
            rings[number] = ring
            return ring
        } catch {
            fatalError("no eventfd for the proxy: \(error)")
        }
    }
}

// From the front-end to the back-end.
extension ProxyConnection {
    private func passOn(_ message: VhostUserMessage) throws {
        if mutation == .dropsConnection, message.request == .setRingCall { throw Ended() }
        var fields = WireFields(message.payload)
        let number = Int(fields.next(UInt32.self))
        let value: UInt32 = fields.next()
        switch message.request {
        case .setFeatures: try back.send(features(message))
        case .setMemoryTable: try back.send(table(message))
        case .addMemoryRegion:
            try addShadow()
            learn(Array(message.payload.dropFirst(8)), message.rights)
            try back.send(message)
        case .setLogBase:
            learnLog(message)
            try back.send(message)
        case .setRingSize:
            if let size = UInt16(exactly: value) { ring(number)?.size = Int(size) }
            try back.send(message)
        case .setRingAddress: try back.send(addresses(message))
        case .setRingCall, .setRingError: try back.send(event(message))
        case .setRingKick:
            ring(Int(message.payload.first ?? 0xff))?.isStopped = false
            try back.send(message)
        case .setRingEnable: try enable(message, number, value)
        case .getRingBase:
            ring(number)?.isStopped = true
            try back.send(message)
        case .resetDevice:
            for ring in rings.values { ring.isStopped = true }
            try back.send(message)
        default: try back.send(message)
        }
    }

    /// `VIRTIO_SCSI_F_T10_PI`, `VIRTIO_F_NOTIFY_ON_EMPTY` and `VHOST_F_LOG_ALL`, for a device that has none of them.
    private static let claimed: UInt64 = 1 << 3 | 1 << 24 | 1 << 26

    private func features(_ message: VhostUserMessage) -> VhostUserMessage {
        var fields = WireFields(message.payload)
        let value: UInt64 = fields.next()
        switch mutation {
        case .forgetsLog: return message.with((value & ~(1 << 26)).littleEndianBytes)
        case .forgetsEventIndex: return message.with((value & ~(1 << 29)).littleEndianBytes)
        case .claimsFeatures: return message.with((value & ~Self.claimed).littleEndianBytes)
        default: return message
        }
    }

    /// Maps regions that can be mapped; those that cannot are for the back-end to refuse.
    private func learn(_ lines: [UInt8], _ rights: [PassedDescriptor]) {
        var fields = WireFields(lines)
        for file in rights {
            let (guest, count): (UInt64, UInt64) = (fields.next(), fields.next())
            let (user, offset): (UInt64, UInt64) = (fields.next(), fields.next())
            let (end, overflow) = offset.addingReportingOverflow(count)
            guard !overflow, count > 0 else { continue }
            do {
                let mapping = try PeerMapping(file, byteCount: end)
                memory.regions.append(
                    .init(guest: guest, user: user, count: count, offset: offset, mapping: mapping)
                )
            } catch {
                continue
            }
        }
    }

    /// Maps the dirty log, where it can be mapped.
    private func learnLog(_ message: VhostUserMessage) {
        var fields = WireFields(message.payload)
        let (count, offset): (UInt64, UInt64) = (fields.next(), fields.next())
        guard let file = message.rights.first else { return }
        do { dirtyLog = try PeerMapping(file, byteCount: offset + count) } catch { dirtyLog = nil }
        logStart = Int(offset)
    }

    private var shadowLine: [UInt8] {
        let address = unsafe UInt64(UInt(bitPattern: shadow.base))
        return [Self.shadowGuest, UInt64(shadow.byteCount), address, 0].flatMap(\.littleEndianBytes)
    }

    private var shadowFile: PassedDescriptor {
        do {
            return PassedDescriptor(try OwnedDescriptor(duplicating: shadow.descriptor.rawValue))
        } catch {
            fatalError("no descriptor for the proxy: \(error)")
        }
    }

    /// The front-end's table with the shadow behind it, where it is one.
    private func table(_ message: VhostUserMessage) -> VhostUserMessage {
        let count = message.rights.count
        guard (1...7).contains(count), message.payload.count == 8 + 32 * count,
            message.payload[0] == UInt8(count)
        else { return message }
        memory.regions = []
        learn(Array(message.payload.dropFirst(8)), message.rights)
        hasShadow = true
        let header = UInt32(count + 1).littleEndianBytes + message.payload[4..<8]
        return message.with(header + message.payload[8...] + shadowLine, message.rights + [shadowFile])
    }

    private func addShadow() throws {
        if hasShadow { return }
        hasShadow = true
        let payload = UInt64(0).littleEndianBytes + shadowLine
        try back.send(VhostUserMessage(.addMemoryRegion, payload, rights: [shadowFile]))
    }

    /// The addresses of a ring, with the used ring in the shadow.
    private func addresses(_ message: VhostUserMessage) -> VhostUserMessage {
        var fields = WireFields(message.payload)
        let number = Int(fields.next(UInt32.self))
        _ = fields.next(UInt32.self)
        let (descriptors, used, available): (UInt64, UInt64, UInt64) = (
            fields.next(), fields.next(), fields.next()
        )
        guard message.payload.count == 40, hasShadow, let ring = ring(number),
            let place = unsafe memory.find(user: used)
        else { return message }
        (ring.descriptors, ring.available) = (descriptors, available)
        unsafe ring.place(place, at: used)
        let address = unsafe UInt64(UInt(bitPattern: ring.shadow)) + used % 4
        let flags = mutation == .forgetsLog ? [0, 0, 0, 0] : Array(message.payload[4..<8])
        return message.with(
            Array(message.payload[..<4]) + flags + message.payload[8..<16] + address.littleEndianBytes
                + message.payload[24...]
        )
    }

    /// An eventfd of ours instead of the front-end's, where that is one.
    private func event(_ message: VhostUserMessage) throws -> VhostUserMessage {
        guard let first = message.payload.first, let ring = ring(Int(first)) else { return message }
        let isCall = message.request == .setRingCall
        guard let event = message.rights.first else {
            if isCall { ring.call = nil } else { ring.error = nil }
            return message
        }
        guard try event.kind() == "anon_inode:[eventfd]" else { return message }
        if isCall, mutation == .forgetsNewCall, ring.call != nil { return message.with(message.payload) }
        if isCall { ring.call = event } else { ring.error = event }
        let own = isCall ? ring.ownCall.number : ring.ownError.number
        return message.with(
            message.payload,
            [PassedDescriptor(try OwnedDescriptor(duplicating: own))]
        )
    }

    private func enable(_ message: VhostUserMessage, _ number: Int, _ value: UInt32) throws {
        if mutation == .skipsEarly, value == 1, let ring = ring(number),
            let index = ring.availableIndex(memory)
        {
            let base = UInt32(number).littleEndianBytes + UInt32(index).littleEndianBytes
            try back.send(VhostUserMessage(.setRingBase, base))
        }
        guard mutation == .ignoresDisabling else { return try back.send(message) }
        try back.send(message.with(Array(message.payload.prefix(4)) + [1, 0, 0, 0]))
    }
}

// From the back-end to the front-end.
extension ProxyConnection {
    private static let acknowledged: Set<VhostUserRequest> = [
        .setFeatures, .setMemoryTable, .setRingSize, .setRingBase, .setRingAddress, .setRingKick,
        .setRingCall, .setRingError, .setRingEnable, .addMemoryRegion, .removeMemoryRegion, .setOwner,
        .resetDevice,
    ]

    private func answer(_ message: VhostUserMessage) -> VhostUserMessage {
        var fields = WireFields(message.payload)
        let value: UInt64 = fields.next()
        func changed(_ value: UInt64) -> VhostUserMessage {
            message.with(value.littleEndianBytes + message.payload.dropFirst(8), message.rights)
        }
        let request = message.request
        if request.map(Self.acknowledged.contains) ?? true {
            if mutation == .acceptsAll { return changed(0) }
            return mutation == .refusesSetup ? changed(1) : message
        }
        switch (request, mutation) {
        case (.getFeatures, .offersLess): return changed(value & ~(1 << 28 | 1 << 1))
        case (.getFeatures, .offersMore): return changed(value | 1 << 34)
        case (.getFeatures, .claimsFeatures): return changed(value | Self.claimed)
        case (.getFeatures, .hidesProtocol): return changed(value & ~(1 << 30))
        case (.getQueueCount, .countsLess), (.getMemorySlots, .countsLess): return changed(1)
        case (.getInflight, .countsLess): return message.with(message.payload, [])
        case (.getInflight, .acceptsAll): return changed(value)
        case (.getRingBase, .movesBase): return changed(value &+ (1 << 32))
        default: return message
        }
    }
}

extension VhostUserMessage {
    /// The same message with another payload, and other descriptors.
    fileprivate func with(_ payload: [UInt8], _ rights: [PassedDescriptor] = []) -> VhostUserMessage {
        VhostUserMessage(number: number, flags: flags, payload: payload, rights: rights)
    }
}

// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

/// Requests about one ring.
extension BackendSession {
    func index(_ number: UInt32, _ name: String) throws(VhostUserRefusal) -> Int {
        guard let index = Int(exactly: number), index < rings.count else {
            throw VhostUserRefusal(name, "there is no ring \(number)")
        }
        return index
    }

    func configure(_ request: VhostUserRequest, _ message: VhostUserMessage) throws(VhostUserRefusal) {
        var fields = try fields(message, request == .setRingAddress ? 40 : 8)
        let index = try index(fields.next(), request.name)
        // Of an address, these are its flags.
        let value: UInt32 = fields.next()
        if request == .setRingEnable {
            rings[index].isEnabled = value != 0
            return try update(index)
        }
        var changed = rings[index]
        switch request {
        case .setRingSize: changed.size = try ringSize(value)
        case .setRingBase: changed.base = try ringBase(value)
        default:
            let (descriptors, used): (UInt64, UInt64) = (fields.next(), fields.next())
            let (available, log): (UInt64, UInt64) = (fields.next(), fields.next())
            changed.areas = .init(
                descriptors: descriptors,
                used: used,
                available: available,
                log: value & 1 != 0 ? log : nil
            )
        }
        // Whatever changes a ring that runs, it runs on with it, where it has come to.
        let wasRunning = rings[index].isRunning
        stop(index)
        if wasRunning, request != .setRingBase { changed.base = rings[index].base }
        changed.isRunning = false
        rings[index] = changed
        try update(index)
    }

    private func ringSize(_ value: UInt32) throws(VhostUserRefusal) -> UInt16 {
        guard let size = UInt16(exactly: value), size > 0, size <= 32768, size & (size - 1) == 0 else {
            throw VhostUserRefusal(VhostUserRequest.setRingSize.name, "\(value) is no size of a ring")
        }
        return size
    }

    private func ringBase(_ value: UInt32) throws(VhostUserRefusal) -> UInt16 {
        guard let base = UInt16(exactly: value) else {
            throw VhostUserRefusal(VhostUserRequest.setRingBase.name, "\(value) is no index of a split ring")
        }
        return base
    }

    func setEvent(_ request: VhostUserRequest, _ message: VhostUserMessage) throws(VhostUserRefusal) {
        guard message.payload.count == 8 else {
            throw VhostUserRefusal(request.name, "a payload of \(message.payload.count) bytes instead of 8")
        }
        var fields = WireFields(message.payload)
        let value: UInt64 = fields.next()
        let index = try index(UInt32(value & 0xff), request.name)
        let event = value & 0x100 == 0 ? try event(message, request) : nil
        let wasRunning = rings[index].isRunning
        stop(index)
        switch request {
        case .setRingKick: (rings[index].kick, rings[index].hasKick) = (event, true)
        case .setRingCall: rings[index].call = event
        default: rings[index].error = event
        }
        try update(index)
        // What was answered before could have gone to the former eventfd.
        if request == .setRingCall, wasRunning, let event { PeerEvent.signal(event.number) }
    }

    /// The eventfd of a message. Nothing else is taken: a pipe could make us wait, a device never run dry.
    func event(_ message: VhostUserMessage, _ request: VhostUserRequest) throws(VhostUserRefusal)
        -> PassedDescriptor
    {
        guard message.rights.count == 1, let event = message.rights.first else {
            throw VhostUserRefusal(request.name, "\(message.rights.count) descriptors instead of 1")
        }
        let kind = try system(request.name) { () throws(Errno) in try event.kind() }
        guard kind == "anon_inode:[eventfd]" else {
            throw VhostUserRefusal(request.name, "the descriptor is no eventfd")
        }
        try system(request.name) { () throws(Errno) in
            try SystemCalls.setNonBlocking(event.owner.descriptor)
        }
        return event
    }

    func getRingBase(_ message: VhostUserMessage) throws(VhostUserRefusal) -> VhostUserMessage {
        var fields = try fields(message, 8)
        let index = try index(fields.next(), "GET_VRING_BASE")
        stop(index)
        // It starts again with the next kick.
        (rings[index].hasKick, rings[index].kick) = (false, nil)
        return message.reply(UInt32(index).littleEndianBytes + UInt32(rings[index].base).littleEndianBytes)
    }

    /// Starts a ring that is ready, and stops one that no longer is.
    func update(_ index: Int) throws(VhostUserRefusal) {
        let needsEnable = features & TransportFeatures.protocolFeatures != 0
        guard rings[index].isReady(needsEnable: needsEnable) else { return stop(index) }
        if rings[index].isRunning { return }
        do throws(VhostUserRefusal) {
            try start(index)
        } catch {
            // The front-end may still be about to hand over what is missing.
            note("ring \(index) is not started: \(error.cause)")
        }
    }

    func start(_ index: Int) throws(VhostUserRefusal) {
        let ring = rings[index]
        guard let table = memory.table else { throw VhostUserRefusal("ring", "no memory was handed over") }
        let isLogged = features & TransportFeatures.logAll != 0
        let setup = RingSetup(
            addresses: try ring.addresses(in: memory),
            memory: table,
            features: features,
            base: ring.base,
            isContinued: rings.contains { $0.base != 0 },
            kick: ring.kick,
            call: ring.call,
            error: ring.error,
            inflight: inflight.flatMap { area in
                area.part(of: index, size: Int(ring.size)).map { (area, $0) }
            },
            log: isLogged ? ring.logAddress(in: memory).flatMap { log?.log(used: $0) } : nil
        )
        try system("ring") { () throws(Errno) in try device.start(index, setup) }
        rings[index].isRunning = true
    }

    func stop(_ index: Int) {
        guard rings[index].isRunning else { return }
        rings[index].base = device.stop(index)
        rings[index].isRunning = false
    }
}

// SPDX-License-Identifier: MIT
import CVirtqueue
import LinuxSystem
import SystemPackage
import VhostUser
import Virtqueue

/// Writes to a served disk without a guest, and knows of each block what it has to hold.
///
/// Each slot writes one block again and again, each time with the next number. Once a write is acknowledged, its
/// request is turned into one that writes poison elsewhere: a back-end that carries it out once more leaves a trace.
final class RecoveryLoad {
    static let slots = 64
    /// How many writes are under way at a time; the other slots hold poison meanwhile.
    static let depth = 32
    static let blockBytes = 512
    private static let features: UInt64 = 1 << 29 | TransportFeatures.version1

    /// How many writes were acknowledged.
    private(set) var acknowledged = 0
    /// How many commands ended with each sense key; they are sent again.
    private(set) var refusals: [UInt8: Int] = [:]
    private var memory: GuestMemory
    /// Nobody uses these two, which a device has all the same.
    private let control: DriverQueue
    private let event: DriverQueue
    private var request: DriverQueue
    private let requests: [(header: GuestBuffer, response: GuestBuffer, data: GuestBuffer)]
    /// The number that each slot's block holds, and the one that is being written.
    private var held = [UInt64](repeating: 0, count: slots)
    private var idle = Array(0..<slots)
    /// The slots whose last write failed, so that their blocks may hold the next number already.
    private var uncertain: Set<Int> = []
    private let disk: FileDescriptor
    private var session: FrontEndSession?
    private var area: InflightArea?
    private var kick: PassedDescriptor?

    /// - Parameter disk: the file that is served, of 128 blocks or more, all zeroes.
    init(disk: FileDescriptor) throws {
        self.disk = disk
        memory = try GuestMemory(sharing: 1 << 20, guestAddress: 1 << 20)
        control = try DriverQueue(size: 256, in: &memory, features: Self.features)
        event = try DriverQueue(size: 256, in: &memory, features: Self.features)
        request = try DriverQueue(size: 256, in: &memory, features: Self.features)
        var requests: [(header: GuestBuffer, response: GuestBuffer, data: GuestBuffer)] = []
        for _ in 0..<Self.slots {
            let header = try memory.allocate(51)
            requests.append((header, try memory.allocate(108), try memory.allocate(Self.blockBytes)))
        }
        self.requests = requests
    }

    /// Connects to a back-end, which goes on where the one before has died.
    func connect(to path: FilePath) throws {
        let session = try FrontEndSession(path)
        let area = try self.area ?? session.makeInflightArea(queueCount: 3, queueSize: 256)
        let handed = try [control.addresses, event.addresses, request.addresses].map(ring)
        guard let file = memory.file else { throw Errno.badFileDescriptor }
        let region = SharedRegion(
            guestAddress: memory.guestAddress,
            byteCount: UInt64(memory.byteCount),
            userAddress: memory.userAddress,
            file: file
        )
        try session.start(features: Self.features, memory: [region], rings: handed, inflight: area)
        (self.session, self.area, kick) = (session, area, handed[2].kick)
    }

    /// Lets go of a back-end that has died.
    func disconnect() {
        (session, kick) = (nil, nil)
    }

    /// Keeps writes under way for a time.
    func run(milliseconds: UInt64) throws {
        let end = MonotonicClock.nanoseconds + milliseconds * 1_000_000
        while MonotonicClock.nanoseconds < end {
            while Self.slots - idle.count < Self.depth { try submit(idle.removeFirst()) }
            if request.kickNeeded(), let kick { EventFD.signal(kick.number) }
            try reap()
        }
    }

    /// Waits until nothing is under way any more.
    func drain() throws {
        let deadline = MonotonicClock.nanoseconds + 10_000_000_000
        while idle.count < Self.slots {
            guard MonotonicClock.nanoseconds < deadline else {
                throw OperationError("wait for", "\(Self.slots - idle.count) requests", errno: .timedOut)
            }
            try reap()
        }
    }

    /// Blocks that hold something else than what was acknowledged last, and blocks with poison in them.
    ///
    /// - Parameter mayBeUnderWay: whether a block may hold the number behind it already.
    func damage(mayBeUnderWay: Bool) throws -> [String] {
        var found: [String] = []
        for slot in 0..<Self.slots {
            let number = try number(in: slot)
            let mayBeNext = mayBeUnderWay && !idle.contains(slot) || uncertain.contains(slot)
            let isNext = mayBeNext && number == held[slot] + 1
            if number != held[slot] && !isNext {
                found.append("block \(slot) holds \(number), not \(held[slot])")
            }
            if try self.number(in: slot + Self.slots) != 0 {
                found.append("request \(slot) was carried out again")
            }
        }
        return found
    }

    private func submit(_ slot: Int) throws {
        fill(slot, block: slot, number: held[slot] + 1)
        let (header, response, data) = requests[slot]
        memory.write(response) { $0.storeBytes(of: UInt64.max, toByteOffset: 4, as: UInt64.self) }
        let pieces = [BufferPiece(header), BufferPiece(data), BufferPiece(response)]
        try request.add(pieces.span, readable: 2, cookie: UInt64(slot))
    }

    private func reap() throws {
        var done = [Completion](repeating: Completion(), count: Self.depth)
        var room = done.mutableSpan
        // A write that is answered twice is refused here.
        let count = try request.reap(into: &room)
        for completion in done.prefix(count) { try finish(Int(completion.cookie)) }
    }

    private func finish(_ slot: Int) throws {
        let response = requests[slot].response
        let (status, answer, key) = memory.read(response) { bytes in
            // Inside of the response; the sense key is in the third byte of the sense data.
            unsafe (
                bytes.unsafeLoad(fromByteOffset: 10, as: UInt8.self),
                bytes.unsafeLoad(fromByteOffset: 11, as: UInt8.self),
                bytes.unsafeLoad(fromByteOffset: 14, as: UInt8.self)
            )
        }
        switch (answer, status) {
        case (0, 0):
            held[slot] += 1
            acknowledged += 1
            uncertain.remove(slot)
            guard try number(in: slot) == held[slot] else {
                throw OperationError("write", "block \(slot)", cause: "\(held[slot]) is not in the file")
            }
        case (0, 2):
            refusals[key, default: 0] += 1
            uncertain.insert(slot)
        default: throw OperationError("write", "block \(slot)", cause: "response \(answer), status \(status)")
        }
        fill(slot, block: slot + Self.slots, number: .max)
        idle.append(slot)
    }

    /// Makes a slot's request one that writes a number all over a block.
    private func fill(_ slot: Int, block: Int, number: UInt64) {
        memory.write(requests[slot].header) { bytes in
            bytes.storeBytes(of: 1, toByteOffset: 0, as: UInt8.self)
            // WRITE(10) of one block.
            bytes.storeBytes(of: 0x2a, toByteOffset: 19, as: UInt8.self)
            bytes.storeBytes(of: UInt8(block), toByteOffset: 24, as: UInt8.self)
            bytes.storeBytes(of: 1, toByteOffset: 27, as: UInt8.self)
        }
        memory.write(requests[slot].data) { bytes in
            for offset in stride(from: 0, to: Self.blockBytes, by: 8) {
                bytes.storeBytes(of: number, toByteOffset: offset, as: UInt64.self)
            }
        }
    }

    /// What a block of the file holds; one that is torn holds no number that anybody waits for.
    private func number(in block: Int) throws -> UInt64 {
        var bytes = [UInt8](repeating: 0, count: Self.blockBytes)
        var room = bytes.mutableSpan
        try disk.readFully(at: UInt64(block * Self.blockBytes), into: &room)
        var fields = WireFields(bytes)
        let first: UInt64 = fields.next()
        for _ in 1..<Self.blockBytes / 8 where fields.next(UInt64.self) != first { return .max - 1 }
        return first
    }

    private func ring(_ addresses: RingAddresses) throws -> FrontEndRing {
        var ring = FrontEndRing(
            size: addresses.size,
            descriptors: addresses.descriptors,
            available: addresses.available,
            used: addresses.used,
            kick: try Self.event(),
            call: try Self.event(),
            error: try Self.event()
        )
        let offset = Int(addresses.used - memory.userAddress(of: addresses.buffer))
        // The index lies behind the flags.
        ring.base = memory.read(addresses.buffer.slice(offset, 4)) { bytes in
            unsafe bytes.unsafeLoad(fromByteOffset: 2, as: UInt16.self)
        }
        return ring
    }

    private static func event() throws -> PassedDescriptor {
        let event = try EventFD()
        return PassedDescriptor(try OwnedDescriptor(duplicating: event.number))
    }
}

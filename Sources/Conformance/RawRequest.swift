// SPDX-License-Identifier: MIT
import LinuxSystem
import VhostSCSI
import Virtqueue

/// A request of a request ring before it is bytes.
struct RawRequest {
    /// The address field; nil for LUN 0 of the target under test.
    var lun: [UInt8]?
    var tag: UInt64 = 0x1122_3344_5566_7788
    var attribute: UInt8 = 0
    var block: [UInt8]
    var dataOut: [UInt8] = []
    var dataIn = 0
    /// `pi_bytesout` and `pi_bytesin` under `VIRTIO_SCSI_F_T10_PI`; nil without.
    var information: (out: UInt32, in: UInt32)?

    /// TEST UNIT READY
    static let ready = RawRequest(block: [0, 0, 0, 0, 0, 0])

    static func inquiry(_ allocation: UInt8 = 36, buffer: Int) -> RawRequest {
        RawRequest(block: [0x12, 0, 0, 0, allocation, 0], dataIn: buffer)
    }

    /// READ(10)
    static func read(_ address: UInt32, blocks: UInt16 = 1, buffer: Int = 512) -> RawRequest {
        RawRequest(block: transfer(0x28, address, blocks), dataIn: buffer)
    }

    /// WRITE(10)
    static func write(_ address: UInt32, blocks: UInt16 = 1, _ data: [UInt8]) -> RawRequest {
        RawRequest(block: transfer(0x2a, address, blocks), dataOut: data)
    }

    private static func transfer(_ opcode: UInt8, _ address: UInt32, _ blocks: UInt16) -> [UInt8] {
        [opcode, 0] + address.littleEndianBytes.reversed() + [0] + blocks.littleEndianBytes.reversed() + [0]
    }

    func at(lun: [UInt8]) -> RawRequest {
        var request = self
        request.lun = lun
        return request
    }

    func with(attribute: UInt8) -> RawRequest {
        var request = self
        request.attribute = attribute
        return request
    }

    /// With the larger header.
    func carrying(out: UInt32 = 0, in: UInt32 = 0) -> RawRequest {
        var request = self
        request.information = (out, `in`)
        return request
    }

    /// `struct virtio_scsi_cmd_req`, or `struct virtio_scsi_cmd_req_pi`
    func header(target: UInt8) -> [UInt8] {
        let padding = [UInt8](repeating: 0, count: max(0, 32 - block.count))
        let counts = information.map { $0.out.littleEndianBytes + $0.in.littleEndianBytes } ?? []
        return (lun ?? [1, target, 0, 0, 0, 0, 0, 0]) + tag.littleEndianBytes + [attribute, 0, 0] + counts
            + block + padding
    }
}

/// How the bytes of a chain are laid out.
struct Layout {
    /// The sizes of the first pieces of the readable and of the writable part; what is left is one more.
    var readable: [Int] = []
    var writable: [Int] = []
    /// Whether the descriptors are in an indirect table.
    var isIndirect = false
    /// Whether each piece begins at an odd address.
    var isOdd = false

    /// One piece each for header, data, response and data, as Linux lays them out.
    static func plain(_ request: RawRequest) -> Layout {
        Layout(
            readable: request.dataOut.isEmpty ? [] : [request.information == nil ? 51 : 59],
            writable: request.dataIn == 0 ? [] : [108]
        )
    }

    static func pieces(_ count: Int, _ first: [Int]) -> [Int] {
        var rest = count
        var pieces: [Int] = []
        for size in first where rest > 0 {
            pieces.append(min(size, rest))
            rest -= min(size, rest)
        }
        return rest > 0 ? pieces + [rest] : pieces
    }
}

/// A chain that was offered, and where its bytes are. Every piece has 64 bytes to both sides that nobody may touch.
struct OfferedChain {
    let ring: Int
    let head: UInt16
    let readable: [GuestBuffer]
    let writable: [GuestBuffer]
    let given: [UInt8]
}

/// What came back of a request.
struct Answer {
    let used: UsedEntry
    /// The writable part.
    let bytes: [UInt8]

    private func number<Number: FixedWidthInteger>(_ offset: Int) -> Number {
        bytes.dropFirst(offset).prefix(Number.bitWidth / 8).reversed().reduce(0) {
            $0 << 8 | Number(truncatingIfNeeded: $1)
        }
    }

    var senseLength: UInt32 { number(0) }
    var residual: UInt32 { number(4) }
    var qualifier: UInt16 { number(8) }
    var status: UInt8 { number(10) }
    /// `VIRTIO_SCSI_S_*`
    var response: UInt8 { number(11) }
    var sense: [UInt8] { Array(bytes.dropFirst(12).prefix(Int(min(senseLength, 96)))) }
    /// What is behind the response.
    var data: [UInt8] { Array(bytes.dropFirst(108)) }
    /// Sense key, code and qualifier.
    var senseCodes: [UInt8]? { SCSISense(sense).map { [$0.key, $0.code, $0.qualifier] } }

    /// Expects a command that was carried out.
    func expectGood(residual wanted: UInt32 = 0) throws {
        try expect("response", 0, response)
        try expect("status", 0, status)
        try expect("residual", wanted, residual)
    }

    /// Expects CHECK CONDITION with these codes.
    func expectSense(_ key: UInt8, _ code: UInt8, _ qualifier: UInt8) throws {
        try expect("response", 0, response)
        try expect("status", 2, status)
        try expect("sense key, code and qualifier", [key, code, qualifier], senseCodes ?? [])
    }
}

extension Rig {
    /// What memory holds where nothing has been written.
    static let untouched: UInt8 = 0xee
    private static let margin = 64

    /// Lays a chain out and offers it, without a kick.
    func offer(_ given: [UInt8], room: Int, _ layout: Layout, _ number: Int = request) throws -> OfferedChain
    {
        let readable = try pieces(given, layout.readable, layout)
        let blank = [UInt8](repeating: Self.untouched, count: room)
        let writable = try pieces(blank, layout.writable, layout)
        var descriptors = readable.map {
            Descriptor(address: $0.guestAddress, length: UInt32($0.byteCount))
        }
        descriptors += writable.map {
            Descriptor(
                address: $0.guestAddress,
                length: UInt32($0.byteCount),
                flags: Descriptor.write
            )
        }
        if layout.isIndirect { descriptors = [try table(Descriptor.linked(descriptors, from: 0))] }
        let head = take(descriptors.count, number)
        write(Descriptor.linked(descriptors, from: head), number, at: head)
        offer([UInt16(head)], number)
        return OfferedChain(
            ring: number,
            head: UInt16(head),
            readable: readable,
            writable: writable,
            given: given
        )
    }

    /// Takes descriptors that lie one behind the other.
    func take(_ count: Int, _ number: Int) -> Int {
        var ring = ring(number)
        precondition(count <= ring.size, "a chain of \(count) in a ring of \(ring.size)")
        if ring.free + count > ring.size { ring.free = 0 }
        defer {
            ring.free += count
            rings[number] = ring
        }
        return ring.free
    }

    /// Writes an indirect table, and makes the descriptor of it.
    func table(_ descriptors: [Descriptor]) throws -> Descriptor {
        let bytes = descriptors.flatMap(\.bytes)
        let buffer = try memory.allocate(bytes.count)
        memory.fill(buffer, with: bytes)
        return Descriptor(
            address: buffer.guestAddress,
            length: UInt32(bytes.count),
            flags: Descriptor.indirect
        )
    }

    private func pieces(_ bytes: [UInt8], _ first: [Int], _ layout: Layout) throws -> [GuestBuffer] {
        var rest = bytes[...]
        return try Layout.pieces(bytes.count, first).map { size in
            let buffer = try guarded(size, isOdd: layout.isOdd)
            memory.fill(buffer, with: Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
            return buffer
        }
    }

    /// Memory with a margin that nobody may touch.
    func guarded(_ count: Int, isOdd: Bool = false) throws -> GuestBuffer {
        let whole = try memory.allocate(count + 2 * Self.margin + 1)
        memory.fill(whole, with: Array(repeating: Self.untouched, count: whole.byteCount))
        return whole.slice(Self.margin + (isOdd ? 1 : 0), count)
    }

    /// The bytes of pieces, joined.
    func bytes(_ pieces: [GuestBuffer]) -> [UInt8] { pieces.flatMap { memory.copy($0) } }

    /// Expects that nobody wrote around a chain's pieces, nor into what the device may read only.
    func expectMarginsUntouched(_ chain: OfferedChain) throws {
        try expect("what the device may only read", chain.given, bytes(chain.readable))
        let blank = [UInt8](repeating: Self.untouched, count: Self.margin - 1)
        for piece in chain.readable + chain.writable {
            let behind = GuestBuffer(
                guestAddress: piece.guestAddress + UInt64(piece.byteCount),
                byteCount: Self.margin - 1
            )
            let before = GuestBuffer(
                guestAddress: piece.guestAddress - UInt64(Self.margin - 1),
                byteCount: Self.margin - 1
            )
            try expect("bytes behind a buffer", blank, memory.copy(behind))
            try expect("bytes before a buffer", blank, memory.copy(before))
        }
    }

    /// Kicks, and expects a chain that cannot be answered to come back with length 0.
    func expectReturned(_ chain: OfferedChain) throws {
        try kick(chain.ring)
        try expect(
            "used entries",
            [UsedEntry(id: UInt32(chain.head), length: 0)],
            awaitBriefly(chain.ring)
        )
    }

    /// The used entries that come soon, if there are any.
    func awaitBriefly(_ number: Int) throws -> [UsedEntry] {
        var entries: [UsedEntry] = []
        try wait(briefly: true) {
            entries += reap(number)
            return !entries.isEmpty
        }
        return entries
    }

    /// Offers a request, laid out as Linux does.
    func offer(_ command: RawRequest, _ layout: Layout? = nil, room: Int? = nil, _ number: Int = request)
        throws
        -> OfferedChain
    {
        try offer(
            command.header(target: device.target) + command.dataOut,
            room: room ?? 108 + command.dataIn,
            layout ?? .plain(command),
            number
        )
    }

    /// Sends a request, and waits for its answer.
    func send(_ command: RawRequest, _ layout: Layout? = nil, room: Int? = nil, _ number: Int = request)
        throws
        -> Answer
    {
        try finish(try offer(command, layout, room: room, number))
    }

    /// Kicks, and waits for the one chain that is in flight.
    func finish(_ chain: OfferedChain) throws -> Answer {
        try kick(chain.ring)
        let used = try awaitUsed(1, chain.ring)[0]
        try expect("id of the used entry", UInt32(chain.head), used.id)
        return Answer(used: used, bytes: bytes(chain.writable))
    }

    /// Sends bytes to the control ring, and waits for the answer.
    func ask(_ given: [UInt8], room: Int, _ layout: Layout = Layout()) throws -> Answer {
        try finish(try offer(given, room: room, layout, Self.control))
    }

    /// Starts the device, and takes the unit's news, such as that of a power-on, out of the way.
    func startReady(
        _ plans: [Int: RingPlan] = [0: .init(), 1: .init(), 2: .init()],
        features: VhostFeatures = [.version1, .indirectDescriptors]
    ) throws {
        try start(plans, features: features)
        try takeNews()
    }

    func takeNews(_ command: RawRequest = .ready) throws {
        for _ in 0..<8 {
            let isSmall = ring(Self.request).size < 2
            let answer = try send(command, Layout(isIndirect: isSmall))
            guard answer.senseCodes?.first == 6 else { break }
        }
        // What the interrupts were for is done with, and the last one is under way.
        SystemCalls.sleep(microseconds: 5000)
        try ring(Self.request).events.call.drain()
    }
}

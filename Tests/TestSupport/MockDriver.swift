// SPDX-License-Identifier: MIT
internal import CVirtqueue
public import SystemPackage
public import Virtqueue

/// A driver that makes random, valid buffers and knows what must come back in them.
///
/// Its guest memory is two mappings that are neighbours for the guest, so that some buffers cross regions. Each
/// buffer in flight has a slab of its own. `EchoDevice` is what it expects on the other side.
public struct MockDriver: ~Copyable {
    /// The bytes of a buffer's slab.
    static let slabBytes = 4096

    public var queue: DriverQueue
    /// What the device needs.
    public let table: GuestMemoryTable
    /// Buffers that came back.
    public private(set) var completed = 0
    /// Buffers that are with the device.
    public private(set) var outstanding = 0

    private var low: GuestMemory
    private let high: GuestMemory
    private let indirect: GuestBuffer?
    private var random: SplitMix
    private var freeSlabs: [Int]
    private var pieces: [[BufferPiece]]
    private var readable: [Int]

    /// Makes a queue of `size` descriptors, and as many slabs.
    public init(size: Int, features: UInt64, indirect: Bool = false, seed: UInt64) throws(Errno) {
        let base: UInt64 = 0x4000_0000
        let half = (size / 2 + 1) * Self.slabBytes
        // Slabs are half a slab off, so that one of them lies across both mappings.
        var low = try GuestMemory(byteCount: half + size * 2048 + 65536, guestAddress: base)
        let high = try GuestMemory(byteCount: half + 65536, guestAddress: base + UInt64(low.byteCount))
        let queue = try DriverQueue(size: size, in: &low, features: features)
        let tables = indirect ? try low.allocate(size * 256) : nil
        let table = try GuestMemoryTable([GuestRegion(high), GuestRegion(low)])
        self.init(queue, table, low, high, tables, SplitMix(state: seed))
    }

    private init(
        _ queue: consuming DriverQueue,
        _ table: GuestMemoryTable,
        _ low: consuming GuestMemory,
        _ high: consuming GuestMemory,
        _ indirect: GuestBuffer?,
        _ random: SplitMix
    ) {
        let size = Int(queue.addresses.size)
        freeSlabs = Array(0..<size)
        pieces = Array(repeating: [], count: size)
        readable = Array(repeating: 0, count: size)
        self.queue = queue
        self.table = table
        self.low = low
        self.high = high
        self.indirect = indirect
        self.random = random
    }

    /// Makes one random buffer available; false where the queue is full.
    public mutating func add() throws(Errno) -> Bool {
        guard let slab = freeSlabs.last else { return false }
        let count = Int.random(in: 1...min(8, Int(queue.addresses.size)), using: &random)
        let readable = Int.random(in: 0...count, using: &random)
        var address = slabAddress(slab)
        var pieces: [BufferPiece] = []
        for _ in 0..<count {
            let length = Int.random(in: 1...Self.slabBytes / 8, using: &random)
            pieces.append(BufferPiece(addr: address, len: UInt32(length)))
            address += UInt64(length)
        }
        fill(pieces[..<readable])
        do {
            if let table = indirect?.slice(slab * 256, 256) {
                try queue.addIndirect(
                    table,
                    in: low.access,
                    pieces.span,
                    readable: readable,
                    cookie: UInt64(slab)
                )
            } else {
                try queue.add(pieces.span, readable: readable, cookie: UInt64(slab))
            }
        } catch .noSpace {
            return false
        }
        freeSlabs.removeLast()
        self.pieces[slab] = pieces
        self.readable[slab] = readable
        outstanding += 1
        return true
    }

    /// Takes back what is done.
    ///
    /// - Returns: how many buffers, and how many of them did not have what they should.
    public mutating func reap() throws(Errno) -> (count: Int, wrong: Int) {
        var done = [Completion](repeating: Completion(), count: 16)
        var room = done.mutableSpan
        let count = try queue.reap(into: &room)
        var wrong = 0
        for index in 0..<count where !check(done[index]) { wrong += 1 }
        completed += count
        outstanding -= count
        return (count, wrong)
    }

    /// The first slab is at the end of the lower mapping but for half a slab.
    private func slabAddress(_ slab: Int) -> UInt64 {
        let boundary = high.guestAddress
        let offset = UInt64((slab + 1) / 2 * Self.slabBytes)
        let start = boundary - UInt64(Self.slabBytes / 2)
        return slab % 2 == 0 ? start + offset : start - offset
    }

    private mutating func fill(_ pieces: ArraySlice<BufferPiece>) {
        for piece in pieces {
            let seed = UInt8.random(in: 0...255, using: &random)
            for offset in 0..<UInt64(piece.len) {
                store(seed &+ UInt8(truncatingIfNeeded: offset), at: piece.addr + offset)
            }
        }
    }

    private mutating func check(_ completion: Completion) -> Bool {
        let slab = Int(completion.cookie)
        let given = bytes(of: pieces[slab][..<readable[slab]])
        let returned = bytes(of: pieces[slab][readable[slab]...])
        pieces[slab] = []
        freeSlabs.append(slab)
        return Int(completion.len) == returned.count
            && returned == EchoDevice.answer(given, count: returned.count)
    }

    private func bytes(of pieces: ArraySlice<BufferPiece>) -> [UInt8] {
        pieces.flatMap { piece in
            (0..<UInt64(piece.len)).map { load(piece.addr + $0) }
        }
    }

    private func load(_ address: UInt64) -> UInt8 {
        let byte = GuestBuffer(guestAddress: address, byteCount: 1)
        // One byte, and the span has one.
        let first = { (span: RawSpan) in unsafe span.unsafeLoad(as: UInt8.self) }
        return address < high.guestAddress ? low.read(byte, first) : high.read(byte, first)
    }

    private func store(_ value: UInt8, at address: UInt64) {
        let byte = GuestBuffer(guestAddress: address, byteCount: 1)
        let put = { (span: inout MutableRawSpan) in span.storeBytes(of: value, as: UInt8.self) }
        address < high.guestAddress ? low.write(byte, put) : high.write(byte, put)
    }
}

/// Random numbers that a seed repeats.
public struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    public init(state: UInt64) {
        self.state = state
    }

    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}

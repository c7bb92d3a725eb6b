// SPDX-License-Identifier: MIT
internal import CVirtioSCSI
internal import Glibc
internal import LinuxSystem
internal import SystemPackage
internal import Virtqueue

/// The driver side of a request ring: virtio-scsi requests go in, completions come out.
///
/// Nothing is allocated after `init`. A slot belongs to the device from `submit` until `reap` gives it back; slots in
/// flight share no memory.
final class RequestQueue {
    /// The index of the request ring: control and event come before it.
    static let ring = 2
    /// Where the memory starts as the device sees it: not 0 and not our own address, so that a mix-up shows.
    private static let guestBase: UInt64 = 0x10_0000
    /// The kernel keeps some 200 KB for each descriptor of a request ring, so rings are no larger than needed.
    private static let smallestRing = 16

    /// How many requests may be in flight.
    let depth: Int
    /// The most bytes that one request transfers.
    let transferBytes: Int
    /// How many requests the device holds.
    private(set) var outstanding = 0
    /// How often the device was kicked.
    private(set) var kicks: UInt64 = 0
    /// How often the device signalled.
    private(set) var interrupts: UInt64 = 0

    private var memory: GuestMemory
    private let control: DriverQueue
    private let event: DriverQueue
    private var request: DriverQueue
    private let slots: [RequestSlot]
    private let usesIndirect: Bool
    private var events: RingEvents?
    private var spins: Int
    private let mostSpins: Int

    /// Lays rings and slots out in fresh memory, before a device knows of it.
    ///
    /// - Parameters:
    ///   - depth: 1 to 1024.
    ///   - transferBytes: more than 0.
    ///   - isShared: whether another process has to map the memory.
    init(depth: Int, transferBytes: Int, features: VhostFeatures, isShared: Bool = false)
        throws(OperationError)
    {
        self.depth = depth
        self.transferBytes = transferBytes
        usesIndirect = features.contains(.indirectDescriptors)
        // Spinning on the only processor keeps the kernel's worker from it.
        mostSpins = Glibc.sysconf(Int32(_SC_NPROCESSORS_ONLN)) > 1 ? 2000 : 0
        spins = mostSpins
        let size = max(Self.smallestRing, (usesIndirect ? depth : depth * 3).powerOfTwo)
        // 26 bytes for each descriptor; the rest is for headers and alignment.
        let total = 3 * (size * 26 + 4096) + depth * (RequestSlot.byteCount + transferBytes + 4096)
        do {
            memory =
                try isShared
                ? GuestMemory(sharing: total, guestAddress: Self.guestBase)
                : GuestMemory(byteCount: total, guestAddress: Self.guestBase)
            control = try DriverQueue(size: size, in: &memory, features: features.rawValue)
            event = try DriverQueue(size: size, in: &memory, features: features.rawValue)
            request = try DriverQueue(size: size, in: &memory, features: features.rawValue)
            var slots: [RequestSlot] = []
            for _ in 0..<depth { slots.append(try RequestSlot(&memory, transferBytes: transferBytes)) }
            self.slots = slots
        } catch {
            throw OperationError("lay out", "\(total) bytes of guest memory", errno: error)
        }
    }

    /// The one region that the memory table holds.
    var region: VhostMemoryRegion {
        VhostMemoryRegion(
            guestAddress: memory.guestAddress,
            byteCount: UInt64(memory.byteCount),
            userAddress: memory.userAddress,
            file: memory.file
        )
    }

    /// The three rings, as the device is told them.
    var rings: [VhostRing] {
        [control.addresses, event.addresses, request.addresses].map { ring in
            VhostRing(
                size: ring.size,
                descriptors: ring.descriptors,
                available: ring.available,
                used: ring.used
            )
        }
    }

    /// What a device in this process needs to serve the request ring.
    func share() throws(Errno) -> (ring: RingAddresses, table: GuestMemoryTable) {
        (request.addresses, try GuestMemoryTable([GuestRegion(memory)]))
    }

    /// Connects the ring with the eventfds of the started device.
    func connect(_ events: RingEvents) { self.events = events }

    /// Writes the part of a slot's header that stays: logical unit, tag, simple task attribute.
    func address(_ slot: Int, target: UInt8, lun: UInt16) {
        var command = vscsi_command()
        command.address = vscsi_address(target: target, lun: lun)
        command.tag = UInt64(slot)
        var header = virtio_scsi_cmd_req()
        // Both are ours alone.
        let result = unsafe vscsi_command_build(&command, &header)
        precondition(result == 0, "LUN \(lun) has no place in an address")
        memory.write(slots[slot].header) { bytes in
            // The header is a packed structure of exactly the buffer's size.
            bytes.storeBytes(of: header, toByteOffset: 0, as: virtio_scsi_cmd_req.self)
        }
    }

    /// Adds a command to the ring; the device sees it at the next `kick`.
    ///
    /// - Parameter slot: one that the device does not hold, and that `address` has prepared.
    func submit(_ slot: Int, _ command: SCSICommand) throws(OperationError) {
        let buffers = slots[slot]
        memory.write(buffers.block) { block in command.encode(into: &block) }
        // A response that the device leaves out must not look like one of an earlier request.
        memory.write(buffers.outcome) { $0.storeBytes(of: UInt64.max, as: UInt64.self) }
        let response = BufferPiece(buffers.response)
        let data = BufferPiece(buffers.data.slice(0, command.byteCount))
        let hasData = command.byteCount > 0
        let sendsData = command.isWrite && hasData
        let pieces: [3 of BufferPiece] =
            sendsData
            ? [BufferPiece(buffers.header), data, response] : [BufferPiece(buffers.header), response, data]
        let used = pieces.span.extracting(0..<(hasData ? 3 : 2))
        let readable = sendsData ? 2 : 1
        do {
            if usesIndirect {
                try request.addIndirect(
                    buffers.table,
                    in: memory,
                    used,
                    readable: readable,
                    cookie: UInt64(slot)
                )
            } else {
                try request.add(used, readable: readable, cookie: UInt64(slot))
            }
        } catch {
            throw OperationError("add a request to", "the request ring", errno: error)
        }
        outstanding += 1
    }

    /// Shows the device what was added, and kicks it where it wants that.
    func kick() throws(OperationError) {
        guard request.kickNeeded(), let events else { return }
        kicks += 1
        do {
            try events.kick.signal()
        } catch {
            throw OperationError("kick", "the request ring", errno: error)
        }
    }

    /// Takes back what the device is done with.
    ///
    /// - Parameter done: filled from its beginning; the cookies are the slots.
    /// - Returns: how many, 0 where there is none yet.
    func reap(into done: inout [Completion]) throws(OperationError) -> Int {
        var room = done.mutableSpan
        do {
            let count = try request.reap(into: &room)
            outstanding -= count
            return count
        } catch {
            let cause = "the device returned a request that is not outstanding, or claims too many bytes"
            throw OperationError("reap", "the request ring", errno: error, cause: cause)
        }
    }

    /// Takes back at least one request, waiting for it: first by looking again while that pays, then asleep.
    ///
    /// - Parameter deadline: when to give up, on `MonotonicClock`.
    func wait(until deadline: UInt64, into done: inout [Completion]) throws(OperationError) -> Int {
        for _ in 0..<spins {
            let count = try reap(into: &done)
            if count > 0 {
                spins = min(mostSpins, spins * 2)
                return count
            }
        }
        spins = max(mostSpins / 64, spins / 2)
        while true {
            if !request.enableCallback() { try sleep(until: deadline) }
            request.disableCallback()
            let count = try reap(into: &done)
            if count > 0 { return count }
        }
    }

    /// Sleeps until the device signals, in steps short enough to see an error or the deadline.
    private func sleep(until deadline: UInt64) throws(OperationError) {
        guard let events else {
            throw OperationError("wait for", "the request ring", cause: "no device is connected")
        }
        let hasError: Bool
        do {
            if try events.call.wait(milliseconds: 100) {
                interrupts += try events.call.drain()
                return
            }
            hasError = try events.error.drain() > 0
        } catch {
            throw OperationError("wait for", "the request ring", errno: error)
        }
        if hasError { throw Self.wedged }
        if MonotonicClock.nanoseconds > deadline { throw Self.silent }
    }

    private static let wedged = OperationError(
        "wait for",
        "the request ring",
        errno: .ioError,
        cause: "the device signalled an error on the ring and does not go on with it",
        hint: "see dmesg"
    )

    private static let silent = OperationError(
        "wait for",
        "the request ring",
        errno: .timedOut,
        cause: "the device gave no answer in time: its worker is dead, or the backstore hangs",
        hint: "see dmesg"
    )

    /// True where the slot's command succeeded with all its data; cheap, for the hot loop.
    func isComplete(_ slot: Int) -> Bool {
        // Residual (4 bytes), qualifier (2), status and response (1 each): all 0.
        memory.read(slots[slot].outcome) { unsafe $0.unsafeLoadUnaligned(as: UInt64.self) == 0 }
    }

    /// The slot's response, which the device has given back with the slot.
    func response(_ slot: Int) throws(OperationError) -> SCSIResponse {
        var wire = memory.read(slots[slot].response) { bytes in
            // The buffer has exactly the structure's size; the copy no longer changes.
            unsafe bytes.unsafeLoad(as: virtio_scsi_cmd_resp.self)
        }
        var parsed = vscsi_response()
        let result = unsafe vscsi_response_parse(&wire, &parsed)
        if result != 0 { throw OperationError("read", "the response", errno: Errno(rawValue: -result)) }
        let sense = unsafe withUnsafeBytes(of: &parsed.sense) {
            unsafe Array($0.prefix(Int(parsed.sense_bytes)))
        }
        return SCSIResponse(
            response: parsed.response,
            status: parsed.status,
            residual: parsed.resid,
            sense: sense
        )
    }

    /// A copy of the first `byteCount` bytes of a slot's data.
    func data(_ slot: Int, byteCount: Int) -> [UInt8] {
        memory.read(slots[slot].data.slice(0, byteCount)) { bytes in
            (0..<byteCount).map { unsafe bytes.unsafeLoad(fromByteOffset: $0, as: UInt8.self) }
        }
    }

    /// Lets `body` write the first words of a slot's data.
    func fill(_ slot: Int, byteCount: Int, _ body: (inout MutableSpan<UInt64>) -> Void) {
        memory.write(slots[slot].data.slice(0, byteCount)) { bytes in
            // Page-aligned, and any bytes make words.
            var words = unsafe bytes._unsafeMutableView(as: UInt64.self)
            body(&words)
        }
    }

    /// Lets `body` read the first words of a slot's data.
    func inspect(_ slot: Int, byteCount: Int, _ body: (Span<UInt64>) -> Void) {
        memory.read(slots[slot].data.slice(0, byteCount)) { bytes in
            // Page-aligned, and any bytes make words.
            body(unsafe bytes._unsafeView(as: UInt64.self))
        }
    }
}

/// The memory of one request in flight.
private struct RequestSlot {
    private static let headerBytes = MemoryLayout<virtio_scsi_cmd_req>.size
    private static let responseBytes = MemoryLayout<virtio_scsi_cmd_resp>.size
    /// Header, response and table, with what their alignment takes.
    static let byteCount = 384

    let header: GuestBuffer
    let response: GuestBuffer
    /// Room for the three descriptors of a request.
    let table: GuestBuffer
    let data: GuestBuffer

    init(_ memory: inout GuestMemory, transferBytes: Int) throws(Errno) {
        header = try memory.allocate(Self.headerBytes)
        response = try memory.allocate(Self.responseBytes)
        table = try memory.allocate(48)
        data = try memory.allocate(transferBytes, alignment: 4096)
    }

    /// The command descriptor block, the header's last 32 bytes.
    var block: GuestBuffer { header.slice(Self.headerBytes - Int(VSCSI_CDB_SIZE), Int(VSCSI_CDB_SIZE)) }

    /// What the response says of success: all but the sense data and its length.
    var outcome: GuestBuffer { response.slice(4, 8) }
}

extension Int {
    /// The smallest power of two that is not below this number.
    fileprivate var powerOfTwo: Int { self <= 1 ? 1 : 1 << (Int.bitWidth - (self - 1).leadingZeroBitCount) }
}

// SPDX-License-Identifier: MIT
internal import CVirtioLoad
internal import CVirtioSCSI
internal import CVirtqueue
internal import LinuxSystem
internal import SystemPackage
internal import Virtqueue

/// The driver side of a request ring: virtio-scsi or virtio-blk requests go in, completions come out.
///
/// Nothing is allocated after `init`. A slot belongs to the device from `submit` until it is reaped; slots in flight
/// share no memory.
///
/// Sendable although it changes: one thread uses it at a time. The initiator lends it to the thread of a load, and
/// waits for that.
final class RequestQueue: @unchecked Sendable {
    /// How many requests may be in flight.
    let depth: Int
    /// The most bytes that one request transfers.
    let transferBytes: Int
    /// Whether requests carry protection information.
    let hasProtection: Bool
    let ring: DriverRing
    let slots: [RequestSlot]
    let memory: GuestAccess

    /// Lays ring and slots out in `memory`, before a device knows of it.
    init(
        number: Int,
        ringSize: Int,
        depth: Int,
        transferBytes: Int,
        in memory: inout GuestMemory,
        kind: RequestSlot.Kind,
        features: VhostFeatures
    ) throws(Errno) {
        self.depth = depth
        self.transferBytes = transferBytes
        hasProtection = kind == .scsi && features.contains(.t10PI)
        let name = number == 0 ? "the request ring" : "request ring \(number)"
        ring = try DriverRing(name, size: ringSize, in: &memory, features: features)
        // Slots have pages of their own: the dirty log tells no more than pages apart.
        _ = try memory.allocate(0, alignment: 4096)
        var slots: [RequestSlot] = []
        for _ in 0..<depth {
            slots.append(
                try RequestSlot(
                    &memory,
                    kind: kind,
                    transferBytes: transferBytes,
                    hasProtection: hasProtection
                )
            )
        }
        self.slots = slots
        self.memory = memory.access
    }

    /// Writes the part of a slot's header that stays: logical unit, tag, simple task attribute.
    func address(_ slot: Int, target: UInt8, lun: UInt16, protection: Protection = .none) {
        var command = vscsi_command()
        command.address = vscsi_address(target: target, lun: lun)
        command.tag = UInt64(slot)
        command.pi_bytes_out = protection.bytesOut
        command.pi_bytes_in = protection.bytesIn
        memory.write(slots[slot].header) { bytes in
            // The header is a packed structure of exactly the buffer's size, and both structures are ours alone.
            if hasProtection {
                var header = virtio_scsi_cmd_req_pi()
                let result = unsafe vscsi_command_build_pi(&command, &header)
                precondition(result == 0, "LUN \(lun) has no place in an address")
                bytes.storeBytes(of: header, toByteOffset: 0, as: virtio_scsi_cmd_req_pi.self)
            } else {
                var header = virtio_scsi_cmd_req()
                let result = unsafe vscsi_command_build(&command, &header)
                precondition(result == 0, "LUN \(lun) has no place in an address")
                bytes.storeBytes(of: header, toByteOffset: 0, as: virtio_scsi_cmd_req.self)
            }
        }
    }

    /// How many bytes of protection information go with a request, and which way.
    enum Protection: Equatable {
        case none, out(Int), `in`(Int)

        var byteCount: Int {
            switch self {
            case .none: 0
            case .out(let count), .in(let count): count
            }
        }

        fileprivate var bytesOut: UInt32 { if case .out(let count) = self { UInt32(count) } else { 0 } }
        fileprivate var bytesIn: UInt32 { if case .in(let count) = self { UInt32(count) } else { 0 } }
    }

    /// Adds a command to the ring; the device sees it at the next `kick` of the ring.
    ///
    /// - Parameter slot: one that the device does not hold, and that `address` has prepared.
    func submit(_ slot: Int, _ command: SCSICommand, protection: Protection = .none) throws(OperationError) {
        let buffers = slots[slot]
        memory.write(buffers.block) { block in
            command.encode(into: &block)
            // RDPROTECT or WRPROTECT 1: the information goes with the data, and is checked.
            if protection != .none {
                block.storeBytes(of: UInt8(1 << 5), toByteOffset: 1, as: UInt8.self)
            }
        }
        // A response that the device leaves out must not look like one of an earlier request.
        memory.write(buffers.outcome) { $0.storeBytes(of: UInt64.max, as: UInt64.self) }
        let header = BufferPiece(buffers.header)
        let response = BufferPiece(buffers.response)
        var data: [BufferPiece] = []
        if let information = buffers.protection, protection != .none {
            data.append(BufferPiece(information.slice(0, protection.byteCount)))
        }
        if command.byteCount > 0 { data.append(BufferPiece(buffers.data.slice(0, command.byteCount))) }
        let pieces = command.isWrite ? [header] + data + [response] : [header, response] + data
        let readable = command.isWrite ? pieces.count - 1 : 1
        try ring.add(pieces.span, readable: readable, table: buffers.table, in: memory, cookie: UInt64(slot))
    }

    /// The slot's status, `VIRTIO_BLK_S_*`, which a block device has given back with the slot.
    func blockStatus(_ slot: Int) -> UInt8 { memory.copy(slots[slot].response)[0] }

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
}

/// The memory of one request in flight.
struct RequestSlot {
    /// What the request is for.
    enum Kind { case scsi, block }

    /// Header, response and table, with what their alignment takes.
    static let byteCount = 512

    let header: GuestBuffer
    let response: GuestBuffer
    /// Room for the descriptors of a request.
    let table: GuestBuffer
    let data: GuestBuffer
    /// Room for 8 bytes of protection information for each 512 of data.
    let protection: GuestBuffer?

    init(_ memory: inout GuestMemory, kind: Kind, transferBytes: Int, hasProtection: Bool) throws(Errno) {
        switch kind {
        case .scsi:
            let headerBytes =
                hasProtection
                ? MemoryLayout<virtio_scsi_cmd_req_pi>.size : MemoryLayout<virtio_scsi_cmd_req>.size
            header = try memory.allocate(headerBytes)
            response = try memory.allocate(MemoryLayout<virtio_scsi_cmd_resp>.size)
        case .block:
            header = try memory.allocate(MemoryLayout<virtio_blk_outhdr>.size)
            response = try memory.allocate(1)
        }
        table = try memory.allocate(64)
        data = try memory.allocate(transferBytes, alignment: 4096)
        protection = hasProtection ? try memory.allocate(Self.protectionBytes(transferBytes)) : nil
    }

    static func protectionBytes(_ transferBytes: Int) -> Int { (transferBytes + 511) / 512 * 8 }

    /// The command descriptor block, the header's last 32 bytes.
    var block: GuestBuffer { header.slice(header.byteCount - Int(VSCSI_CDB_SIZE), Int(VSCSI_CDB_SIZE)) }

    /// What the response says of success: all but the sense data and its length.
    var outcome: GuestBuffer { response.slice(4, 8) }
}

// SPDX-License-Identifier: MIT
import CVirtioSCSI
import CVirtqueue
import LinuxSystem
import Synchronization
import SystemPackage
import Virtqueue

@testable import VhostSCSI

/// A SCSI target on the device side of a request ring, served by a thread of this process: target 1 with a disk of
/// 1 MiB as LUN 0, and the faults that it is told to have.
final class MemoryTarget: Sendable {
    static let blocks = 2048
    static let blockSize = 512

    /// What goes wrong.
    struct Faults: Sendable {
        /// So many commands are answered with UNIT ATTENTION first.
        var unitAttentions = 0
        /// Reads that cover this byte of the disk find one bit of it turned.
        var rottenByte: Int?
        /// Reads and writes of this block are refused as a medium error.
        var badBlock: UInt64?
        /// So many bytes of each read and write are reported as not transferred.
        var residual: UInt32 = 0
        /// Reads succeed and transfer nothing, as on a ramdisk with nullio.
        var ignoresReads = false
        /// Nothing is answered.
        var isSilent = false
        /// Nothing is answered, and the error eventfd is signalled.
        var isWedged = false
        /// Buffers are returned that nobody handed over.
        var returnsNonsense = false
    }

    /// Those of the request ring.
    let events: RingEvents
    /// How often it was kicked, so far as it has looked.
    private let drained = Atomic<UInt64>(0)
    private let ends = Atomic(false)
    private let thread = Mutex<WorkerThread?>(nil)

    init(_ rings: InitiatorRings, request: Int = 0, features: VhostFeatures, faults: Faults = Faults()) throws
    {
        events = RingEvents(kick: try EventFD(), call: try EventFD(), error: try EventFD())
        let shared = try rings.share(request)
        // One of its own: a pool that other tests keep busy would start it late.
        let thread = try WorkerThread(name: "memory-target") { [self] in
            do {
                let device = try DeviceQueue(shared.ring, table: shared.table, features: features.rawValue)
                var server = Server(device: device, events: events, faults: faults)
                while !ends.load(ordering: .acquiring) {
                    try server.serve()
                    _ = try events.kick.wait(milliseconds: 1000)
                    drained.add(try events.kick.drain(), ordering: .relaxed)
                }
            } catch {
                fatalError("the memory target failed: \(error)")
            }
        }
        self.thread.withLock { $0 = thread }
    }

    /// Ends the thread, and waits for it.
    ///
    /// - Returns: how often the driver has kicked it.
    func stop() throws -> UInt64 {
        ends.store(true, ordering: .releasing)
        try events.kick.signal()
        thread.withLock { $0 }?.join()
        return drained.load(ordering: .relaxed) + (try events.kick.drain()) - 1
    }
}

/// The thread's own state.
private struct Server: ~Copyable {
    var device: DeviceQueue
    let events: RingEvents
    var faults: MemoryTarget.Faults
    var disk = [UInt8](repeating: 0, count: MemoryTarget.blocks * MemoryTarget.blockSize)

    init(device: consuming DeviceQueue, events: RingEvents, faults: MemoryTarget.Faults) {
        self.device = device
        self.events = events
        self.faults = faults
    }

    mutating func serve() throws {
        if faults.isSilent { return }
        if faults.isWedged { return try events.error.signal() }
        repeat {
            device.disableNotify()
            while true {
                let count = try device.pop()
                if count == 0 { break }
                for index in 0..<count { try answer(index) }
                if device.signalNeeded() { try events.call.signal() }
            }
        } while device.enableNotify()
    }

    private mutating func answer(_ index: Int) throws {
        // Valid until the next batch, and this thread takes it.
        var chain = unsafe device.chain(index)
        var request = vscsi_request()
        try Errno.check(unsafe vscsi_request_parse(&chain, false, &request))
        var response = unsafe execute(&request, &chain)
        try Errno.check(unsafe vscsi_response_write(&response, &chain))
        let head = UInt32(device.head(index)) + (faults.returnsNonsense ? 1 : 0)
        device.push([vq_used(id: head, len: 0)].span)
    }

    private mutating func execute(_ request: inout vscsi_request, _ chain: inout vq_chain) -> vscsi_response {
        var response = vscsi_response()
        guard request.command.address.target == 1 else {
            response.response = UInt8(VIRTIO_SCSI_S_BAD_TARGET)
            return response
        }
        if faults.unitAttentions > 0 {
            faults.unitAttentions -= 1
            return refusal(6, 0x29)
        }
        let block = unsafe withUnsafeBytes(of: &request.command.cdb) { unsafe Array($0) }
        let isKnown = block[0] == 0x12 || block[0] == 0xa0 || request.command.address.lun == 0
        guard isKnown else { return refusal(5, 0x25) }
        switch block[0] {
        case 0x00: break
        case 0x12:
            let names = "RINGSIDEmemory target   0001".utf8
            unsafe give([0, 0, 6, 2, 31, 0, 0, 0] + names, request, &chain, &response)
        case 0xa0:
            let list: [UInt8] = [0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
            unsafe give(list, request, &chain, &response)
        case 0x25: unsafe give([0, 0, 7, 255, 0, 0, 2, 0], request, &chain, &response)
        case 0x28: return unsafe transfer(block, request, &chain, isWrite: false)
        case 0x2a: return unsafe transfer(block, request, &chain, isWrite: true)
        default: return refusal(5, 0x20)
        }
        return response
    }

    private func give(
        _ bytes: [UInt8],
        _ request: vscsi_request,
        _ chain: inout vq_chain,
        _ response: inout vscsi_response
    ) {
        let count = min(bytes.count, Int(request.data_bytes))
        // `bytes` has at least `count`; the core refuses what does not fit the chain.
        let result = unsafe vq_chain_write(&chain, request.data_offset, bytes, UInt64(count))
        precondition(result == 0)
        response.resid = UInt32(request.data_bytes) - UInt32(count)
    }

    private mutating func transfer(
        _ block: [UInt8],
        _ request: vscsi_request,
        _ chain: inout vq_chain,
        isWrite: Bool
    ) -> vscsi_response {
        let address = block[2..<6].reduce(0) { $0 << 8 | UInt64($1) }
        let count = block[7..<9].reduce(0) { $0 << 8 | UInt64($1) }
        if let bad = faults.badBlock, (address..<address + count).contains(bad) { return refusal(3, 0x11) }
        let start = Int(address) * MemoryTarget.blockSize
        let bytes = UInt64(count) * UInt64(MemoryTarget.blockSize)
        precondition(request.data_bytes == bytes && start + Int(bytes) <= disk.count)
        var response = vscsi_response()
        response.resid = faults.residual
        if !isWrite, faults.ignoresReads { return response }
        if !isWrite, let rotten = faults.rottenByte { disk[rotten] ^= 0x10 }
        let result = unsafe disk.withUnsafeMutableBytes { disk in
            // The range is inside the disk.
            let place = unsafe disk.baseAddress.unsafelyUnwrapped + start
            return isWrite
                ? unsafe vq_chain_read(&chain, request.data_offset, place, bytes)
                : unsafe vq_chain_write(&chain, request.data_offset, place, bytes)
        }
        precondition(result == 0)
        if !isWrite, let rotten = faults.rottenByte { disk[rotten] ^= 0x10 }
        return response
    }

    private func refusal(_ key: UInt8, _ code: UInt8) -> vscsi_response {
        var response = vscsi_response()
        response.status = 2
        response.sense_bytes = 18
        unsafe withUnsafeMutableBytes(of: &response.sense) { sense in
            for (offset, byte) in [(0, 0x70), (2, key), (7, 10), (12, code)] as [(Int, UInt8)] {
                unsafe sense[offset] = byte
            }
        }
        return response
    }
}

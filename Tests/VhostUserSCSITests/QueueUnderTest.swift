// SPDX-License-Identifier: MIT
import CTargetQueue
import CVirtioSCSI
import CVirtqueue
import LinuxSystem
import SystemPackage
import Virtqueue

/// A queue that answers whatever it does not serve itself with BAD TARGET.
///
/// Sendable although it holds a pointer: the queue is used by one thread, but for what any may call.
@safe final class QueueUnderTest: @unchecked Sendable {
    private let queue: OpaquePointer
    private let table: GuestMemoryTable
    private let log: DirtyLog?

    /// A command that the queue does not serve.
    struct Command: Sendable {
        let opcode: UInt8
        /// The errno that its store failed with, and whether writes may be lost by that.
        let failure: CInt
        let loses: Bool
    }

    /// - Parameters:
    ///   - inflight: the address of the in-flight area, or 0.
    ///   - entries: how many descriptors it is for.
    @unsafe init(
        _ ring: RingAddresses,
        _ table: GuestMemoryTable,
        _ map: UnsafeMutablePointer<tq_map>,
        inflight: UInt64 = 0,
        entries: UInt16 = 0,
        base: UInt32 = 0,
        log: DirtyLog? = nil
    ) throws {
        self.table = table
        self.log = log
        var setup = unsafe tq_setup()
        unsafe setup.rings = ring.rings
        unsafe setup.memory = UnsafePointer(table.table)
        unsafe setup.map = UnsafePointer(map)
        unsafe setup.inflight = UnsafeMutablePointer(bitPattern: UInt(inflight))
        unsafe setup.inflight_num = entries
        unsafe setup.log = log.map { unsafe UnsafePointer($0.entry) }
        unsafe setup.features = 1 << 32
        unsafe setup.base = base
        unsafe setup.kick = -1
        unsafe setup.call = -1
        var made: OpaquePointer?
        try Errno.check(unsafe tq_queue_create(&setup, &made))
        guard let queue = unsafe made else { throw Errno.noMemory }
        unsafe self.queue = queue
    }

    deinit {
        unsafe tq_queue_destroy(queue)
    }

    /// - Parameter meet: told of each command before it is answered.
    func run(_ meet: (Command) -> Void = { _ in }) {
        while unsafe tq_queue_run(queue) == TQ_COMMAND {
            var chain: UnsafePointer<vq_chain>?
            var loses = false
            let opcode = unsafe tq_queue_command(queue, &chain)?.pointee.command.cdb.0 ?? 0
            meet(Command(opcode: opcode, failure: unsafe tq_queue_failure(queue, &loses), loses: loses))
            var answer = vscsi_response()
            answer.response = 3
            unsafe tq_queue_answer(queue, &answer, nil, 0)
        }
    }

    func stop() { unsafe tq_queue_stop(queue) }
}

/// Calls `body` with a table of units in which LUN 0 is this one.
@unsafe func withMap(_ unit: inout tq_unit, _ body: (UnsafeMutablePointer<tq_map>) throws -> Void) throws {
    let map = UnsafeMutablePointer<tq_map>.allocate(capacity: 1)
    unsafe map.initialize(to: tq_map())
    defer { unsafe map.deallocate() }
    try unsafe withUnsafeMutablePointer(to: &unit) { unit in
        var address = vscsi_address(target: 0, lun: 0)
        unsafe tq_map_set(map, &address, unit)
        try unsafe body(map)
    }
}

// SPDX-License-Identifier: MIT
import CMinidumpStores

/// A machine whose every store is logged, so that a reader can be let loose on it at each of them.
@safe final class WatchedMachine {
    enum Writer {
        case core
        /// A model of the original driver.
        case original
    }

    struct Region {
        var name: String
        var seq: UInt32 = 0
        var virt: UInt64 = 0x9000_0000
        var phys: UInt64 = 0x1000_0000
        var size: UInt64 = 64
    }

    private let machine: OpaquePointer

    /// A machine with a table of no regions, which the subsystem's entry points to.
    init(_ writer: Writer = .core, capacity: UInt32 = 200, elfClass: UInt32 = 2) {
        unsafe machine = stores_create(
            writer == .core ? STORES_CORE : STORES_ORIGINAL,
            capacity,
            elfClass
        )
    }

    deinit { unsafe stores_destroy(machine) }

    /// 0 or a negative errno; the handle where it is 0.
    @discardableResult
    func register(_ region: Region) -> (status: Int32, handle: UInt64) {
        var handle: UInt64 = 0
        let status = unsafe stores_register(
            machine,
            region.name,
            region.seq,
            region.virt,
            region.phys,
            region.size,
            &handle
        )
        return (status, handle)
    }

    @discardableResult
    func register(_ name: String) -> (status: Int32, handle: UInt64) { register(Region(name: name)) }

    func update(_ handle: UInt64, virt: UInt64 = 0x9100_0000, phys: UInt64 = 0x1100_0000, size: UInt64 = 64)
        -> Int32
    {
        unsafe stores_update(machine, handle, virt, phys, size)
    }

    func unregister(_ handle: UInt64) -> Int32 { unsafe stores_unregister(machine, handle) }
    func compact() { unsafe stores_compact(machine) }
    func show() -> Int32 { unsafe stores_show(machine) }
    func withdraw() { unsafe stores_withdraw(machine) }

    /// The handle of a full name.
    func find(_ name: String) -> UInt64? {
        var handle: UInt64 = 0
        return unsafe stores_find(machine, name, &handle) == 0 ? handle : nil
    }

    /// Why what a reader finds now is no state at all; `nil` if it is one.
    var fault: String? {
        let view = unsafe stores_read(machine)
        return unsafe view.fault.map { unsafe String(cString: $0) }
    }

    /// Regions of clients that a reader finds.
    var count: UInt32 { unsafe stores_read(machine).count }

    /// Equal digests: the same regions at the same places.
    var digest: UInt64 { unsafe stores_read(machine).digest }

    /// Whether a reader saw the old or the new state after each store of the last operation.
    var lastChangeWasAtomic: Bool {
        let replay = unsafe stores_replay(machine)
        return unsafe replay.third_state_at == replay.stores
    }

    /// The number of stores in the last operation.
    var lastStores: UInt32 { unsafe stores_replay(machine).stores }

    /// All memory that a reader may see.
    var memory: [UInt8] {
        var size = 0
        let start = unsafe stores_memory(machine, &size)
        return unsafe Array(UnsafeRawBufferPointer(start: start, count: size))
    }

    /// The header region that a reader is pointed to.
    var header: [UInt8] {
        var size = 0
        let start = unsafe stores_header(machine, &size)
        return unsafe Array(UnsafeRawBufferPointer(start: start, count: size))
    }

    func headerContains(_ text: String) -> Bool { unsafe stores_header_contains(machine, text) != 0 }
}

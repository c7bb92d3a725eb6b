// SPDX-License-Identifier: MIT
internal import CVirtqueue
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// The driver side of a request ring: virtio-scsi requests go in, completions come out.
///
/// Nothing is allocated after `init`. A slot belongs to the device from `submit` until `reap` gives it back.
@safe final class RequestQueue {
    /// How often the device was kicked.
    private(set) var kicks: UInt64 = 0
    /// How often the device signalled.
    private(set) var interrupts: UInt64 = 0

    private let memory: DriverMemory
    private let usesIndirect: Bool
    private let driver: UnsafeMutablePointer<vq_driver>
    private let states: UnsafeMutablePointer<vq_slot>
    private let completions: UnsafeMutablePointer<vq_completion>
    private let buffers: UnsafeMutablePointer<vq_buffer>
    private var events: RingEvents?
    private var spins: Int
    private let mostSpins: Int

    /// Lays the ring out in `memory`, before a device knows of it.
    init(_ memory: DriverMemory, features: VhostFeatures) {
        self.memory = memory
        usesIndirect = features.contains(.indirectDescriptors)
        unsafe driver = .allocate(capacity: 1)
        unsafe driver.initialize(to: vq_driver())
        unsafe states = .allocate(capacity: Int(memory.ringSize))
        unsafe states.initialize(repeating: vq_slot(), count: Int(memory.ringSize))
        unsafe completions = .allocate(capacity: memory.depth)
        unsafe completions.initialize(repeating: vq_completion(), count: memory.depth)
        unsafe buffers = .allocate(capacity: 3)
        unsafe buffers.initialize(repeating: vq_buffer(), count: 3)
        // Spinning on the only processor keeps the kernel's worker from it.
        mostSpins = Glibc.sysconf(Int32(_SC_NPROCESSORS_ONLN)) > 1 ? 2000 : 0
        spins = mostSpins
        // The areas come from DriverMemory, which gives them the size and alignment that the core asks for.
        var areas = unsafe memory.areas(of: DriverMemory.requestRing)
        let result = unsafe vq_driver_init(driver, &areas, states, features.rawValue)
        precondition(result == 0, "the request ring was refused")
    }

    deinit {
        // All four are trivial and allocated in init.
        unsafe driver.deallocate()
        unsafe states.deallocate()
        unsafe completions.deallocate()
        unsafe buffers.deallocate()
    }

    /// Connects the ring with the eventfds of the started device.
    func connect(_ events: RingEvents) { self.events = events }

    /// Writes the part of a slot's header that stays: address of the logical unit, tag, simple task attribute.
    func address(_ slot: Int, target: UInt8, lun: UInt16) {
        let header = unsafe memory.slot(slot)
        // A flat LUN, as virtio-scsi has it; a slot is 256 bytes of which the header is the first 51.
        let bytes: [UInt8] = [
            1, target, 0x40 | UInt8(truncatingIfNeeded: lun >> 8), UInt8(truncatingIfNeeded: lun),
        ]
        unsafe header.initializeMemory(as: UInt8.self, repeating: 0, count: 51)
        for (offset, byte) in bytes.enumerated() {
            unsafe header.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
        }
        unsafe header.storeBytes(of: UInt64(slot).littleEndian, toByteOffset: 8, as: UInt64.self)
    }

    /// Adds a command to the ring; the device sees it at the next `kick`.
    ///
    /// - Parameter slot: one that the device does not hold, and that `address` has prepared.
    func submit(_ slot: Int, _ command: SCSICommand) throws(OperationError) {
        let header = unsafe memory.slot(slot)
        unsafe header.storeBytes(of: command.first.bigEndian, toByteOffset: 19, as: UInt64.self)
        unsafe header.storeBytes(of: command.second.bigEndian, toByteOffset: 27, as: UInt64.self)
        // A response that the device leaves out must not look like one of an earlier request.
        unsafe header.storeBytes(
            of: UInt64.max,
            toByteOffset: DriverMemory.responseOffset + 4,
            as: UInt64.self
        )
        let request = memory.guestSlot(slot)
        let response = vq_buffer(
            addr: request + UInt64(DriverMemory.responseOffset),
            len: UInt32(SCSIResponse.byteCount)
        )
        unsafe buffers[0] = vq_buffer(addr: request, len: 51)
        var readable: UInt32 = 1
        var writable: UInt32 = 1
        switch command.transfer {
        case .none: unsafe buffers[1] = response
        case .toDevice(let count):
            unsafe buffers[1] = vq_buffer(addr: memory.guestData(slot), len: UInt32(count))
            unsafe buffers[2] = response
            readable = 2
        case .fromDevice(let count):
            unsafe buffers[1] = response
            unsafe buffers[2] = vq_buffer(addr: memory.guestData(slot), len: UInt32(count))
            writable = 2
        }
        try add(slot, readable, writable)
    }

    private func add(_ slot: Int, _ readable: UInt32, _ writable: UInt32) throws(OperationError) {
        let cookie = UInt64(slot)
        let result: CInt
        if usesIndirect {
            // The table is 16-byte aligned, has room for 4 entries, and is free while the slot is.
            let table = unsafe (memory.slot(slot) + DriverMemory.tableOffset).assumingMemoryBound(
                to: vring_desc.self
            )
            var indirect = unsafe vq_indirect(
                table: table,
                addr: memory.guestSlot(slot) + UInt64(DriverMemory.tableOffset),
                capacity: 4
            )
            result = unsafe vq_driver_add_indirect(driver, &indirect, buffers, readable, writable, cookie)
        } else {
            result = unsafe vq_driver_add(driver, buffers, readable, writable, cookie)
        }
        if result != 0 {
            throw OperationError("add a request to", "the request ring", errno: Errno(rawValue: -result))
        }
    }

    /// Shows the device what was added, and kicks it where it wants that.
    func kick() throws(OperationError) {
        guard unsafe vq_driver_kick_prepare(driver), let events else { return }
        kicks += 1
        do {
            try events.kick.signal()
        } catch {
            throw OperationError("kick", "the request ring", errno: error)
        }
    }

    /// Takes back what the device is done with; `completed` gives the slots.
    ///
    /// - Returns: how many, 0 where there is none yet.
    func reap() throws(OperationError) -> Int {
        var count: UInt32 = 0
        let result = unsafe vq_driver_reap(driver, completions, UInt32(memory.depth), &count)
        if result == 0 { return Int(count) }
        let cause = "the device returned a request that is not outstanding, or claims too many bytes"
        throw OperationError("reap", "the request ring", errno: Errno(rawValue: -result), cause: cause)
    }

    /// The slot of the completion `index` of the last `reap`.
    func completed(_ index: Int) -> Int {
        precondition(index < memory.depth)
        return unsafe Int(completions[index].cookie)
    }

    /// Takes back at least one request, waiting for it: first by looking again while that pays, then asleep.
    ///
    /// - Parameter deadline: when to give up, on `MonotonicClock`.
    func wait(until deadline: UInt64) throws(OperationError) -> Int {
        for _ in 0..<spins {
            let count = try reap()
            if count > 0 {
                spins = min(mostSpins, spins * 2)
                return count
            }
        }
        spins = max(mostSpins / 64, spins / 2)
        while true {
            if unsafe vq_driver_enable_callback(driver) {
                let count = try reap()
                if count > 0 { return count }
            }
            try sleep(until: deadline)
            unsafe vq_driver_disable_callback(driver)
            let count = try reap()
            if count > 0 { return count }
        }
    }

    /// Sleeps until the device signals, in steps short enough to see an error or the deadline.
    private func sleep(until deadline: UInt64) throws(OperationError) {
        guard let events else {
            throw OperationError("wait for", "the request ring", cause: "no device is connected")
        }
        do {
            if try events.call.wait(milliseconds: 100) {
                interrupts += try events.call.drain()
                return
            }
            if try events.error.drain() > 0 { throw Self.wedged }
        } catch let error as Errno {
            throw OperationError("wait for", "the request ring", errno: error)
        } catch let error as OperationError {
            throw error
        } catch {
            fatalError("an eventfd threw \(type(of: error))")
        }
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
        let response = unsafe memory.slot(slot) + DriverMemory.responseOffset
        // Residual (4 bytes), qualifier (2), status and response (1 each): all 0.
        return unsafe response.loadUnaligned(fromByteOffset: 4, as: UInt64.self) == 0
    }

    /// The slot's response. The device has given it back, so it no longer changes.
    func response(_ slot: Int) -> SCSIResponse {
        let start = unsafe memory.slot(slot) + DriverMemory.responseOffset
        let bytes = unsafe Array(UnsafeRawBufferPointer(start: start, count: SCSIResponse.byteCount))
        return SCSIResponse(bytes)
    }
}

// SPDX-License-Identifier: MIT
import LinuxSystem
import Synchronization
import SystemPackage
import VhostSCSI
import Virtqueue

/// A ring as a case wants it: how many entries, and at which indices it begins.
struct RingPlan {
    var size = 16
    var base: UInt16 = 0
    /// The used index that memory holds, where it is not `base`.
    var used: UInt16?
}

/// One device, opened for one case, with guest memory and rings that are written byte by byte.
package final class Rig {
    let device: any DeviceUnderTest
    let port: any DevicePort
    var memory: GuestMemory
    var rings: [Int: RawRing] = [:]

    static let control = 0
    static let event = 1
    static let request = 2
    /// How long is waited for what must not come, in microseconds.
    static let silence: UInt32 = 25_000

    init(_ device: any DeviceUnderTest) throws {
        self.device = device
        port = try device.open()
        memory = try GuestMemory(sharing: 4 << 20, guestAddress: 0x10_0000)
        (port as? SocketPort)?.fileStart = memory.userAddress
    }

    /// The kernel's device; cases that ask for it apply to the kernel alone.
    var kernel: (port: KernelPort, device: KernelDevice) {
        get throws {
            guard let port = port as? KernelPort, let device = device as? KernelDevice else {
                throw Mismatch(what: "transport", expected: "kernel", received: "socket")
            }
            return (port, device)
        }
    }

    /// The socket's connection; cases that ask for it apply to sockets alone.
    var socket: (port: SocketPort, device: SocketDevice) {
        get throws {
            guard let port = port as? SocketPort, let device = device as? SocketDevice else {
                throw Mismatch(what: "transport", expected: "socket", received: "kernel")
            }
            return (port, device)
        }
    }

    // MARK: Set-up

    /// All of the memory, as a table's line.
    var region: VhostMemoryRegion { VhostMemoryRegion(memory) }

    /// Sets up features, memory and rings, and has the device serve them.
    func start(
        _ plans: [Int: RingPlan] = [0: .init(), 1: .init(), 2: .init()],
        features: VhostFeatures = [.version1, .indirectDescriptors]
    ) throws {
        try prepare(plans, features: features)
        try port.start(plans.keys.sorted())
    }

    /// The same without having it serve them.
    func prepare(_ plans: [Int: RingPlan], features: VhostFeatures) throws {
        try port.perform(.features(features.intersection(port.offered)))
        try port.perform(.memory([region]))
        for (number, plan) in plans.sorted(by: { $0.key < $1.key }) {
            let ring = try place(number, plan)
            try hand(ring, plan)
            rings[number] = ring
        }
    }

    /// Lays a ring out in memory.
    func place(_ number: Int, _ plan: RingPlan) throws -> RawRing {
        let used = plan.used ?? plan.base
        let ring = RawRing(
            number: number,
            size: plan.size,
            descriptors: try memory.allocate(16 * plan.size),
            available: try memory.allocate(6 + 2 * plan.size),
            used: try memory.allocate(6 + 8 * plan.size, alignment: 4096),
            events: RingEvents(kick: try EventFD(), call: try EventFD(), error: try EventFD()),
            published: plan.base,
            seen: used
        )
        memory.store(plan.base, at: ring.availableIndex)
        memory.store(used, at: ring.usedIndex)
        return ring
    }

    func places(_ ring: RawRing) -> RingPlaces {
        RingPlaces(
            descriptors: memory.userAddress(of: ring.descriptors),
            available: memory.userAddress(of: ring.available),
            used: memory.userAddress(of: ring.used)
        )
    }

    func hand(_ ring: RawRing, _ plan: RingPlan) throws {
        try port.perform(.ringSize(ring.number, UInt32(ring.size)))
        try port.perform(.ringBase(ring.number, UInt32(plan.base)))
        try port.perform(.ringPlaces(ring.number, places(ring)))
        try port.perform(.event(.error, ring.number, try passed(ring.events.error)))
        try port.perform(.event(.call, ring.number, try passed(ring.events.call)))
        try port.perform(.event(.kick, ring.number, try passed(ring.events.kick)))
    }

    func passed(_ event: borrowing EventFD) throws(Errno) -> EventSource {
        .descriptor(PassedDescriptor(try OwnedDescriptor(duplicating: event.number)))
    }

    /// Has the device let go of the rings.
    ///
    /// - Returns: the index of the next available entry of each.
    @discardableResult
    func stop() throws -> [Int: UInt16] {
        let numbers = rings.keys.sorted()
        return Dictionary(uniqueKeysWithValues: zip(numbers, try port.stop(numbers)))
    }

    /// Expects a step to be refused, by the kernel with this errno.
    func expectRefusal(_ errno: Errno, _ step: () throws -> Void) throws {
        let expected = port.transport == .kernel ? errno.symbol : SocketPort.refused
        var received = "accepted"
        do {
            try step()
        } catch let refusal as StepRefusal {
            received = refusal.name
        }
        try expect("the step's result", expected, received)
    }

    /// Ends the connection or closes the descriptor, and expects whoever comes next to be served.
    func expectNextServed() throws {
        port.close()
        let next = try Rig(device)
        try next.startReady()
        try next.send(.ready).expectGood()
    }

    // MARK: Rings

    func ring(_ number: Int) -> RawRing {
        guard let ring = rings[number] else { preconditionFailure("ring \(number) is not set up") }
        return ring
    }

    /// Writes descriptors from number `first` on.
    func write(_ descriptors: [Descriptor], _ number: Int = request, at first: Int) {
        for (index, descriptor) in descriptors.enumerated() {
            memory.fill(ring(number).descriptor(first + index), with: descriptor.bytes)
        }
    }

    /// Makes heads available: writes their entries, then the index.
    func offer(_ heads: [UInt16], _ number: Int = request) {
        var ring = ring(number)
        for head in heads {
            memory.store(head, at: ring.availableEntry(ring.published))
            ring.published &+= 1
        }
        rings[number] = ring
        publish(ring.published, number)
    }

    /// Writes the available index.
    func publish(_ index: UInt16, _ number: Int = request) {
        // Entries and descriptors are there before the index says so: the device reads the index first.
        atomicMemoryFence(ordering: .releasing)
        memory.store(index, at: ring(number).availableIndex)
        atomicMemoryFence(ordering: .sequentiallyConsistent)
    }

    func kick(_ number: Int = request) throws { try ring(number).events.kick.signal() }

    /// The used entries that are new.
    func reap(_ number: Int = request) -> [UsedEntry] {
        var ring = ring(number)
        let index: UInt16 = memory.load(ring.usedIndex)
        // The index is read before the entries that it counts.
        atomicMemoryFence(ordering: .acquiring)
        var entries: [UsedEntry] = []
        while ring.seen != index, entries.count <= ring.size {
            let place = ring.usedEntry(ring.seen)
            entries.append(UsedEntry(id: memory.load(place), length: memory.load(place + 4)))
            ring.seen &+= 1
        }
        rings[number] = ring
        return entries
    }

    /// Waits for `count` used entries.
    func awaitUsed(_ count: Int, _ number: Int = request) throws -> [UsedEntry] {
        var entries: [UsedEntry] = []
        try wait { () throws in
            entries += reap(number)
            return entries.count >= count
        }
        try expect("number of used entries", count, entries.count)
        return entries
    }

    /// Looks until something is so, or patience ends; a part of it where some devices never do it.
    @discardableResult
    func wait(briefly: Bool = false, for isSo: () throws -> Bool) throws -> Bool {
        let patience = UInt64(device.patience / .nanoseconds(1)) / (briefly ? 8 : 1)
        let deadline = MonotonicClock.nanoseconds + patience
        while MonotonicClock.nanoseconds < deadline {
            if try isSo() { return true }
            SystemCalls.sleep(microseconds: 100)
        }
        return try isSo()
    }

    /// Expects a signal of a ring's call eventfd.
    func expectSignal(_ number: Int = request) throws {
        let call = ring(number).events
        try expect("interrupt", true, try wait { try call.call.drain() > 0 })
    }

    /// Expects that nothing signals the call eventfd any more.
    func expectNoSignal(_ number: Int = request) throws {
        SystemCalls.sleep(microseconds: Self.silence)
        try expect("interrupts", 0, try ring(number).events.call.drain())
    }

    /// Expects that nothing is used.
    func expectNothingUsed(_ number: Int = request) throws {
        SystemCalls.sleep(microseconds: Self.silence)
        try expect("number of used entries", 0, reap(number).count)
    }

    /// Expects the device to report that the driver broke the ring: its error eventfd, and no used entry; the entry at
    /// fault is not taken.
    func expectBroken(_ number: Int = request, taken: UInt16 = 0) throws {
        let events = ring(number).events
        try expect("error eventfd", true, try wait { try events.error.drain() > 0 })
        try expectNothingUsed(number)
        try expect("next available entry", taken, try stop()[number] ?? 0)
    }
}

// SPDX-License-Identifier: MIT
internal import CVirtqueue
internal import LinuxSystem
internal import SystemPackage
internal import Virtqueue

/// The driver side of one ring of the device, with its eventfds: buffers go in, and come back.
///
/// One thread at a time. Every wait ends: with a buffer, with the device's error signal, or with a timeout.
final class DriverRing {
    /// What the ring is called in messages.
    let name: String
    /// How many buffers the device holds.
    private(set) var outstanding = 0
    /// How often the device was kicked.
    private(set) var kicks: UInt64 = 0
    /// How often the device signalled.
    private(set) var interrupts: UInt64 = 0
    /// The eventfds, once a device is connected.
    private(set) var events: RingEvents?
    /// Whether the device has gone away; from any thread.
    var isGone: Bool { device?.isGone ?? false }
    private weak var device: (any SCSITransport)?
    /// Where the ring is.
    var addresses: RingAddresses { queue.addresses }

    private var queue: DriverQueue
    private let usesTables: Bool

    /// Makes the ring in `memory`.
    init(_ name: String, size: Int, in memory: inout GuestMemory, features: VhostFeatures) throws(Errno) {
        self.name = name
        queue = try DriverQueue(size: size, in: &memory, features: features.rawValue)
        usesTables = features.contains(.indirectDescriptors)
    }

    /// Connects the ring with the eventfds of the started device.
    func connect(_ events: RingEvents, _ device: (any SCSITransport)?) {
        self.events = events
        self.device = device
    }

    /// Adds a buffer to the ring; the device sees it at the next `kick`.
    ///
    /// - Parameters:
    ///   - pieces: its pieces, those that the device reads first.
    ///   - readable: how many the device reads.
    ///   - table: room for a descriptor of each piece, where the ring may use indirect ones.
    ///   - memory: the memory that `table` is of.
    ///   - cookie: comes back with the buffer.
    func add(
        _ pieces: Span<BufferPiece>,
        readable: Int,
        table: GuestBuffer,
        in memory: GuestAccess,
        cookie: UInt64
    ) throws(OperationError) {
        do {
            if usesTables {
                try queue.addIndirect(table, in: memory, pieces, readable: readable, cookie: cookie)
            } else {
                try queue.add(pieces, readable: readable, cookie: cookie)
            }
        } catch {
            throw OperationError("add a request to", name, errno: error)
        }
        outstanding += 1
    }

    /// Adds a buffer without a table; the rest is as above.
    func add(_ piece: BufferPiece, readable: Int, cookie: UInt64) throws(OperationError) {
        do {
            try queue.add([piece].span, readable: readable, cookie: cookie)
        } catch {
            throw OperationError("add a buffer to", name, errno: error)
        }
        outstanding += 1
    }

    /// Shows the device what was added, and kicks it where it wants that.
    func kick() throws(OperationError) {
        guard queue.kickNeeded(), let events else { return }
        kicks += 1
        do {
            try events.kick.signal()
        } catch {
            throw OperationError("kick", name, errno: error)
        }
    }

    /// Takes back what the device is done with.
    ///
    /// - Parameter done: filled from its beginning.
    /// - Returns: how many, 0 where there is none yet.
    func reap(into done: inout [Completion]) throws(OperationError) -> Int {
        var room = done.mutableSpan
        do {
            let count = try queue.reap(into: &room)
            outstanding -= count
            return count
        } catch {
            throw Self.broken(name, error)
        }
    }

    /// Takes back at least one buffer, waiting for it.
    ///
    /// - Parameter deadline: when to give up, on `MonotonicClock`.
    func wait(until deadline: UInt64, into done: inout [Completion]) throws(OperationError) -> Int {
        while true {
            let count = try reap(into: &done)
            if count > 0 { return count }
            if !queue.enableCallback() { try sleep(until: deadline) }
        }
    }

    /// Sleeps until the device signals, in steps short enough to see an error or the deadline.
    private func sleep(until deadline: UInt64) throws(OperationError) {
        guard let events else {
            throw OperationError("wait for", name, cause: "no device is connected")
        }
        let hasError: Bool
        do {
            if try events.call.wait(milliseconds: 100) {
                interrupts += try events.call.drain()
                return
            }
            hasError = try events.error.drain() > 0
        } catch {
            throw OperationError("wait for", name, errno: error)
        }
        if hasError { throw Self.wedged(name) }
        if isGone { throw Self.gone(name) }
        if MonotonicClock.nanoseconds > deadline { throw Self.silent(name) }
    }

    /// Lends the driver side to a loop in C, which is over when `body` returns.
    @unsafe func lend(_ body: (UnsafeMutablePointer<vq_driver>, RingEvents?) -> LoopTraffic) {
        let result = unsafe queue.withDriver { driver in unsafe body(driver, events) }
        outstanding += result.abandoned
        kicks += result.kicks
        interrupts += result.interrupts
    }

    /// What a loop in C did with a ring.
    struct LoopTraffic {
        var abandoned: Int
        var kicks: UInt64
        var interrupts: UInt64
    }

    /// The device signalled an error on a ring.
    static func wedged(_ name: String) -> OperationError {
        OperationError(
            "wait for",
            name,
            errno: .ioError,
            cause: "the device signalled an error on the ring and does not go on with it",
            hint: "see dmesg"
        )
    }

    /// The device went away.
    static func gone(_ name: String) -> OperationError {
        OperationError("wait for", name, cause: "the back-end has closed the connection")
    }

    /// The device broke the protocol of a ring.
    static func broken(_ name: String, _ errno: Errno) -> OperationError {
        let cause = "the device returned a request that is not outstanding, or claims too many bytes"
        return OperationError("reap", name, errno: errno, cause: cause)
    }

    /// The device gave no answer.
    static func silent(_ name: String) -> OperationError {
        OperationError(
            "wait for",
            name,
            errno: .timedOut,
            cause: "the device gave no answer in time: its worker is dead, or the backstore hangs",
            hint: "see dmesg"
        )
    }
}

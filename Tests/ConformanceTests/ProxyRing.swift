// SPDX-License-Identifier: MIT
import LinuxSystem
import Synchronization
import SystemPackage

/// A ring whose used part the back-end has at another place, from where it is copied to the front-end's, broken.
@safe final class ProxyRing {
    let number: Int
    /// The used ring that the back-end writes.
    let shadow: UnsafeMutableRawPointer
    /// The eventfds that it signals.
    let ownCall: EventFD
    let ownError: EventFD
    var size = 0
    /// The front-end's descriptors and available ring, by its own addresses.
    var descriptors: UInt64 = 0
    var available: UInt64 = 0
    /// The front-end's used ring, by its own address; nil where it is not set up.
    private var usedAddress: UInt64?
    /// The same here, in the present memory table.
    private var used: UnsafeMutableRawPointer?
    var call: PassedDescriptor?
    var error: PassedDescriptor?
    var isStopped = false
    private var copied: UInt16 = 0
    private var published: UInt16 = 0
    private var answered: UInt16 = 0
    private var broken = false

    init(_ number: Int, _ shadow: UnsafeMutableRawPointer) throws(Errno) {
        self.number = number
        unsafe self.shadow = unsafe shadow
        ownCall = try EventFD()
        ownError = try EventFD()
    }

    /// Begins with what the front-end's used ring holds.
    func place(_ used: UnsafeMutableRawPointer, at address: UInt64) {
        usedAddress = address
        unsafe self.used = unsafe used
        // The shadow has room for the largest ring.
        unsafe shadow.copyMemory(from: used, byteCount: 4)
        copied = unsafe used.load(fromByteOffset: 2, as: UInt16.self)
        published = copied
        broken = false
    }

    /// The front-end's available index.
    func availableIndex(_ memory: ProxyMemory) -> UInt16? {
        unsafe memory.find(user: available)?.load(fromByteOffset: 2, as: UInt16.self)
    }

    /// Copies what is new, and passes signals on.
    func pump(_ memory: ProxyMemory, _ mutation: Mutation?, _ log: WriteLog?, next: ProxyRing?) {
        unsafe self.used = unsafe usedAddress.flatMap { unsafe memory.find(user: $0) }
        guard let used = unsafe used, size > 0 else { return }
        // What was signalled before is to be seen with the entries that it was for.
        let calls = drain(ownCall)
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        let index = unsafe shadow.load(fromByteOffset: 2, as: UInt16.self)
        var count = 0
        while copied != index, count < 32768 {
            copyEntry(memory, mutation, log)
            count += 1
        }
        invent(memory, mutation)
        unsafe copyState(used, mutation)
        notify(calls, count, mutation, next: next)
        passError(memory, mutation)
    }

    private func copyEntry(_ memory: ProxyMemory, _ mutation: Mutation?, _ log: WriteLog?) {
        let entry = unsafe shadow + 4 + 8 * (Int(copied) % size)
        copied &+= 1
        // An entry has 8 bytes, and the shadow room for all.
        var head = unsafe entry.load(as: UInt32.self)
        var length = unsafe entry.load(fromByteOffset: 4, as: UInt32.self)
        let chain = memory.chain(Int(head), descriptors, size: size)
        let pieces = chain.filter(\.isWritable)
        if let log, log.logsAll {
            for piece in pieces { log.mark(piece.guest, UInt64(piece.count)) }
        }
        if let mutation {
            RingFault(ring: number, mutation: mutation).spoil(chain.filter { !$0.isWritable }, pieces)
            if mutation == .losesSome, copied % 2 == 0 { return }
            if mutation == .losesEmpty, length == 0 { return }
            if mutation == .changesLength { length += 1 }
            if mutation == .changesHead { head ^= 1 }
        }
        publish(head, length, log)
        if mutation == .returnsTwice { publish(head, length, log) }
    }

    /// Writes a used entry and the index behind it.
    private func publish(_ head: UInt32, _ length: UInt32, _ log: WriteLog? = nil) {
        guard let used = unsafe used else { return }
        let offset = 4 + 8 * (Int(published) % size)
        // The front-end's ring has `size` entries.
        unsafe used.storeBytes(of: head, toByteOffset: offset, as: UInt32.self)
        unsafe used.storeBytes(of: length, toByteOffset: offset + 4, as: UInt32.self)
        published &+= 1
        atomicMemoryFence(ordering: .releasing)
        unsafe used.storeBytes(of: published, toByteOffset: 2, as: UInt16.self)
        guard let log, let guest = log.rings[number] else { return }
        log.mark(guest + UInt64(offset), 8)
        log.mark(guest + 2, 2)
        if let event = log.event { EventFD.signal(event) }
    }

    /// Answers what no device may answer: chains of a stopped ring, or events that did not happen.
    private func invent(_ memory: ProxyMemory, _ mutation: Mutation?) {
        let answers = mutation == .returnsStopped && isStopped || mutation == .inventsEvents && number == 1
        guard let index = availableIndex(memory), let ring = unsafe memory.find(user: available) else {
            return
        }
        guard answers else { return answered = index }
        while answered != index {
            let entry = 4 + 2 * (Int(answered) % size)
            publish(UInt32(unsafe ring.load(fromByteOffset: entry, as: UInt16.self)), 0)
            answered &+= 1
        }
    }

    /// Flags and the available event, by which the device asks for kicks.
    private func copyState(_ used: UnsafeMutableRawPointer, _ mutation: Mutation?) {
        let behind = 4 + 8 * size
        let flags = mutation == .keepsNoNotify ? 1 : unsafe shadow.load(as: UInt16.self)
        var event = unsafe shadow.load(fromByteOffset: behind, as: UInt16.self)
        if mutation == .movesAvailableEvent { event &+= 1 }
        unsafe used.storeBytes(of: flags, as: UInt16.self)
        unsafe used.storeBytes(of: event, toByteOffset: behind, as: UInt16.self)
    }

    private func notify(_ calls: UInt64, _ count: Int, _ mutation: Mutation?, next: ProxyRing?) {
        let wants = mutation == .interruptsAlways ? count > 0 : calls > 0
        guard wants, mutation != .mutes else { return }
        let call = mutation == .interruptsOthers ? next?.call : call
        if let call { EventFD.signal(call.number) }
    }

    private func passError(_ memory: ProxyMemory, _ mutation: Mutation?) {
        guard drain(ownError) > 0, !broken else { return }
        broken = true
        if mutation == .returnsBroken { publish(0, 0) }
        if mutation != .hidesErrors, let error { EventFD.signal(error.number) }
    }

    private func drain(_ event: borrowing EventFD) -> UInt64 {
        do { return try event.drain() } catch { fatalError("an eventfd of ours: \(error)") }
    }
}

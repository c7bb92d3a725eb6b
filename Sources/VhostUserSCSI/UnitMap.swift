// SPDX-License-Identifier: MIT
package import CTargetQueue
import CVirtioSCSI
import LinuxSystem
public import SCSITarget
import Synchronization
import SystemPackage

/// Targets and their logical units, as a front-end addresses them.
///
/// Beside the targets themselves it keeps the table by which the request queues find the store behind an address, so
/// that plain reads and writes need not ask the unit. Sendable although it holds pointers: the table's entries change
/// atomically, and what they point to is freed once no ring can be looking at it any more.
@safe public final class UnitMap: @unchecked Sendable {
    /// The table for the C core, valid while the map lives.
    @unsafe package let table: UnsafeMutablePointer<tq_map>
    private let targets = Mutex<[UInt8: TargetDevice]>([:])
    /// The initiators that are there.
    private let nexuses = Mutex<Set<Nexus>>([])
    /// The ways to units by their addresses, and so what the table points to.
    private let ways = Mutex<[UnitAddress: UnitWay]>([:])
    /// Told, on any thread, of servers that are given up.
    let note = Mutex<@Sendable (String) -> Void>({ _ in })
    /// The rings that use the table.
    let rings = Mutex<[RequestRing]>([])

    public init() {
        // A table of pointers, all NULL.
        unsafe table = .allocate(capacity: 1)
        unsafe table.initialize(to: tq_map())
    }

    deinit {
        unsafe table.deallocate()
    }

    /// The target with this number, 0 to 255.
    public subscript(target: UInt8) -> TargetDevice? { targets.withLock { $0[target] } }

    /// Puts a unit behind an address, and its target where that is new.
    ///
    /// - Returns: false where the address is taken.
    @discardableResult
    public func attach(_ unit: LogicalUnit, store: any BlockStore, target: UInt8, lun: UInt16) -> Bool {
        let device = targets.withLock { targets in
            if let device = targets[target] { return device }
            let device = TargetDevice()
            targets[target] = device
            return device
        }
        for nexus in nexuses.withLock({ $0 }) { unit.connect(nexus) }
        guard device.attach(unit, at: lun) else { return false }
        // What is protected is read and written by the unit alone.
        let way = UnitWay(self, unit.protectionType == nil ? UnitEntry(store) : nil)
        ways.withLock { $0[UnitAddress(target: target, lun: lun)] = way }
        unit.add(way)
        if let entry = way.entry { set(entry, target, lun) }
        return true
    }

    /// Takes a unit away, once the commands that rings have taken are answered.
    ///
    /// - Returns: the unit, which nobody uses any more by this address, or nil where there is none.
    public func detach(target: UInt8, lun: UInt16) -> LogicalUnit? {
        let way = ways.withLock { $0.removeValue(forKey: UnitAddress(target: target, lun: lun)) }
        set(nil, target, lun)
        guard let unit = self[target]?.detach(lun) else { return nil }
        if !flush(for: .seconds(2)) {
            way?.entry?.abandon()
            flush()
        }
        if let way { unit.remove(way) }
        // Another map may have it still, whose initiators are not to wait for ours.
        if !all.contains(where: { $0.has(unit) }) { initiators.forEach { unit.disconnect($0) } }
        return withExtendedLifetime(way) { unit }
    }

    /// Waits until every command is answered that rings have taken before this.
    ///
    /// - Parameter patience: how long to wait for each ring at most; nil for without end.
    /// - Returns: whether they are.
    @discardableResult
    func flush(for patience: Duration? = nil) -> Bool {
        rings.withLock { $0 }.allSatisfy { $0.flush(for: patience) }
    }

    /// Gives up servers that have answered nothing for 5 seconds: what they were asked for fails, and their units are
    /// not ready until they are taken away and opened anew.
    func abandonSilent() {
        for (place, way) in ways.withLock({ $0 }) where way.entry?.abandonIfSilent() == true {
            let tell = note.withLock { $0 }
            tell("the server of \(place.target):\(place.lun) is silent, and given up")
        }
    }

    /// Makes an initiator known to all units, before its commands go past them.
    ///
    /// - Parameter isContinued: whether it goes on with what it was served before, and is told of no POWER ON.
    func connect(_ nexus: Nexus, isContinued: Bool = false) {
        nexuses.withLock { _ = $0.insert(nexus) }
        all.forEach { $0.connect(nexus, isContinued: isContinued) }
    }

    /// Forgets an initiator that is gone.
    func disconnect(_ nexus: Nexus) {
        nexuses.withLock { _ = $0.remove(nexus) }
        all.forEach { $0.disconnect(nexus) }
    }

    /// I_T NEXUS RESET: the initiator begins anew.
    func reset(of nexus: Nexus) { all.forEach { $0.reset(of: nexus) } }

    /// The initiators that are there.
    fileprivate var initiators: Set<Nexus> { nexuses.withLock { $0 } }

    /// Whether a unit's blocks have protection information.
    var hasProtection: Bool { all.contains { $0.hasProtection } }

    private var all: [TargetDevice] { targets.withLock { Array($0.values) } }

    private func set(_ entry: UnitEntry?, _ target: UInt8, _ lun: UInt16) {
        var address = vscsi_address(target: target, lun: lun)
        // The entry lives until it is no longer in the table, and no ring uses it.
        unsafe tq_map_set(table, &address, entry?.unit)
    }
}

private struct UnitAddress: Hashable {
    let target: UInt8
    let lun: UInt16
}

/// The way of a map's initiators to a unit.
private final class UnitWay: UnitPath {
    private weak let map: UnitMap?
    /// Nil where the unit alone carries out its commands.
    let entry: UnitEntry?

    init(_ map: UnitMap, _ entry: UnitEntry?) {
        self.map = map
        self.entry = entry
    }

    var initiators: Set<Nexus> { map?.initiators ?? [] }
    func open(_ gate: UnitGate) { entry?.open(gate) }
    func flush(for patience: Duration?) -> Bool { map?.flush(for: patience) ?? true }
}

/// A unit as the C core sees it.
///
/// Sendable although it holds a pointer: what changes behind it changes atomically.
@safe private final class UnitEntry: @unchecked Sendable {
    let unit: UnsafeMutablePointer<tq_unit>
    /// Keeps memory and connection.
    private let store: any BlockStore
    /// The file, opened for this entry alone: of writes that were lost, each open file is told once.
    private let file: OwnedDescriptor?

    /// Nil where the C core does not know this kind of store, or its file cannot be opened anew.
    init?(_ store: any BlockStore) {
        var entry = unsafe tq_unit()
        var file: OwnedDescriptor?
        switch store {
        case is NullStore: unsafe entry.store = TQ_STORE_NULL
        case let store as RAMStore:
            unsafe entry.store = TQ_STORE_MEMORY
            unsafe entry.memory = store.memory.base
        case let store as FileStore:
            do throws(Errno) {
                let opened = try store.reopened()
                unsafe entry.store = tq_store_of(opened.number)
                unsafe entry.file = opened.number
                file = consume opened
            } catch {
                return nil
            }
        case let store as NBDStore:
            unsafe entry.store = TQ_STORE_REMOTE
            unsafe entry.link = store.connection.link
            unsafe entry.stable = store.connection.shape.hasStableWrites
        default: return nil
        }
        unsafe entry.block_shift = UInt32(store.blockSize.trailingZeroBitCount)
        self.store = store
        self.file = file
        unsafe unit = .allocate(capacity: 1)
        unsafe unit.initialize(to: entry)
    }

    deinit {
        unsafe unit.deallocate()
    }

    /// Fails what a server has not answered, which may never come.
    func abandon() { (store as? NBDStore)?.connection.abandon() }

    func abandonIfSilent() -> Bool { (store as? NBDStore)?.connection.abandonIfSilent() == true }

    func open(_ gate: UnitGate) {
        var bits: Int32 = 0
        if gate.isOpen { bits |= TQ_OPEN_READ }
        if gate.isOpen && gate.isWritable { bits |= TQ_OPEN_WRITE }
        if gate.flushesWrites { bits |= TQ_OPEN_WRITE_THROUGH }
        unsafe tq_unit_open(unit, gate.blockCount, UInt32(bits))
    }
}

// SPDX-License-Identifier: MIT
import Synchronization
public import SystemPackage

/// A direct access block device, as SPC-4 and SBC-3 describe it: the commands, on a store.
///
/// Any number of threads may call it. Commands run at the same time on different threads; the order of two that overlap
/// is not defined, but for COMPARE AND WRITE and ORWRITE, which exclude each other.
public final class LogicalUnit: Sendable {
    /// The most that one command transfers, in bytes; the block limits VPD page reports it.
    public static let maximumTransfer = 16 << 20
    /// The most protection information that goes with it, in bytes.
    public static let maximumInformation = maximumTransfer / 512 * ProtectionTuple.byteCount

    let store: any BlockStore
    public let identity: UnitIdentity
    let reservationFile: ReservationFile?
    let protection: UnitProtection?
    private let state: Mutex<UnitState>
    /// Held by the command that makes written data safe.
    let flushing = Mutex(())
    private let paths = Mutex(UnitPaths())
    /// Held while blocks are read, changed and written back.
    private let modification = Mutex<Void>(())

    /// - Parameters:
    ///   - reservations: where persistent reservations are kept; without it, initiators cannot ask for that.
    ///   - protection: the blocks' protection information; nil where they have none.
    public init(
        store: any BlockStore,
        identity: UnitIdentity,
        reservations: ReservationFile? = nil,
        protection: UnitProtection? = nil
    ) {
        self.store = store
        self.identity = identity
        reservationFile = reservations
        self.protection = protection
        let blocks = store.byteCount / UInt64(store.blockSize)
        state = Mutex(
            UnitState(
                settings: UnitSettings(
                    blockCount: blocks,
                    writeCache: store.hasWriteCache,
                    applicationTagOwned: protection != nil
                ),
                reservations: reservations?.stored ?? PersistentReservations()
            )
        )
    }

    /// The settings after a reset.
    var defaultSettings: UnitSettings { state.withLock { $0.defaults } }

    /// Whether each write is to be made safe before it is answered.
    var flushesWrites: Bool { store.hasWriteCache && state.withLock { $0.isWrittenThrough } }

    /// The size in bytes.
    public var byteCount: UInt64 { store.byteCount }

    /// The kind of protection information that the blocks have; nil for none.
    public var protectionType: ProtectionType? { protection?.type }

    /// Carries out one command.
    ///
    /// - Parameters:
    ///   - cdb: the command descriptor block, up to 32 bytes; missing ones are taken as zero.
    ///   - nexus: where it comes from. One that the unit does not know yet gets POWER ON first.
    ///   - dataOut: all data that the initiator sent.
    ///   - dataIn: the room for data to the initiator, no more than it provided for; only the first
    ///     ``CommandOutcome/dataInCount`` bytes of it are meant for the initiator.
    public func execute(
        _ cdb: Span<UInt8>,
        from nexus: Nexus,
        dataOut: Span<UInt8>,
        dataIn: inout MutableSpan<UInt8>
    ) -> CommandOutcome {
        execute(
            CommandBlock(cdb),
            from: nexus,
            luns: [0],
            SeparateInformation(),
            dataOut: dataOut,
            dataIn: &dataIn
        )
    }

    func execute(
        _ block: CommandBlock,
        from nexus: Nexus,
        luns: [UInt16],
        _ information: SeparateInformation,
        dataOut: Span<UInt8>,
        dataIn: inout MutableSpan<UInt8>
    ) -> CommandOutcome {
        do throws(Refusal) {
            let (row, settings) = try admit(block, from: nexus)
            let command = Command(
                unit: self,
                block: block,
                nexus: nexus,
                settings: settings,
                luns: luns,
                information: information
            )
            let transfer = try row.body.run(command, dataOut, &dataIn)
            return CommandOutcome(
                dataInCount: transfer.dataIn,
                dataOutCount: transfer.dataOut,
                wanted: transfer.wanted,
                information: transfer.information
            )
        } catch {
            return outcome(of: error)
        }
    }

    /// Finds the command and whether it may be carried out now.
    private func admit(_ block: CommandBlock, from nexus: Nexus) throws(Refusal) -> (CommandRow, UnitSettings)
    {
        let row = Result { () throws(Refusal) in try CommandTable.row(for: block, on: self) }
        let settings = try change { (state) throws(Refusal) in
            state.meet(nexus)
            let passes = if case .success(let row) = row { row.passesAttention } else { false }
            if !passes, let attention = state.takeAttention(of: nexus) { throw .check(attention) }
            if case .success(let row) = row, state.refuses(row.conflict, from: nexus) {
                throw .reservationConflict
            }
            return state.settings
        }
        let found = try row.get()
        if block.control & 0x04 != 0 { throw .check(.invalidField(byte: found.usage.count - 1, bit: 2)) }
        if found.needsMedium {
            if !settings.isStarted { throw .check(.notReadyStopped) }
            // The store has shrunk to nothing.
            if settings.blockCount == 0 { throw .check(.mediumNotPresent) }
        }
        return (found, settings)
    }

    /// How a command ends that went past the unit, and failed.
    ///
    /// - Parameters:
    ///   - isReading: whether it was to read.
    ///   - loses: whether writes that were answered may be gone with it: see ``noteLoss(_:)``.
    public func failed(_ error: Errno, isReading: Bool, loses: Bool) -> CommandOutcome {
        if loses { noteLoss(error) }
        let sense = isReading ? Sense(reading: error) : Sense(writing: error)
        return outcome(of: Refusal(error, otherwise: sense))
    }

    /// What the store lost writes by that were answered before, if it did.
    var loss: Errno? { state.withLock { $0.loss } }

    /// Keeps in mind that the store could not make safe what was written. Who asks it again is told that all is well,
    /// as it tells of a loss once: so nothing is made safe on this unit any more.
    func noteLoss(_ error: Errno) {
        // A shortage and a server's absence pass, what was lost does not come back.
        let lasting = error == .noMemory || error.passes ? .ioError : error
        change { $0.loss = $0.loss ?? lasting }
    }

    private func outcome(of refusal: Refusal) -> CommandOutcome {
        switch refusal {
        case .check(let sense):
            let descriptors = state.withLock { $0.settings.descriptorSense }
            return CommandOutcome(status: .checkCondition, sense: sense.encoded(descriptors: descriptors))
        case .reservationConflict: return CommandOutcome(status: .reservationConflict)
        case .busy: return CommandOutcome(status: .busy)
        }
    }

    /// Reads or changes the state; the paths hear of a change of their gates before anybody else can see it.
    func change<Value: Sendable, Failure: Error>(
        _ body: (inout UnitState) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        try state.withLock { (state) throws(Failure) in
            defer { paths.withLock { $0.tell(state, of: store) } }
            return try body(&state)
        }
    }

    /// Changes the persistent reservations, in the file, too, where they are kept; a failure changes nothing.
    ///
    /// - Parameter kept: whether they are to be kept from now on; nil leaves that as it is.
    /// - Returns: the initiators whose registrations are gone.
    func changeReservations(
        kept: Bool?,
        _ body: (inout UnitState) throws(Refusal) -> Void
    ) throws(Refusal) -> Set<Nexus> {
        try change { (state) throws(Refusal) in
            var changed = state
            try body(&changed)
            let hasRegistrations = !changed.reservations.registrations.isEmpty
            changed.reservations.isKept = hasRegistrations && kept ?? state.reservations.isKept
            let matters = changed.reservations.isKept || state.reservations.isKept
            if let reservationFile, matters, changed.reservations != state.reservations {
                do throws(Errno) {
                    try reservationFile.save(changed.reservations)
                } catch {
                    throw .check(.internalTargetFailure)
                }
            }
            defer { state = changed }
            return state.reservations.nexuses.subtracting(changed.reservations.nexuses)
        }
    }

    /// Runs `body` while no other command reads, changes and writes back blocks.
    func modifying<Failure: Error>(_ body: () throws(Failure) -> Void) throws(Failure) {
        try modification.withLock { (_) throws(Failure) in try body() }
    }

    /// Waits until the commands are answered that some initiators, or all, have under way on their paths.
    ///
    /// - Parameter patience: how long at most for each queue; nil for without end.
    /// - Returns: whether they are.
    @discardableResult
    public func settle(of initiators: Set<Nexus>? = nil, for patience: Duration? = nil) -> Bool {
        paths.withLock { $0.of(initiators) }.allSatisfy { $0.flush(for: patience) }
    }
}

extension LogicalUnit {
    /// Tells a path of its gate from now on.
    public func add(_ path: any UnitPath) {
        state.withLock { state in
            paths.withLock { paths in
                paths.add(path)
                paths.tell(state, of: store)
            }
        }
    }

    /// Tells a path no more.
    public func remove(_ path: any UnitPath) { paths.withLock { $0.remove(path) } }

    /// Makes an initiator known, which is told POWER ON with its next command: before its commands go past the unit.
    ///
    /// One that is new and finds no other has a unit as after a reset. One that is not goes on with the unit as it left
    /// it. Where it may have left it in another process, with the write cache off, each write is made safe until its
    /// first SYNCHRONIZE CACHE shows that it reckons with a cache.
    ///
    /// - Parameter isContinued: whether it goes on with what it was served before, here or elsewhere, so that it is told
    ///   nothing.
    public func connect(_ nexus: Nexus, isContinued: Bool = false) {
        change { $0.meet(nexus, isContinued: isContinued) }
    }

    /// Forgets an initiator that is gone: its unit attentions, and what it holds by RESERVE. Its persistent
    /// reservations stay.
    public func disconnect(_ nexus: Nexus) { change { $0.part(from: nexus) } }

    /// I_T NEXUS RESET: drops what the initiator holds by RESERVE, and tells it POWER ON instead of what it had yet to
    /// be told.
    public func reset(of nexus: Nexus) {
        change { state in
            if state.legacyHolder == nexus { state.legacyHolder = nil }
            state.attentions[nexus] = [.powerOn]
        }
    }

    /// LOGICAL UNIT RESET: drops what is held by RESERVE, sets the mode pages to their defaults, starts the unit and
    /// tells every initiator. The caller has ended the commands that were on their way.
    public func reset() {
        change { state in
            state.legacyHolder = nil
            state.restoreDefaults()
            state.announce(.deviceReset)
        }
    }

    /// Takes over the store's size as it is now; where it is another than before, every initiator is told.
    ///
    /// - Returns: whether it is another.
    /// - Throws: what looking it up does; `ENOTSUP` where the blocks have protection information, which has a size, too.
    @discardableResult
    public func refreshCapacity() throws(Errno) -> Bool {
        guard protection == nil else { throw .notSupported }
        try store.refreshSize()
        let blocks = store.byteCount / UInt64(store.blockSize)
        return change { state in
            if state.settings.blockCount == blocks { return false }
            state.settings.blockCount = blocks
            state.announce(.capacityChanged)
            return true
        }
    }
}

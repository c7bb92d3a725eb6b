// SPDX-License-Identifier: MIT
import Conformance
import Glibc
import LinuxSystem
import SystemPackage
import VhostUser
import VhostUserSCSI

/// How the ioctls of the fake are broken.
enum IoctlFault: String, CaseIterable {
    /// Refusals have another errno; none is made; every step is refused; state and answers are lost or made up.
    case otherErrno, acceptsAll, refusesAll, forgets, answersWrong
    /// The endpoint goes with any refusal; the order of checks is another one.
    case stopsOnRefusal, othersFirst
    /// A target is never let go, or is shared; a ring is served with the last kick taken back.
    case keepsClaim, claimsNothing, keepsKick
    /// Nothing is logged, or everything.
    case logsNothing, logsAll
}

/// vhost-scsi's ioctls over a vhost-user back-end: what a kernel would say, in this process, and broken on request.
///
/// One thread uses it.
final class FakeKernel {
    static let port = "naa.5001405c0f0f0001"
    static let bare = "naa.5001405c0f0f0002"

    let proxy: MutatingProxy
    var fault: IoctlFault?
    /// The node that has claimed the target.
    fileprivate weak var owner: FakeNode?

    init(_ proxy: MutatingProxy) { self.proxy = proxy }

    /// The device, with units that the server's control socket makes come and go.
    func device(_ server: ServedTarget) -> KernelDevice {
        let control = server.control
        return KernelDevice(
            // Older than any whose differences are known.
            .kernel("0-fake"),
            wwpn: Self.port,
            bareWWPN: Self.bare,
            targets: (0, 0, 0),
            plugging: { [weak self] lun, comes in
                self?.owner?.expectEvent()
                let request =
                    try comes
                    ? ControlRequest.add(UnitSpecification("\(lun)=ramdisk:1M"))
                    : .remove(target: 0, lun: lun)
                _ = try request.send(to: control)
            },
            opening: { () throws(Errno) in FakeNode(self) }
        )
    }
}

/// What a ring was told.
private struct FakeRing {
    var size: UInt32 = 1
    var base: UInt32 = 0
    var places: [UInt64] = []
    var flags: UInt32 = 0
    var kick: PassedDescriptor?
    var call: PassedDescriptor?
    var error: PassedDescriptor?
    var timeout: UInt32 = 0
}

/// An open node of the fake.
final class FakeNode: VhostNode {
    private let kernel: FakeKernel
    private var isOwned = false
    private var features: UInt64 = 0
    private var table: [UInt8]?
    private var rings = [FakeRing](repeating: FakeRing(), count: 130)
    private var back: FrontEndSession?
    private var log: UInt64 = 0
    private var logEvent: PassedDescriptor?
    private var eventsMissed: UInt8 = 0
    /// HOTPLUG, T10_PI left out, NOTIFY_ON_EMPTY left out, LOG_ALL, INDIRECT_DESC, EVENT_IDX, VERSION_1.
    private static let offered: UInt64 = 1 << 1 | 1 << 26 | 1 << 28 | 1 << 29 | 1 << 32

    init(_ kernel: FakeKernel) { self.kernel = kernel }

    deinit { clear() }

    func control(_ number: UInt, _ argument: inout [UInt8]) throws(Errno) {
        let before = argument
        do throws(Errno) {
            if kernel.fault == .refusesAll, number & 0xff > 1 { throw .ioError }
            try carryOut(number & 0xff, number >> 30, &argument)
            if kernel.fault == .answersWrong { argument = argument.map { $0 ^ 1 } }
        } catch {
            if kernel.fault == .stopsOnRefusal {
                // A connection that closes would leave the back-end a moment to serve in.
                try stopRings()
                clear()
            }
            if kernel.fault == .acceptsAll { return argument = before }
            throw kernel.fault == .otherErrno ? .ioError : error
        }
    }

    private func carryOut(_ number: UInt, _ direction: UInt, _ argument: inout [UInt8]) throws(Errno) {
        var fields = WireFields(argument)
        switch number {
        case 0x00 where direction == 2: argument = Self.offered.littleEndianBytes
        case 0x00 where kernel.fault == .othersFirst && !isOwned: throw .notPermitted
        case 0x00: try setFeatures(fields.next())
        case 0x40, 0x41:
            if kernel.fault == .othersFirst, table == nil { throw .badAddress }
            guard argument[230] == 0, argument[231] == 0 else { throw .notSupported }
            try number == 0x40 ? setEndpoint(Self.name(argument)) : clearEndpoint(Self.name(argument))
        case 0x42: argument = [1, 0, 0, 0]
        case 0x43: if kernel.fault != .forgets { eventsMissed = argument[0] }
        case 0x44: argument = [eventsMissed, 0, 0, 0]
        case 0x01:
            if isOwned { throw .resourceBusy }
            isOwned = true
        default:
            if kernel.fault == .othersFirst { try checkRing(number, fields.next()) }
            guard isOwned else { throw .notPermitted }
            try carryOutOwned(number, direction, &argument)
        }
    }

    private func checkRing(_ number: UInt, _ ring: UInt32) throws(Errno) {
        if number >= 0x10, ring >= 130 { throw .noBufferSpace }
    }

    private func carryOutOwned(_ number: UInt, _ direction: UInt, _ argument: inout [UInt8]) throws(Errno) {
        var fields = WireFields(argument)
        switch number {
        case 0x03: return try setMemory(argument)
        case 0x04: return try setLog(fields.next())
        case 0x07:
            logEvent = try event(fields.next())
            return updateLog()
        case 0x08: return
        default: break
        }
        let index = fields.next(UInt32.self)
        if kernel.fault == .othersFirst, ![0x10, 0x11, 0x12].contains(number), number < 0x20 || number > 0x24
        {
            throw .inappropriateIOCTLForDevice
        }
        guard index < 130 else { throw .noBufferSpace }
        let ring = Int(index)
        switch number {
        case 0x10: try setSize(ring, fields.next())
        case 0x11: try setPlaces(ring, argument)
        case 0x12 where direction == 3:
            argument = index.littleEndianBytes + (try base(ring)).littleEndianBytes
        case 0x12: try setBase(ring, fields.next())
        case 0x20, 0x21, 0x22: try setEvent(number, ring, fields.next())
        case 0x23: if kernel.fault != .forgets { rings[ring].timeout = fields.next() }
        case 0x24: argument = index.littleEndianBytes + rings[ring].timeout.littleEndianBytes
        default: throw .inappropriateIOCTLForDevice
        }
    }

    private static func name(_ argument: [UInt8]) -> String {
        String(decoding: argument[4..<228].prefix { $0 != 0 }, as: UTF8.self)
    }

    /// A unit is about to come or go: the driver misses it where it has given no buffer.
    func expectEvent() {
        guard back != nil, features & 2 != 0, rings[1].places.count == 4 else { return }
        // Both rings lie in this process.
        guard let used = unsafe UnsafePointer<UInt16>(bitPattern: UInt(rings[1].places[1])),
            let available = unsafe UnsafePointer<UInt16>(bitPattern: UInt(rings[1].places[2])),
            unsafe used[1] == available[1], kernel.fault != .forgets
        else { return }
        eventsMissed = 1
    }
}

// What is set, and with which checks.
extension FakeNode {
    /// No process has memory there.
    private static let limit: UInt64 = 1 << 47

    private func setFeatures(_ value: UInt64) throws(Errno) {
        if value & ~Self.offered != 0 { throw .notSupported }
        let logAll: UInt64 = 1 << 26
        if back != nil, (value ^ features) & ~logAll != 0 { throw .resourceBusy }
        if back != nil, value & logAll != 0, log >= Self.limit { throw .badAddress }
        features = value
        updateLog()
    }

    private func setMemory(_ argument: [UInt8]) throws(Errno) {
        var fields = WireFields(argument)
        let count = fields.next(UInt32.self)
        if fields.next(UInt32.self) != 0 { throw .notSupported }
        if count > 64 { throw .argListTooLong }
        for _ in 0..<count {
            let (guest, size, user): (UInt64, UInt64, UInt64) = (fields.next(), fields.next(), fields.next())
            _ = fields.next(UInt64.self)
            if guest.addingReportingOverflow(size).overflow || size == 0 { throw .badAddress }
            if back != nil, user >= Self.limit { throw .badAddress }
        }
        table = argument
        if back != nil { try tellMemory(argument) }
    }

    private func setLog(_ base: UInt64) throws(Errno) {
        if back != nil, base >= Self.limit { throw .badAddress }
        log = base
        updateLog()
    }

    private func setSize(_ ring: Int, _ size: UInt32) throws(Errno) {
        if back != nil { throw .resourceBusy }
        if size == 0 || size > 0xffff || size & (size - 1) != 0 { throw .invalidArgument }
        rings[ring].size = size
    }

    private func setBase(_ ring: Int, _ base: UInt32) throws(Errno) {
        if back != nil { throw .resourceBusy }
        if base > 0xffff { throw .invalidArgument }
        if kernel.fault != .forgets { rings[ring].base = base }
    }

    private func base(_ ring: Int) throws(Errno) -> UInt32 {
        guard back != nil else { return rings[ring].base }
        return try takeBase(ring)
    }

    private func setPlaces(_ ring: Int, _ argument: [UInt8]) throws(Errno) {
        var fields = WireFields(argument)
        _ = fields.next(UInt32.self)
        let flags = fields.next(UInt32.self)
        let places = (0..<4).map { _ in fields.next(UInt64.self) }
        if flags > 1 { throw .notSupported }
        if places[1] % 4 != 0 || places[2] % 2 != 0 || places[3] % 4 != 0 { throw .invalidArgument }
        if back != nil, places.prefix(3).contains(where: { $0 >= Self.limit }) { throw .invalidArgument }
        rings[ring].places = places
        rings[ring].flags = flags
        updateLog()
    }

    private func event(_ number: Int32) throws(Errno) -> PassedDescriptor? {
        if number == -1 { return nil }
        let event = PassedDescriptor(try OwnedDescriptor(duplicating: number))
        guard try event.kind() == "anon_inode:[eventfd]" else { throw .invalidArgument }
        return event
    }

    private func setEvent(_ number: UInt, _ ring: Int, _ descriptor: Int32) throws(Errno) {
        let event = try event(descriptor)
        switch number {
        case 0x20: if kernel.fault != .keepsKick || event != nil { rings[ring].kick = event }
        case 0x21: rings[ring].call = event
        default: rings[ring].error = event
        }
        guard back != nil else { return }
        if number == 0x20, rings[ring].kick == nil {
            // Without a kick the kernel sleeps on; vhost-user would poll.
            return _ = try takeBase(ring)
        }
        try hand(number, ring)
    }
}

// The endpoint, and the back-end behind it.
extension FakeNode {
    private func setEndpoint(_ name: String) throws(Errno) {
        if kernel.fault == .othersFirst, name != FakeKernel.port { throw .operationNotSupportedByDevice }
        guard let table, features & 1 << 26 == 0 || log < Self.limit else { throw .badAddress }
        if back != nil { throw .fileExists }
        let isTaken = kernel.owner != nil && kernel.fault != .claimsNothing
        guard name == FakeKernel.port, !isTaken else { throw .operationNotSupportedByDevice }
        do {
            back = try FrontEndSession(kernel.proxy.path)
        } catch {
            throw .ioError
        }
        kernel.owner = self
        let bits = features & ~(1 << 26) | 1 << 30
        try tell(.setFeatures, bits.littleEndianBytes)
        try tellMemory(table)
        updateLog()
        for ring in rings.indices.prefix(8) where rings[ring].places.count == 4 { try start(ring) }
    }

    private func start(_ ring: Int) throws(Errno) {
        let told = rings[ring]
        let index = UInt32(ring).littleEndianBytes
        try tell(.setRingSize, index + told.size.littleEndianBytes)
        try tell(.setRingBase, index + told.base.littleEndianBytes)
        try tell(.setRingAddress, index + [0, 0, 0, 0] + told.places.flatMap(\.littleEndianBytes))
        for number in [0x22, 0x21, 0x20] as [UInt] { try hand(number, ring) }
        try tell(.setRingEnable, index + [1, 0, 0, 0])
    }

    private func hand(_ number: UInt, _ ring: Int) throws(Errno) {
        let told = rings[ring]
        let (request, event): (VhostUserRequest, PassedDescriptor?) =
            switch number {
            case 0x20: (.setRingKick, told.kick)
            case 0x21: (.setRingCall, told.call)
            default: (.setRingError, told.error)
            }
        let index = UInt64(ring) | (event == nil ? 0x100 : 0)
        try tell(request, index.littleEndianBytes, event.map { [$0] } ?? [])
    }

    private func clearEndpoint(_ name: String) throws(Errno) {
        if table == nil { throw .badAddress }
        if back == nil { return }
        if name != FakeKernel.port { throw .invalidArgument }
        try stopRings()
        if kernel.fault != .keepsClaim { clear() }
    }

    private func stopRings() throws(Errno) {
        for ring in rings.indices.prefix(8) where rings[ring].places.count == 4 {
            rings[ring].base = try takeBase(ring)
        }
    }

    private func clear() {
        back = nil
        kernel.proxy.writeLog = nil
        if kernel.owner === self { kernel.owner = nil }
    }

    private func takeBase(_ ring: Int) throws(Errno) -> UInt32 {
        guard let back else { return rings[ring].base }
        let message = VhostUserMessage(
            .getRingBase,
            UInt32(ring).littleEndianBytes + [0, 0, 0, 0]
        )
        do {
            var fields = WireFields(try back.exchange(message).payload)
            _ = fields.next(UInt32.self)
            return fields.next()
        } catch {
            throw .ioError
        }
    }

    private func tell(_ request: VhostUserRequest, _ payload: [UInt8], _ rights: [PassedDescriptor] = [])
        throws(Errno)
    {
        let message = VhostUserMessage(request, payload, rights: rights, needsReply: true)
        do {
            var fields = WireFields(try back?.exchange(message).payload ?? [])
            guard fields.next(UInt64.self) == 0 else { throw OperationError("tell", "the back-end") }
        } catch {
            throw .ioError
        }
    }

    /// Hands the table over, with the files that this process has mapped there.
    private func tellMemory(_ table: [UInt8]) throws(Errno) {
        var fields = WireFields(Array(table.dropFirst(8)))
        var (lines, rights): ([UInt8], [PassedDescriptor]) = ([], [])
        for _ in 0..<table[0] {
            let (guest, size, user): (UInt64, UInt64, UInt64) = (fields.next(), fields.next(), fields.next())
            _ = fields.next(UInt64.self)
            let mapped = try MappedFile(at: user)
            rights.append(mapped.file)
            lines += [guest, size, user, mapped.offset].flatMap(\.littleEndianBytes)
        }
        try tell(.setMemoryTable, Array(table.prefix(8)) + lines, rights)
    }

    private func updateLog() {
        guard back != nil, log != 0, log < Self.limit, kernel.fault != .logsNothing else {
            return kernel.proxy.writeLog = nil
        }
        var addresses: [Int: UInt64] = [:]
        for ring in rings.indices where rings[ring].flags & 1 == 1 || kernel.fault == .logsAll {
            if rings[ring].places.count == 4 { addresses[ring] = rings[ring].places[3] }
        }
        let logsAll = features & 1 << 26 != 0 || kernel.fault == .logsAll
        kernel.proxy.writeLog = WriteLog(
            base: log,
            logsAll: logsAll,
            rings: addresses,
            event: logEvent?.number
        )
    }
}

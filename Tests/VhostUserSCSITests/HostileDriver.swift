// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import VhostUser

/// A driver of three rings that does as it likes with their eventfds and with its memory, which is a file that it never
/// maps.
///
/// Ring `n` has its descriptors at `n` times 64 KiB, the available ring 4 KiB and the used ring 8 KiB behind them.
final class HostileDriver {
    static let byteCount = 1 << 20
    private static let address: UInt64 = 0x7000_0000_0000
    private static let size: UInt16 = 64

    let session: FrontEndSession
    let kicks: [PassedDescriptor]
    let calls: [PassedDescriptor]
    private let directory: FilePath
    private let file: PassedDescriptor
    /// How many requests each ring was given.
    private var given: [UInt16] = [0, 0, 0]

    init(_ socket: FilePath) throws {
        directory = try FilePath.makeTemporaryDirectory(prefix: "hostile")
        let name = directory.appending("memory")
        try name.makeFile(byteCount: Int64(Self.byteCount))
        file = PassedDescriptor(try OwnedDescriptor(opening: name, .readWrite))
        kicks = try (0..<3).map { _ in try Self.event() }
        calls = try (0..<3).map { _ in try Self.event() }
        session = try FrontEndSession(socket)
        var rings: [FrontEndRing] = []
        for index in 0..<3 {
            let start = Self.address + UInt64(index) << 16
            rings.append(
                FrontEndRing(
                    size: Self.size,
                    descriptors: start,
                    available: start + 4096,
                    used: start + 8192,
                    kick: kicks[index],
                    call: calls[index],
                    error: try Self.event()
                )
            )
        }
        let region = SharedRegion(
            guestAddress: 0,
            byteCount: UInt64(Self.byteCount),
            userAddress: Self.address,
            file: file
        )
        try session.start(features: TransportFeatures.version1, memory: [region], rings: rings)
    }

    deinit {
        do { try directory.removeTree() } catch { _ = error }
    }

    private static func event() throws -> PassedDescriptor {
        let event = try EventFD()
        return PassedDescriptor(try OwnedDescriptor(duplicating: event.number))
    }

    /// Has whoever signals an eventfd wait for ever: it is full, and waiting is not forbidden any more.
    func block(_ event: PassedDescriptor) throws {
        let room = UInt64.max - 1
        try event.owner.descriptor.writeAll(room.littleEndianBytes)
        try SystemCalls.setNonBlocking(event.owner.descriptor, false)
    }

    /// Takes the end of the memory away.
    func truncate(to byteCount: Int64) throws { try file.owner.descriptor.resize(to: byteCount) }

    /// Sends a command to LUN 0, with data from the guest at `data` if there is any.
    func send(_ command: [UInt8], data: (address: UInt64, count: UInt32)? = nil) throws {
        let header = [1, 0, 0, 0, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 11) + command
        var pieces: [(UInt64, UInt32, isWritable: Bool)] = [(0x40000, 51, false)]
        try write(header + [UInt8](repeating: 0, count: 51 - header.count), at: 0x40000)
        if let data { pieces.append((data.address, data.count, false)) }
        try push(2, pieces + [(0x41000, 108, true)])
    }

    /// Asks for LOGICAL UNIT RESET of LUN 0.
    func resetUnit() throws {
        let kinds = UInt32(0).littleEndianBytes + UInt32(5).littleEndianBytes
        try write(kinds + [1] + [UInt8](repeating: 0, count: 15), at: 0x42000)
        try push(0, [(0x42000, 24, false), (0x43000, 1, true)])
    }

    /// How many requests of a ring were answered.
    func answered(_ ring: Int) throws -> UInt16 {
        var bytes: [UInt8] = [0, 0]
        var room = bytes.mutableSpan
        try file.owner.descriptor.readFully(at: UInt64(ring << 16 + 8194), into: &room)
        return UInt16(bytes[0]) | UInt16(bytes[1]) << 8
    }

    /// Waits until all requests of a ring are answered, but not for ever.
    func areAnswered(_ ring: Int) throws -> Bool {
        for _ in 0..<2000 where try answered(ring) != given[ring] { SystemCalls.sleep(microseconds: 1000) }
        return try answered(ring) == given[ring]
    }

    private func push(_ ring: Int, _ pieces: [(UInt64, UInt32, isWritable: Bool)]) throws {
        // One request at a time: each begins with the first descriptor.
        var table: [UInt8] = []
        for (index, piece) in pieces.enumerated() {
            let isLast = index == pieces.count - 1
            let flags: UInt16 = (isLast ? 0 : 1) | (piece.isWritable ? 2 : 0)
            table += piece.0.littleEndianBytes + piece.1.littleEndianBytes + flags.littleEndianBytes
            table += UInt16(index + 1).littleEndianBytes
        }
        try write(table, at: ring << 16)
        let entry = ring << 16 + 4096 + 4 + Int(given[ring] % Self.size) * 2
        try write(UInt16(0).littleEndianBytes, at: entry)
        given[ring] += 1
        try write(given[ring].littleEndianBytes, at: ring << 16 + 4096 + 2)
        EventFD.signal(kicks[ring].number)
    }

    private func write(_ bytes: [UInt8], at offset: Int) throws {
        try file.owner.descriptor.writeFully(bytes.span, at: UInt64(offset))
    }
}

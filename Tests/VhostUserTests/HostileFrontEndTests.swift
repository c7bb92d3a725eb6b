// SPDX-License-Identifier: MIT
import CVirtqueue
import LinuxSystem
import SystemPackage
import Testing
import VhostUser
import Virtqueue

/// What a front-end can do wrong with messages. Each is refused by name, nothing is started, and a good front-end finds
/// the device as it was.
struct HostileFrontEndTests {
    /// One way to misbehave, and what the refusal says.
    struct Case {
        let name: String
        let says: String
        let act: @Sendable (any FrontEndBench) throws -> Void
    }

    @Test(arguments: HostileFrontEndTests.cases.indices)
    func isRefused(_ index: Int) throws {
        let hostile = Self.cases[index]
        let bench = try SessionBench()
        try bench.negotiate()
        do {
            try hostile.act(bench)
            Issue.record("\(hostile.name): nothing was refused")
        } catch let refusal as VhostUserRefusal {
            #expect(refusal.description.contains(hostile.says), "\(hostile.name): \(refusal)")
        }
        #expect(bench.device.log.isEmpty, "\(hostile.name): \(bench.device.log)")
    }

    /// Files that come with a message that is refused are closed.
    @Test(arguments: [
        VhostUserRequest.setFeatures, .setRingKick, .setInflight, .addMemoryRegion, .getRingBase,
    ])
    func keepsNoFileOfARefusedMessage(_ request: VhostUserRequest) throws {
        let bench = try SessionBench()
        try bench.negotiate()
        let near = try sendWithSocket(bench, request)
        #expect(throws: VhostUserRefusal.self) { try bench.handle() }
        // The end of the other side, and not "nothing yet".
        #expect(try near.receive(upTo: 1).bytes.isEmpty)
    }

    /// Sends a request with one end of a new pair of sockets, which nobody else holds.
    private func sendWithSocket(_ bench: SessionBench, _ request: VhostUserRequest) throws -> UnixSocket {
        let (near, far) = try UnixSocket.pair()
        let passed = PassedDescriptor(try OwnedDescriptor(duplicating: far.descriptor.rawValue))
        try bench.peer.send(VhostUserMessage(request, [1, 2, 3], rights: [passed]))
        return near
    }

    /// With an acknowledgement asked for, the refusal is an answer, and the connection goes on.
    @Test(arguments: HostileFrontEndTests.slots.indices)
    func isAcknowledgedAsRefused(_ index: Int) throws {
        let (payload, files) = Self.slots[index]
        let bench = try SessionBench()
        try bench.negotiate()
        let rights = (0..<files).map { _ in bench.memory }
        let answer = try bench.ask(.addMemoryRegion, payload, rights: rights, needsReply: true)
        #expect(answer == UInt64(1).littleEndianBytes)
        try bench.addMemory()
        try bench.start(2)
        #expect(bench.device.log == ["start 2 at 0"])
    }

    /// Lines of a memory table that cannot be, and how many files come with each.
    static let slots: [([UInt8], Int)] = [
        (SessionBench.slot(SessionBench.region(size: 0)), 1),
        (SessionBench.slot(SessionBench.region(size: SessionBench.byteCount + 1)), 1),
        (SessionBench.slot(SessionBench.region(offset: 1)), 1),
        (SessionBench.slot(SessionBench.region(offset: .max)), 1),
        (SessionBench.slot(SessionBench.region(guest: .max - 10)), 1),
        (SessionBench.slot(SessionBench.region(user: .max - 10)), 1),
        (SessionBench.slot(SessionBench.region(size: 1 << 40)), 1),
        (SessionBench.slot(SessionBench.region(size: .max)), 1),
        (SessionBench.slot(), 0),
        (SessionBench.slot(), 2),
        (SessionBench.region(), 1),
        ([], 1),
    ]

    private static func request(
        _ name: String,
        _ says: String,
        _ request: VhostUserRequest,
        _ payload: [UInt8],
        _ rights: @escaping @Sendable () throws -> [PassedDescriptor] = { [] }
    ) -> Case {
        Case(name: name, says: says) { bench in try bench.ask(request, payload, rights: rights()) }
    }

    private static func header(_ number: UInt32, flags: UInt32 = 1, size: UInt32) -> [UInt8] {
        number.littleEndianBytes + flags.littleEndianBytes + size.littleEndianBytes
    }

    private static func inflight(_ queues: UInt16, _ size: UInt16, offset: UInt64 = 0) -> [UInt8] {
        UInt64(0).littleEndianBytes + offset.littleEndianBytes + queues.littleEndianBytes
            + size.littleEndianBytes + UInt32(0).littleEndianBytes
    }

    private static func file(_ path: FilePath) throws -> PassedDescriptor {
        PassedDescriptor(try OwnedDescriptor(opening: path, .readWrite))
    }

    static let cases: [Case] = messages + rings + memory + areas

    private static let messages: [Case] = [
        Case(name: "payload of 2 GiB", says: "a payload of 2147483647 bytes") {
            _ = try $0.sendRaw(header(2, size: 0x7fff_ffff))
        },
        Case(name: "version 0", says: "not of version 1") {
            _ = try $0.sendRaw(header(1, flags: 0, size: 0))
        },
        Case(name: "version 3", says: "not of version 1") {
            _ = try $0.sendRaw(header(1, flags: 3, size: 0))
        },
        Case(name: "an answer", says: "not known") { _ = try $0.sendRaw(header(1, flags: 5, size: 0)) },
        Case(name: "request 0", says: "not known") { _ = try $0.sendRaw(header(0, size: 0)) },
        Case(name: "request 41", says: "not known") { _ = try $0.sendRaw(header(41, size: 0)) },
        Case(name: "request of all ones", says: "not known") { _ = try $0.sendRaw(header(.max, size: 0)) },
        request("an empty GET_CONFIG", "0 bytes in a payload of 0", .getConfiguration, []),
        request("no features", "0 bytes instead of 8", .setFeatures, []),
        request("features of 4 bytes", "4 bytes instead of 8", .setFeatures, [1, 2, 3, 4]),
        request("features and a file", "descriptors instead of 0", .setFeatures, UInt64(0).littleEndianBytes)
        {
            [try file("/dev/null")]
        },
        request(
            "a feature not offered",
            "was not offered",
            .setFeatures,
            (UInt64(1) << 34).littleEndianBytes
        ),
        request("all features", "was not offered", .setFeatures, UInt64.max.littleEndianBytes),
        request("half a log", "8 bytes instead of 16", .setLogBase, UInt64(0).littleEndianBytes),
        log("a log without a file", "0 descriptors instead of 1", size: 64, offset: 0, files: 0),
        log("an empty log", "Invalid argument", size: 0, offset: 0),
        log("a log behind its file", "Invalid argument", size: 8192, offset: 0),
        log("a log that wraps around", "Invalid argument", size: .max, offset: 4096),
        log("a log between two words", "Invalid argument", size: 64, offset: 4),
        request("no log eventfd", "0 descriptors instead of 1", .setLogDescriptor, [1, 2, 3, 4]),
        request("a configuration", "nothing of it can be changed", .setConfiguration, []),
        request(
            "a configuration of 4 GiB",
            "in a payload of 12",
            .getConfiguration,
            [UInt32(0), .max, 0].flatMap { $0.littleEndianBytes }
        ),
        request("half a status", "4 bytes instead of 8", .setStatus, [1, 2, 3, 4]),
    ]

    private static func log(
        _ name: String,
        _ says: String,
        size: UInt64,
        offset: UInt64,
        files: Int = 1
    ) -> Case {
        request(name, says, .setLogBase, size.littleEndianBytes + offset.littleEndianBytes) {
            try (0..<files).map { _ in
                PassedDescriptor(try SharedMemory.makeFile(name: "log", byteCount: 4096))
            }
        }
    }

    private static let rings: [Case] =
        [0, 3, 100, 65535, 65536, UInt32.max].map { size in
            request("a ring of \(size)", "is no size", .setRingSize, SessionBench.state(2, size))
        }
        + [
            VhostUserRequest.setRingSize, .setRingBase, .setRingEnable, .getRingBase,
        ].flatMap { kind in
            [
                request("ring 66 of 66 in \(kind.name)", "no ring 66", kind, SessionBench.state(66, 1)),
                request(
                    "the last ring in \(kind.name)",
                    "no ring 4294967295",
                    kind,
                    SessionBench.state(.max, 1)
                ),
                request("nothing in \(kind.name)", "0 bytes instead of 8", kind, []),
            ]
        }
        + [
            request("an address of ring 66", "no ring 66", .setRingAddress, SessionBench.address(66)),
            request("half an address", "8 bytes instead of 40", .setRingAddress, SessionBench.state(0, 0)),
        ]
        + [VhostUserRequest.setRingKick, .setRingCall, .setRingError].flatMap { kind in
            [
                request(
                    "\(kind.name) without a descriptor",
                    "0 descriptors",
                    kind,
                    UInt64(2).littleEndianBytes
                ),
                request("\(kind.name) with a device", "no eventfd", kind, UInt64(2).littleEndianBytes) {
                    [try file("/dev/zero")]
                },
                request("\(kind.name) with two", "2 descriptors", kind, UInt64(2).littleEndianBytes) {
                    [try SessionBench.event(), try SessionBench.event()]
                },
                request("\(kind.name) of ring 255", "no ring 255", kind, UInt64(255).littleEndianBytes) {
                    [try SessionBench.event()]
                },
                request("\(kind.name) of no ring", "0 bytes instead of 8", kind, []),
            ]
        }

    private static let memory: [Case] =
        slots.enumerated().map { index, slot in
            Case(name: "memory region \(index)", says: ": ") { bench in
                try bench.ask(.addMemoryRegion, slot.0, rights: (0..<slot.1).map { _ in bench.memory })
            }
        }
        + [UInt32(0), 9, .max].map { count in
            request("a table of \(count)", "regions in", .setMemoryTable, SessionBench.state(count, 0))
        }
        + [
            request(
                "a table without files",
                "0 descriptors for 1",
                .setMemoryTable,
                SessionBench.state(1, 0) + SessionBench.region()
            ),
            request(
                "a table of a device",
                "cannot be mapped",
                .setMemoryTable,
                SessionBench.state(1, 0) + SessionBench.region()
            ) { [try file("/dev/zero")] },
            Case(name: "a table that overlaps itself", says: "overlaps") { bench in
                let table = SessionBench.state(2, 0) + SessionBench.region() + SessionBench.region()
                try bench.ask(.setMemoryTable, table, rights: [bench.memory, bench.memory])
            },
            Case(name: "the same region twice", says: "overlaps") { bench in
                try bench.addMemory()
                try bench.ask(.addMemoryRegion, SessionBench.slot(), rights: [bench.memory])
            },
            request("removing what is not there", "none like it", .removeMemoryRegion, SessionBench.slot()),
            Case(name: "65 regions", says: "there are 64") { bench in
                for index in 0..<65 {
                    let at = UInt64(index) << 32
                    let line = SessionBench.region(guest: at, size: 4096, user: at)
                    try bench.ask(.addMemoryRegion, SessionBench.slot(line), rights: [bench.memory])
                }
            },
        ]

    private static let areas: [Case] = [
        request("an area of 65535 rings", "65535 rings", .getInflight, inflight(.max, .max)),
        request("an area of no ring", "0 rings", .getInflight, inflight(0, 128)),
        request("an area of no entries", "of 0 entries", .getInflight, inflight(1, 0)),
        request("an area without a shape", "0 bytes", .getInflight, []),
        request("an area without a file", "0 descriptors", .setInflight, inflight(3, 128)),
        request("an area in a device", "SET_INFLIGHT_FD", .setInflight, inflight(3, 128)) {
            [try file("/dev/zero")]
        },
        Case(name: "an area behind its file", says: "SET_INFLIGHT_FD") { bench in
            try bench.ask(.setInflight, inflight(4, 32768), rights: [bench.memory])
        },
        Case(name: "an area far behind its file", says: "SET_INFLIGHT_FD") { bench in
            try bench.ask(.setInflight, inflight(1, 8, offset: .max), rights: [bench.memory])
        },
    ]

    /// Rings that lie wrong are not started; the front-end may still hand over what is missing.
    @Test(arguments: [
        SessionBench.address(2, descriptors: SessionBench.byteCount - 2047),
        SessionBench.address(2, used: SessionBench.byteCount - 8),
        SessionBench.address(2, available: SessionBench.byteCount),
        SessionBench.address(2, descriptors: 0 &- SessionBench.frontEnd),
        SessionBench.address(2, descriptors: UInt64.max - SessionBench.frontEnd),
    ])
    func aRingOutsideMemoryIsNotStarted(_ address: [UInt8]) throws {
        let bench = try SessionBench()
        try bench.negotiate()
        try bench.addMemory()
        try bench.ask(.setRingSize, SessionBench.state(2, 128))
        try bench.ask(.setRingAddress, address)
        try bench.ask(.setRingKick, UInt64(2).littleEndianBytes, rights: [SessionBench.event()])
        try bench.ask(.setRingEnable, SessionBench.state(2, 1))
        #expect(bench.device.log.isEmpty)
        try bench.ask(.setRingAddress, SessionBench.address(2))
        #expect(bench.device.log == ["start 2 at 0"])
    }

    @Test func aTruncatedFileEndsTheConnection() throws {
        let bench = try SessionBench()
        try bench.negotiate()
        let path = try FilePath.makeTemporaryDirectory(prefix: "vhost-user")
        defer { #expect(throws: Never.self) { try path.removeTree() } }
        let name = path.appending("memory")
        try name.write([UInt8](repeating: 7, count: 1 << 16))
        let file = PassedDescriptor(try OwnedDescriptor(opening: name, .readWrite))
        let line = SessionBench.region(size: 1 << 16)
        try bench.ask(.addMemoryRegion, SessionBench.slot(line), rights: [file])
        try bench.start(2)
        let setup = try #require(bench.device.setups[2])
        try file.owner.descriptor.resize(to: 0)
        // The device reads what is gone: zeroes, and not a SIGBUS.
        #expect(firstByte(setup.memory) == 0)
        // Whoever waits for messages waits for this, too.
        #expect(isReadable(bench.session.lost))
        #expect(throws: VhostUserRefusal.self) { try bench.ask(.getFeatures) }
    }

    private func isReadable(_ event: PassedDescriptor) -> Bool {
        do {
            return try event.owner.descriptor.readBytes(upTo: 8) == UInt64(1).littleEndianBytes
        } catch {
            return false
        }
    }

    /// Whoever else waits has a turn, however much one front-end sends.
    @Test func aFloodOfMessagesIsHandledByTurns() throws {
        let bench = try SessionBench()
        for _ in 0..<100 { try bench.peer.send(VhostUserMessage(.setOwner)) }
        try bench.peer.send(VhostUserMessage(.getFeatures))
        #expect(try bench.handle() == nil)
        #expect(try bench.handle()?.number == VhostUserRequest.getFeatures.rawValue)
    }

    private func firstByte(_ table: GuestMemoryTable) -> UInt8? {
        var host: UnsafeMutableRawPointer?
        // The table's memory is mapped, or was.
        let result = unsafe vq_memory_translate(
            table.table,
            SessionBench.guest,
            1,
            UInt32(VQ_ACCESS_READ),
            &host
        )
        return result == 0 ? unsafe host?.load(as: UInt8.self) : nil
    }
}

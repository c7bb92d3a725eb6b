// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing
import VhostUser

/// A back-end session and the front-end's end of its socket, in one thread: what is sent is handled at `handle`.
final class SessionBench: FrontEndBench {
    let device = RecordingDevice()
    let session: BackendSession
    let peer: MessageSocket
    /// A memory of 1 MiB, at 0x10000 for the guest and 0x7000_0000_0000 for the front-end.
    let memory: PassedDescriptor
    static let guest: UInt64 = 0x10000
    static let frontEnd: UInt64 = 0x7000_0000_0000
    static let byteCount: UInt64 = 1 << 20

    init() throws {
        let (near, far) = try UnixSocket.pair()
        peer = MessageSocket(far)
        session = try BackendSession(near, device) { _ in }
        memory = PassedDescriptor(
            try SharedMemory.makeFile(name: "test", byteCount: Int(Self.byteCount))
        )
    }

    func exchange(_ message: VhostUserMessage) throws -> [UInt8]? {
        try peer.send(message)
        return try handle()?.payload
    }

    func handle() throws -> VhostUserMessage? {
        _ = try session.handleMessages()
        guard case .message(let answer) = try peer.receive() else { return nil }
        return answer
    }

    func sendRaw(_ bytes: [UInt8]) throws -> Bool {
        try peer.socket.send(bytes)
        return try session.handleMessages()
    }

    /// A line of a memory table.
    static func region(
        guest: UInt64 = SessionBench.guest,
        size: UInt64 = SessionBench.byteCount,
        user: UInt64 = SessionBench.frontEnd,
        offset: UInt64 = 0
    ) -> [UInt8] {
        [guest, size, user, offset].flatMap { $0.littleEndianBytes }
    }

    static func slot(_ region: [UInt8] = SessionBench.region()) -> [UInt8] {
        UInt64(0).littleEndianBytes + region
    }

    static func state(_ ring: UInt32, _ value: UInt32) -> [UInt8] {
        ring.littleEndianBytes + value.littleEndianBytes
    }

    static func address(
        _ ring: UInt32,
        descriptors: UInt64 = 0x1000,
        used: UInt64 = 0x3000,
        available: UInt64 = 0x2000,
        flags: UInt32 = 0,
        log: UInt64 = 0
    ) -> [UInt8] {
        let places = [descriptors, used, available].map { Self.frontEnd &+ $0 } + [log]
        return ring.littleEndianBytes + flags.littleEndianBytes + places.flatMap { $0.littleEndianBytes }
    }

    static func event() throws -> PassedDescriptor {
        let event = try EventFD()
        return PassedDescriptor(try OwnedDescriptor(duplicating: event.number))
    }

    /// Sets up ring `ring` in QEMU's order, and enables it.
    func start(_ ring: UInt32, base: UInt32 = 0) throws {
        try ask(.setRingSize, Self.state(ring, 128))
        try ask(.setRingBase, Self.state(ring, base))
        try ask(.setRingAddress, Self.address(ring))
        try ask(.setRingKick, UInt64(ring).littleEndianBytes, rights: [Self.event()])
        try ask(.setRingEnable, Self.state(ring, 1))
    }
}

// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing
import VhostUser

/// The front-end's end of a connection, to send whatever one likes.
protocol FrontEndBench {
    /// A memory of `SessionBench.byteCount`.
    var memory: PassedDescriptor { get }
    /// Sends a message and has it handled.
    ///
    /// - Returns: the answer's payload, where there is an answer.
    func exchange(_ message: VhostUserMessage) throws -> [UInt8]?
    /// Sends raw bytes and has them handled.
    ///
    /// - Returns: whether the connection goes on.
    func sendRaw(_ bytes: [UInt8]) throws -> Bool
}

extension FrontEndBench {
    /// Sends a request and has it handled.
    @discardableResult
    func ask(
        _ request: VhostUserRequest,
        _ payload: [UInt8] = [],
        rights: [PassedDescriptor] = [],
        needsReply: Bool = false
    ) throws -> [UInt8]? {
        try exchange(VhostUserMessage(request, payload, rights: rights, needsReply: needsReply))
    }

    /// What every front-end begins with.
    func negotiate() throws {
        try ask(.setOwner)
        try ask(.setProtocolFeatures, ProtocolFeatures.all.rawValue.littleEndianBytes)
        try ask(
            .setFeatures,
            (TransportFeatures.protocolFeatures | TransportFeatures.version1).littleEndianBytes
        )
    }

    func addMemory() throws {
        let answer = try ask(.addMemoryRegion, SessionBench.slot(), rights: [memory], needsReply: true)
        #expect(answer == UInt64(0).littleEndianBytes)
    }
}

/// A connection to a server that runs elsewhere, which answers in its own time.
struct ConnectedBench: FrontEndBench {
    let memory: PassedDescriptor
    private let peer: MessageSocket

    init(_ socket: FilePath) throws {
        peer = MessageSocket(try UnixSocket(connectingTo: socket))
        memory = PassedDescriptor(
            try SharedMemory.makeFile(name: "test", byteCount: Int(SessionBench.byteCount))
        )
    }

    /// Only an acknowledgement is waited for.
    func exchange(_ message: VhostUserMessage) throws -> [UInt8]? {
        try peer.send(message)
        if !message.needsReply { return nil }
        guard case .message(let answer) = try awaitSomething() else { return nil }
        return answer.payload
    }

    func sendRaw(_ bytes: [UInt8]) throws -> Bool {
        try peer.socket.send(bytes)
        return true
    }

    /// Whether the server ends the connection, without an answer.
    func isDropped() throws -> Bool {
        if case .end = try awaitSomething() { true } else { false }
    }

    private func awaitSomething() throws -> MessageSocket.Found {
        for _ in 0..<5000 {
            let found = try peer.receive()
            if case .nothing = found { SystemCalls.sleep(microseconds: 1000) } else { return found }
        }
        return .nothing
    }
}

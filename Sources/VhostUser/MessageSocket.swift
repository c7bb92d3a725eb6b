// SPDX-License-Identifier: MIT
public import LinuxSystem
public import SystemPackage

/// One side of a vhost-user connection: whole messages over a stream.
///
/// Reading never waits, so that a peer that stops in the middle of a message holds up nobody.
public final class MessageSocket {
    public let socket: UnixSocket
    private var bytes: [UInt8] = []
    private var rights: [PassedDescriptor] = []

    public init(_ socket: UnixSocket) { self.socket = socket }

    /// What reading found.
    public enum Found {
        case message(VhostUserMessage)
        /// The message is not complete yet.
        case nothing
        /// The peer has closed the connection.
        case end
    }

    /// Reads what is there of the next message, and nothing behind it.
    ///
    /// - Throws: a refusal where what comes cannot be a message; the connection is of no use then.
    public func receive() throws(VhostUserRefusal) -> Found {
        while true {
            let missing = try missingBytes()
            if missing == 0 { return .message(take()) }
            do throws(Errno) {
                let part = try socket.receive(upTo: missing)
                if part.bytes.isEmpty { return .end }
                bytes += part.bytes
                rights += part.rights
            } catch {
                if error == .resourceTemporarilyUnavailable || error == .interrupted { return .nothing }
                // The peer was killed with messages of ours unread.
                if error == .connectionReset { return .end }
                throw VhostUserRefusal("a message", "\(error.description)")
            }
        }
    }

    /// Sends a message.
    public func send(_ message: VhostUserMessage) throws(Errno) {
        try socket.send(message.encoded, rights: message.rights.map(\.number))
    }

    private func missingBytes() throws(VhostUserRefusal) -> Int {
        if bytes.count < VhostUserMessage.headerBytes { return VhostUserMessage.headerBytes - bytes.count }
        var header = WireFields(bytes)
        let number = header.next(UInt32.self)
        let flags = header.next(UInt32.self)
        let size = Int(header.next(UInt32.self))
        let name = VhostUserRequest(rawValue: number)?.name ?? "request \(number)"
        guard VhostUserMessage.hasValidVersion(flags) else {
            throw VhostUserRefusal(name, "flags \(String(flags, radix: 16)) are not of version 1")
        }
        guard size <= VhostUserMessage.maximumPayload else {
            throw VhostUserRefusal(name, "a payload of \(size) bytes, more than any request has")
        }
        guard rights.count <= 32 else {
            throw VhostUserRefusal(name, "\(rights.count) descriptors, more than any request has")
        }
        return VhostUserMessage.headerBytes + size - bytes.count
    }

    private func take() -> VhostUserMessage {
        var header = WireFields(bytes)
        let number = header.next(UInt32.self)
        let flags = header.next(UInt32.self)
        let payload = Array(bytes.dropFirst(VhostUserMessage.headerBytes))
        defer { (bytes, rights) = ([], []) }
        return VhostUserMessage(number: number, flags: flags, payload: payload, rights: rights)
    }
}

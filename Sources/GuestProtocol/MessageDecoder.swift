// SPDX-License-Identifier: MIT
import LinuxSystem

/// A frame that no agent and no host of this protocol sends.
public struct MalformedFrame: Error, Equatable, CustomStringConvertible, Sendable {
    /// What is wrong with it.
    public let description: String

    public init(description: String) { self.description = description }
}

/// Cuts a byte stream into messages.
///
/// Feed it what a read returned with ``append(_:)``, then call ``next()`` until it returns `nil`. After an error the
/// stream has lost its frames and cannot be read on.
public struct MessageDecoder: Sendable {
    private var buffer: [UInt8] = []
    private var start = 0

    public init() {}

    /// Bytes that were appended and not yet handed out as messages.
    public var pendingByteCount: Int { buffer.count - start }

    public mutating func append(_ bytes: some Sequence<UInt8>) {
        buffer.removeSubrange(..<start)
        start = 0
        buffer.append(contentsOf: bytes)
    }

    public mutating func append(_ bytes: borrowing RawSpan) {
        // Copied before the span ends.
        append(unsafe bytes.withUnsafeBytes { unsafe Array($0) })
    }

    /// The next whole message, or `nil` when more bytes are needed.
    public mutating func next() throws(MalformedFrame) -> Message? {
        guard pendingByteCount >= Message.headerSize else { return nil }
        let length = Int(UInt32(littleEndian: buffer, at: start))
        guard length <= Message.maximumPayload else {
            throw MalformedFrame(
                description: "a frame of \(length) bytes, more than \(Message.maximumPayload)"
            )
        }
        guard let kind = Message.Kind(rawValue: buffer[start + 4]) else {
            throw MalformedFrame(description: "a frame of unknown kind \(buffer[start + 4])")
        }
        let end = start + Message.headerSize + length
        guard end <= buffer.count else { return nil }
        let session = UInt16(littleEndian: buffer, at: start + 6)
        let payload = Array(buffer[(start + Message.headerSize)..<end])
        start = end
        return try message(kind, session: session, payload: payload)
    }

    private func message(
        _ kind: Message.Kind,
        session: UInt16,
        payload: [UInt8]
    ) throws(MalformedFrame) -> Message {
        switch kind {
        case .run: .run(session: session, try command(payload))
        case .input: .input(session: session, payload)
        case .signal: .signal(session: session, number: try number(payload))
        case .resize: .resize(session: session, try terminalSize(payload))
        case .mount: .mount(session: session, try mount(payload))
        case .wake: .wake(try wake(payload))
        case .hold: .hold(session: session, isOn: try flag(payload))
        case .powerOff: .powerOff
        case .hello: .hello(release: String(decoding: payload, as: UTF8.self))
        case .output: .output(session: session, payload)
        case .errorOutput: .errorOutput(session: session, payload)
        case .exited: .exited(session: session, status: try number(payload))
        case .failed: .failed(session: session, errno: try number(payload))
        case .kernelLog: .kernelLog(strings(payload[...]))
        case .tainted: .tainted(try taint(payload))
        case .stopped: .stopped(reason: String(decoding: payload, as: UTF8.self))
        }
    }

    private func command(_ payload: [UInt8]) throws(MalformedFrame) -> GuestCommand {
        guard payload.count >= 8 else {
            throw MalformedFrame(description: "a run frame of \(payload.count) bytes")
        }
        let all = strings(payload[8...])
        let count = Int(UInt32(littleEndian: payload, at: 0))
        guard (1...max(1, all.count)).contains(count), !all.isEmpty else {
            throw MalformedFrame(
                description: "a run frame that counts \(count) of \(all.count) strings as arguments"
            )
        }
        let terminal = try terminalSize(Array(payload[4..<8]))
        return GuestCommand(
            arguments: Array(all[..<count]),
            environment: Array(all[count...]),
            terminal: terminal.rows > 0 ? terminal : nil
        )
    }

    private func mount(_ payload: [UInt8]) throws(MalformedFrame) -> GuestMount {
        let texts = strings(payload.dropFirst())
        guard let flags = payload.first, texts.count == 2 else {
            throw MalformedFrame(description: "a mount of \(texts.count) strings instead of 2")
        }
        return GuestMount(
            tag: texts[0],
            target: texts[1],
            isWritable: flags & GuestMount.writableFlag != 0,
            isRoot: flags & GuestMount.rootFlag != 0
        )
    }

    private func flag(_ payload: [UInt8]) throws(MalformedFrame) -> Bool {
        guard payload == [0] || payload == [1] else {
            throw MalformedFrame(description: "a flag of \(payload.count) bytes that is neither 0 nor 1")
        }
        return payload == [1]
    }

    private func wake(_ payload: [UInt8]) throws(MalformedFrame) -> GuestWake {
        guard payload.count >= 8 else {
            throw MalformedFrame(description: "a wake frame of \(payload.count) bytes")
        }
        return GuestWake(time: UInt64(littleEndian: payload, at: 0), seed: Array(payload[8...]))
    }

    private func taint(_ payload: [UInt8]) throws(MalformedFrame) -> UInt64 {
        guard payload.count == 8 else {
            throw MalformedFrame(description: "a taint of \(payload.count) bytes instead of 8")
        }
        return UInt64(littleEndian: payload, at: 0)
    }

    private func terminalSize(_ payload: [UInt8]) throws(MalformedFrame) -> TerminalSize {
        guard payload.count == 4 else {
            throw MalformedFrame(description: "a terminal's size of \(payload.count) bytes instead of 4")
        }
        return TerminalSize(
            rows: UInt16(littleEndian: payload, at: 0),
            columns: UInt16(littleEndian: payload, at: 2)
        )
    }

    private func number(_ payload: [UInt8]) throws(MalformedFrame) -> Int32 {
        guard payload.count == 4 else {
            throw MalformedFrame(description: "a number of \(payload.count) bytes instead of 4")
        }
        return Int32(littleEndian: payload, at: 0)
    }
}

/// The strings of a payload in which each ends in a NUL byte.
private func strings(_ payload: ArraySlice<UInt8>) -> [String] {
    payload.split(separator: 0, omittingEmptySubsequences: false).dropLast().map {
        String(decoding: $0, as: UTF8.self)
    }
}

// SPDX-License-Identifier: MIT

/// A command for the guest: what to run, with what environment.
public struct GuestCommand: Equatable, Sendable {
    /// The program, looked up in the guest's `PATH` unless it holds a slash, and its arguments.
    public var arguments: [String]
    /// `NAME=value` strings that are added to the guest's own environment.
    public var environment: [String]

    public init(arguments: [String], environment: [String] = []) {
        self.arguments = arguments
        self.environment = environment
    }

    /// How many bytes it takes in a message; at most ``Message/maximumPayload`` can be sent.
    public var size: Int { 4 + (arguments + environment).reduce(0) { $0 + $1.utf8.count + 1 } }
}

/// One message between the host and the agent in a test VM.
///
/// A session is one command's run; the host numbers them. Messages travel as frames over one virtio-serial port:
/// payload length (4 bytes, little-endian), kind (1), a zero byte, session (2, little-endian), payload.
public enum Message: Equatable, Sendable {
    // Host to guest.
    /// Start a command.
    case run(session: UInt16, GuestCommand)
    /// Bytes for the command's standard input; none at all means end of file.
    case input(session: UInt16, [UInt8])
    /// Send a signal to the command's process group.
    case signal(session: UInt16, number: Int32)
    /// Write out dirty data and switch the machine off.
    case powerOff

    // Guest to host.
    /// The agent is ready; the running kernel's release.
    case hello(release: String)
    /// Bytes from the command's standard output.
    case output(session: UInt16, [UInt8])
    /// Bytes from the command's standard error.
    case errorOutput(session: UInt16, [UInt8])
    /// The command ended: its exit code, or 128 and the number of the signal that ended it.
    case exited(session: UInt16, status: Int32)
    /// The command could not be started: the errno.
    case failed(session: UInt16, errno: Int32)
    /// Records of `/dev/kmsg`, each one line of text without its newline.
    case kernelLog([String])
}

extension Message {
    /// The frame's fixed part: length, kind, padding, session.
    static let headerSize = 8
    /// The longest payload in bytes that either side sends or accepts.
    public static let maximumPayload = 1 << 20

    /// The message as one frame.
    public func encoded() -> [UInt8] {
        let (kind, session, payload) = parts
        precondition(
            payload.count <= Self.maximumPayload,
            "a frame holds at most \(Self.maximumPayload) bytes"
        )
        return littleEndian(UInt32(payload.count)) + [kind.rawValue, 0] + littleEndian(session) + payload
    }

    private var parts: (Kind, UInt16, [UInt8]) {
        switch self {
        case .run(let session, let command):
            (
                .run, session,
                littleEndian(UInt32(command.arguments.count))
                    + strings(command.arguments + command.environment)
            )
        case .input(let session, let bytes): (.input, session, bytes)
        case .signal(let session, let number): (.signal, session, littleEndian(number))
        case .powerOff: (.powerOff, 0, [])
        case .hello(let release): (.hello, 0, Array(release.utf8))
        case .output(let session, let bytes): (.output, session, bytes)
        case .errorOutput(let session, let bytes): (.errorOutput, session, bytes)
        case .exited(let session, let status): (.exited, session, littleEndian(status))
        case .failed(let session, let errno): (.failed, session, littleEndian(errno))
        case .kernelLog(let records): (.kernelLog, 0, strings(records))
        }
    }

    enum Kind: UInt8 {
        case run = 1
        case input, signal, powerOff
        case hello = 65
        case output, errorOutput, exited, failed, kernelLog
    }
}

/// An integer as little-endian bytes.
private func littleEndian<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
    (0..<Value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
}

/// Strings that each end in a NUL byte.
private func strings(_ values: [String]) -> [UInt8] {
    values.flatMap { Array($0.utf8) + [0] }
}

// SPDX-License-Identifier: MIT
public import LinuxSystem

/// A command for the guest: what to run, with what environment.
public struct GuestCommand: Equatable, Sendable {
    /// The program, looked up in the guest's `PATH` unless it holds a slash, and its arguments.
    public var arguments: [String]
    /// `NAME=value` strings that are added to the guest's own environment.
    public var environment: [String]
    /// The size of the terminal that it runs in; pipes instead when `nil`.
    public var terminal: TerminalSize?

    public init(arguments: [String], environment: [String] = [], terminal: TerminalSize? = nil) {
        self.arguments = arguments
        self.environment = environment
        self.terminal = terminal
    }

    /// How many bytes it takes in a message; at most ``Message/maximumPayload`` can be sent.
    public var size: Int { 8 + (arguments + environment).reduce(0) { $0 + $1.utf8.count + 1 } }
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
    /// The command's terminal has another size now.
    case resize(session: UInt16, TerminalSize)
    /// Mount a directory of the host; answered by `exited` or `failed`.
    case mount(session: UInt16, GuestMount)
    /// The machine goes on from a saved state; answered by another `hello`.
    case wake(GuestWake)
    /// Leave the command's output where it is, so that the command waits; or take it again.
    case hold(session: UInt16, isOn: Bool)
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
    /// The kernel is tainted: the bits of `/proc/sys/kernel/tainted`.
    case tainted(UInt64)

    // Supervisor to client.
    /// The machine is gone; why, in words.
    case stopped(reason: String)
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
        return UInt32(payload.count).littleEndianBytes + [kind.rawValue, 0] + session.littleEndianBytes
            + payload
    }

    private var parts: (Kind, UInt16, [UInt8]) {
        switch self {
        case .run(let session, let command):
            (
                .run, session,
                UInt32(command.arguments.count).littleEndianBytes + size(command.terminal)
                    + strings(command.arguments + command.environment)
            )
        case .input(let session, let bytes): (.input, session, bytes)
        case .signal(let session, let number): (.signal, session, number.littleEndianBytes)
        case .resize(let session, let terminal): (.resize, session, size(terminal))
        case .mount(let session, let mount):
            (.mount, session, [mount.flags] + strings([mount.tag, mount.target]))
        case .wake(let wake): (.wake, 0, wake.time.littleEndianBytes + wake.seed)
        case .hold(let session, let isOn): (.hold, session, [isOn ? 1 : 0])
        case .powerOff: (.powerOff, 0, [])
        case .hello(let release): (.hello, 0, Array(release.utf8))
        case .output(let session, let bytes): (.output, session, bytes)
        case .errorOutput(let session, let bytes): (.errorOutput, session, bytes)
        case .exited(let session, let status): (.exited, session, status.littleEndianBytes)
        case .failed(let session, let errno): (.failed, session, errno.littleEndianBytes)
        case .kernelLog(let records): (.kernelLog, 0, strings(records))
        case .tainted(let bits): (.tainted, 0, bits.littleEndianBytes)
        case .stopped(let reason): (.stopped, 0, Array(reason.utf8))
        }
    }

    /// The session that it belongs to; nil for what concerns the whole machine.
    public var session: UInt16? {
        switch self {
        case .powerOff, .wake, .hello, .kernelLog, .tainted, .stopped: nil
        default: parts.1
        }
    }

    /// The same message for another session.
    public func renumbered(_ session: UInt16) -> Message {
        switch self {
        case .run(_, let command): .run(session: session, command)
        case .input(_, let bytes): .input(session: session, bytes)
        case .signal(_, let number): .signal(session: session, number: number)
        case .resize(_, let terminal): .resize(session: session, terminal)
        case .mount(_, let mount): .mount(session: session, mount)
        case .hold(_, let isOn): .hold(session: session, isOn: isOn)
        case .output(_, let bytes): .output(session: session, bytes)
        case .errorOutput(_, let bytes): .errorOutput(session: session, bytes)
        case .exited(_, let status): .exited(session: session, status: status)
        case .failed(_, let errno): .failed(session: session, errno: errno)
        case .powerOff, .wake, .hello, .kernelLog, .tainted, .stopped: self
        }
    }

    enum Kind: UInt8 {
        case run = 1
        case input, signal, powerOff, resize, mount, wake, hold
        case hello = 65
        case output, errorOutput, exited, failed, kernelLog, tainted
        case stopped = 129
    }
}

/// Rows and columns; zeros for no terminal.
private func size(_ terminal: TerminalSize?) -> [UInt8] {
    (terminal?.rows ?? 0).littleEndianBytes + (terminal?.columns ?? 0).littleEndianBytes
}

/// Strings that each end in a NUL byte.
private func strings(_ values: [String]) -> [UInt8] {
    values.flatMap { Array($0.utf8) + [0] }
}

// SPDX-License-Identifier: MIT
import Glibc
public import GuestProtocol
import LinuxSystem
public import SystemPackage

/// A connection to a named machine's supervisor, for one command.
public final class MachineClient {
    private let machine: NamedMachine
    private let connection: UnixSocket
    private var decoder = MessageDecoder()
    private var outgoing = ByteQueue()
    private var wasSignalled = false

    /// What the kernel logged while the command ran.
    public private(set) var kernelLog = KernelLog()
    /// How the kernel became tainted meanwhile.
    private var taint = KernelTaint(rawValue: 0)
    /// What the kernel said or showed of not being well meanwhile, in words.
    public var trouble: [String] { kernelLog.trouble(of: taint) }
    /// The same with what the kernel said about it.
    public var kernelReport: [String] { kernelLog.report(of: taint) }

    /// - Throws: `OperationError` where the machine is not there, or is not ready.
    public init(_ machine: NamedMachine, operation: String = "run in") throws {
        self.machine = machine
        do {
            connection = try UnixSocket(connectingTo: machine.socket)
            try SystemCalls.setNonBlocking(connection.descriptor)
        } catch {
            throw try machine.unavailable(operation)
        }
    }

    private var socket: FileDescriptor { connection.descriptor }

    /// Where a command's streams come from and go to.
    public struct Streams {
        /// Read while the command runs; nothing is passed on when nil.
        public var input: FileDescriptor?
        /// Of ``SystemCalls/signalDescriptor(for:)``: signals to pass on.
        public var signals: FileDescriptor?
        public var receive: (Guest.Stream, [UInt8]) throws -> Void

        public init(
            input: FileDescriptor?,
            signals: FileDescriptor?,
            receive: @escaping (Guest.Stream, [UInt8]) throws -> Void
        ) {
            self.input = input
            self.signals = signals
            self.receive = receive
        }
    }

    /// Runs one command to its end.
    ///
    /// - Returns: its exit code, or 128 and the number of the signal that ended it.
    public func execute(_ command: GuestCommand, _ streams: Streams) throws -> Int32 {
        try command.requireRoom()
        var input = streams.input
        send(.run(session: 1, command))
        if input == nil { send(.input(session: 1, [])) }
        while true {
            var interests = [pollfd(fd: socket.rawValue, events: Int16(POLLIN), revents: 0)]
            if !outgoing.isEmpty { interests[0].events |= Int16(POLLOUT) }
            // A slow machine makes the input wait.
            if let input, outgoing.count < 1 << 20 {
                interests.append(pollfd(fd: input.rawValue, events: Int16(POLLIN), revents: 0))
            }
            if let signals = streams.signals {
                interests.append(pollfd(fd: signals.rawValue, events: Int16(POLLIN), revents: 0))
            }
            try SystemCalls.poll(&interests, milliseconds: -1)
            for ready in interests.dropFirst() where ready.revents != 0 {
                if ready.fd == input?.rawValue {
                    input = try pass(input)
                } else if let signals = streams.signals {
                    try passSignal(signals)
                }
            }
            try flush()
            if let status = try receive(streams, command) { return status }
        }
    }

    /// Has the guest mount a directory of the host.
    public func mount(_ mount: GuestMount) throws {
        send(.mount(session: 1, mount))
        while true {
            try flush()
            var interests = [pollfd(fd: socket.rawValue, events: Int16(POLLIN), revents: 0)]
            try SystemCalls.poll(&interests, milliseconds: -1)
            for message in try receiveMessages() {
                switch message {
                case .exited: return
                case .failed(_, let errno): throw mountFailure(mount, Errno(rawValue: errno))
                case .stopped(let reason):
                    throw OperationError("mount in", "VM \(machine.name)", cause: reason)
                default: break
                }
            }
        }
    }

    /// Switches the machine off and waits until it is gone.
    public func powerOff() throws {
        send(.powerOff)
        while true {
            var interests = [pollfd(fd: socket.rawValue, events: Int16(POLLIN), revents: 0)]
            try flush()
            try SystemCalls.poll(&interests, milliseconds: -1)
            do {
                if try socket.readBytes(upTo: 65536).isEmpty { return }
            } catch Errno.wouldBlock {
                continue
            } catch Errno.connectionReset {
                return
            }
        }
    }

    private func pass(_ input: FileDescriptor?) throws -> FileDescriptor? {
        guard let input else { return nil }
        let bytes = try input.readBytes(upTo: 65536)
        send(.input(session: 1, bytes))
        return bytes.isEmpty ? nil : input
    }

    /// Passes signals on; one that has to come twice ends the wait, whether the machine answers or not.
    private func passSignal(_ signals: FileDescriptor) throws {
        while let number = try SystemCalls.nextSignal(from: signals) {
            if number == SIGWINCH {
                send(.resize(session: 1, try FileDescriptor.standardInput.terminalSize()))
            } else if wasSignalled {
                throw InterruptedBySignal(number: number)
            } else {
                wasSignalled = true
                send(.signal(session: 1, number: number))
            }
        }
    }

    private func receiveMessages() throws -> [Message] {
        do {
            let bytes = try socket.readBytes(upTo: 1 << 18)
            if bytes.isEmpty { throw try machine.unavailable("run in") }
            decoder.append(bytes)
        } catch Errno.wouldBlock {
            return []
        } catch Errno.connectionReset {
            throw try machine.unavailable("run in")
        }
        var messages: [Message] = []
        while let message = try decoder.next() { messages.append(message) }
        return messages
    }

    private func receive(_ streams: Streams, _ command: GuestCommand) throws -> Int32? {
        for message in try receiveMessages() {
            switch message {
            case .output(_, let bytes): try streams.receive(.output, bytes)
            case .errorOutput(_, let bytes): try streams.receive(.error, bytes)
            case .kernelLog(let records): kernelLog.records += records.compactMap(KernelLogRecord.init)
            case .tainted(let bits): taint.formUnion(KernelTaint(rawValue: bits))
            case .exited(_, let status): return status
            case .failed(_, let errno): throw startFailure(command.arguments, Errno(rawValue: errno))
            case .stopped(let reason): throw OperationError("run in", "VM \(machine.name)", cause: reason)
            default: break
            }
        }
        return nil
    }

    private func send(_ message: Message) { outgoing.append(message.encoded()) }

    private func flush() throws {
        do {
            try outgoing.write(to: socket)
        } catch Errno.wouldBlock {
            return
        } catch Errno.brokenPipe {
            // What the supervisor said last is still to be read.
            outgoing.removeAll()
        }
    }
}

/// The user or the system has asked twice for an end.
public struct InterruptedBySignal: Error {
    public let number: Int32
}

extension GuestCommand {
    /// Refuses a command that no message holds.
    func requireRoom() throws(OperationError) {
        if size <= Message.maximumPayload { return }
        throw OperationError(
            "run",
            arguments.first ?? "",
            errno: Errno(rawValue: E2BIG),
            cause: "its arguments and environment are longer than \(Message.maximumPayload) bytes"
        )
    }
}

/// Why a command did not start in a machine.
func startFailure(_ arguments: [String], _ errno: Errno) -> OperationError {
    let hint = errno == .noSuchFileOrDirectory ? "the VM holds only what was packed into it" : nil
    return OperationError("start", "\(arguments.first ?? "") in the VM", errno: errno, hint: hint)
}

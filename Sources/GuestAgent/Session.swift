// SPDX-License-Identifier: MIT
import GuestProtocol
import Glibc
import LinuxSystem
import SystemPackage

/// One command that the host asked for: its process and what is still to be moved to and from it.
struct Session {
    let number: UInt16
    let processID: Int32
    private var input: FileDescriptor?
    private var output: FileDescriptor?
    private var errorOutput: FileDescriptor?
    /// Input that its pipe had no room for yet.
    private var pendingInput = ByteQueue()
    /// Its output stays in its pipes, because nobody takes it at the other end.
    var isHeld = false
    private var inputEnds = false
    /// A terminal is one descriptor for all three streams; its end of input is a key.
    private let isTerminal: Bool

    /// Control and D.
    private static let endOfInputKey: UInt8 = 4
    /// How much a read takes at once.
    private static let chunk = 65536
    /// How much undelivered input makes the agent stop reading from the host.
    static let inputLimit = 1 << 20

    init(number: UInt16, command: GuestCommand, environment: [String]) throws(Errno) {
        let environment = environment + command.environment
        let child =
            if let terminal = command.terminal {
                try ChildProcess.spawn(
                    arguments: command.arguments,
                    environment: environment,
                    terminal: terminal
                )
            } else {
                try ChildProcess.spawn(arguments: command.arguments, environment: environment)
            }
        self.number = number
        processID = child.processID
        isTerminal = command.terminal != nil
        input = child.input
        output = child.output
        errorOutput = isTerminal ? nil : child.errorOutput
        for descriptor in [child.input, child.output, child.errorOutput] {
            try SystemCalls.setNonBlocking(descriptor)
        }
    }

    /// Tells the command's terminal, where it has one, how much it shows now.
    func resize(_ size: TerminalSize) {
        // The kernel refuses it for pipes.
        _ = Result { () throws(Errno) in try output?.setTerminalSize(size) }
    }

    var pendingInputCount: Int { pendingInput.count }

    /// What to poll for: output unless it is held, input only while there is some to write.
    var interests: [pollfd] {
        let reads = (isHeld ? [] : [output, errorOutput]).compactMap { $0 }.map {
            pollfd(fd: $0.rawValue, events: Int16(POLLIN), revents: 0)
        }
        guard let input, !pendingInput.isEmpty else { return reads }
        return reads + [pollfd(fd: input.rawValue, events: Int16(POLLOUT), revents: 0)]
    }

    /// Takes input from the host; no bytes at all mean the end of it.
    mutating func accept(_ bytes: [UInt8]) {
        if bytes.isEmpty && isTerminal {
            pendingInput.append([Self.endOfInputKey])
        } else if bytes.isEmpty {
            inputEnds = true
        }
        pendingInput.append(bytes)
        writeInput()
    }

    /// Moves what can be moved without waiting, and hands the output on.
    ///
    /// - Parameter reads: how many of each stream at most, so that a command that writes without end does not keep the
    ///   agent from what the host says.
    mutating func move(atMost reads: Int = 4, _ send: (Message) -> Void) {
        let session = number
        writeInput()
        if isHeld { return }
        drain(\.output, reads, send) { .output(session: session, $0) }
        drain(\.errorOutput, reads, send) { .errorOutput(session: session, $0) }
    }

    /// Takes the last output and closes everything, after the process has ended.
    mutating func finish(status: Int32, _ send: (Message) -> Void) {
        isHeld = false
        move(atMost: .max, send)
        for stream in [\Session.input, \.output, \.errorOutput] { close(stream) }
        send(.exited(session: number, status: status))
    }

    private mutating func writeInput() {
        if let input {
            do {
                try pendingInput.write(to: input)
            } catch Errno.wouldBlock {
                return
            } catch {
                // EPIPE: the command has closed its input, so the rest has no reader.
                pendingInput.removeAll()
                close(\.input)
            }
        }
        if inputEnds { close(\.input) }
    }

    private mutating func drain(
        _ stream: WritableKeyPath<Session, FileDescriptor?>,
        _ reads: Int,
        _ send: (Message) -> Void,
        _ message: ([UInt8]) -> Message
    ) {
        var left = reads
        while left > 0, let descriptor = self[keyPath: stream] {
            left -= 1
            do {
                let bytes = try descriptor.readBytes(upTo: Self.chunk)
                if bytes.isEmpty { return close(stream) }
                send(message(bytes))
            } catch Errno.wouldBlock {
                return
            } catch {
                close(stream)
            }
        }
    }

    private mutating func close(_ stream: WritableKeyPath<Session, FileDescriptor?>) {
        guard let descriptor = self[keyPath: stream] else { return }
        self[keyPath: stream] = nil
        if isTerminal {
            if input == nil && output == nil { close(descriptor) }
        } else {
            close(descriptor)
        }
    }

    private func close(_ descriptor: FileDescriptor) { _ = Glibc.close(descriptor.rawValue) }
}

// SPDX-License-Identifier: MIT
import GuestProtocol
public import LinuxSystem
import Subprocess
import Synchronization
import SystemPackage

/// A running test VM, seen through its agent.
public final class Guest: Sendable {
    /// A command's standard streams, as they come.
    public enum Stream: Sendable { case output, error }

    private struct Session {
        var messages: AsyncStream<Message>.Continuation
        /// How many bytes of output it has not taken yet.
        var pending = 0
    }

    private struct State {
        var sessions: [UInt16: Session] = [:]
        var nextSession: UInt16 = 1
        var release: String?
        var log = KernelLog()
        var taint = KernelTaint(rawValue: 0)
        var bootRecordCount = 0
        var transcript: [UInt8] = []
        /// Set when the channel has ended: no message comes any more.
        var isGone = false
        var greeting: CheckedContinuation<Void, Never>?
        /// Waits until every session has taken most of its output.
        var room: CheckedContinuation<Void, Never>?

        /// Whether the channel has to wait for a session, so that a slow reader makes the machine wait.
        var isFull: Bool { sessions.values.contains { $0.pending > 1 << 20 } }
    }

    private let state: Mutex<State>
    private let writer: StandardInputWriter

    private let console: FilePath

    /// - Parameter log: what its kernel had logged when it was saved.
    init(writer: StandardInputWriter, console: FilePath, log: KernelLog) {
        state = Mutex(State(log: log))
        self.writer = writer
        self.console = console
    }

    /// Waits until the kernel has said its last word after a panic; it has to be started with `panic=0`, which leaves
    /// it there with its memory as it was.
    public func waitForPanic() async throws {
        while true {
            if try consoleText().contains("---[ end Kernel panic") { return }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// What the machine wrote to its console so far.
    public func consoleText() throws -> String { console.exists ? try console.readText() : "" }

    /// What `uname -r` prints in the guest, once the agent has said hello.
    public var release: String? { state.withLock { $0.release } }

    /// Why the guest's kernel is tainted, as of the last command's end.
    public var taint: KernelTaint { state.withLock { $0.taint } }

    /// The whole kernel log so far.
    public var kernelLog: KernelLog { state.withLock { $0.log } }

    /// The commands that were run and what they printed, both streams as they came.
    var transcript: [UInt8] { state.withLock { $0.transcript } }

    /// The kernel log since the machine was ready.
    public var kernelLogSinceBoot: KernelLog {
        state.withLock { KernelLog(Array($0.log.records.dropFirst($0.bootRecordCount))) }
    }

    /// Runs one command to its end.
    ///
    /// - Parameters:
    ///   - arguments: the program, looked up in the guest's `PATH`, and its arguments.
    ///   - environment: `NAME=value` strings that are added to the guest's own.
    ///   - terminal: the size of a terminal that it runs in; all its output is standard output then.
    ///   - input: what the command reads from its standard input, as it comes; nothing when `nil`.
    ///   - receive: takes the command's output as it comes.
    /// - Returns: its exit code, or 128 and the number of the signal that ended it.
    public func execute(
        _ arguments: [String],
        environment: [String] = [],
        terminal: TerminalSize? = nil,
        input: AsyncStream<[UInt8]>? = nil,
        receive: (Stream, [UInt8]) throws -> Void = { _, _ in }
    ) async throws -> Int32 {
        let command = GuestCommand(arguments: arguments, environment: environment, terminal: terminal)
        try command.requireRoom()
        let (number, messages) = try open(command: arguments)
        defer { close(number) }
        try await send(.run(session: number, command))
        let feeder = Task {
            for await bytes in input ?? AsyncStream(unfolding: { nil }) where !bytes.isEmpty {
                try await send(.input(session: number, bytes))
            }
            try await send(.input(session: number, []))
        }
        defer { feeder.cancel() }
        for await message in messages {
            switch message {
            case .output(_, let bytes):
                try receive(.output, bytes)
                took(bytes.count, number)
            case .errorOutput(_, let bytes):
                try receive(.error, bytes)
                took(bytes.count, number)
            case .exited(_, let status): return status
            case .failed(_, let errno): throw startFailure(arguments, Errno(rawValue: errno))
            default: break
            }
        }
        try Task.checkCancellation()
        throw OperationError(
            "run",
            "\(arguments.joined(separator: " ")) in the VM",
            cause: "the machine stopped before the command ended"
        )
    }

    /// Sends a signal to every command that is running.
    public func signalAll(_ number: Int32) async throws {
        for session in state.withLock({ Array($0.sessions.keys) }) {
            try await send(.signal(session: session, number: number))
        }
    }

    /// Tells the terminals of the commands that are running how much they show now.
    public func resizeAll(_ size: TerminalSize) async throws {
        for session in state.withLock({ Array($0.sessions.keys) }) {
            try await send(.resize(session: session, size))
        }
    }

    /// Has the guest mount a directory of the host.
    func mount(_ mount: GuestMount) async throws {
        let (number, messages) = try open(command: ["mount", mount.tag, mount.target])
        defer { close(number) }
        try await send(.mount(session: number, mount))
        for await message in messages {
            switch message {
            case .exited: return
            case .failed(_, let errno): throw mountFailure(mount, Errno(rawValue: errno))
            default: break
            }
        }
        throw OperationError("mount", "\(mount.target) in the VM", cause: "the machine stopped meanwhile")
    }

    /// Tells a guest that was saved that it runs again.
    func wake() async throws { try await send(.wake(GuestWake.now())) }

    private func open(command: [String]) throws -> (UInt16, AsyncStream<Message>) {
        let (messages, continuation) = AsyncStream.makeStream(of: Message.self)
        let number = try state.withLock { state throws(OperationError) in
            if state.isGone {
                throw OperationError("run", command.joined(separator: " "), cause: "the machine has stopped")
            }
            state.nextSession += 1
            state.sessions[state.nextSession] = Session(messages: continuation)
            state.transcript += Array("$ \(command.joined(separator: " "))\n".utf8)
            return state.nextSession
        }
        return (number, messages)
    }

    private func close(_ session: UInt16) {
        makeRoom { state in state.sessions[session] = nil }
    }

    /// A session has taken some of its output.
    private func took(_ count: Int, _ session: UInt16) {
        makeRoom { state in state.sessions[session]?.pending -= count }
    }

    private func makeRoom(_ change: (inout State) -> Void) {
        let room = state.withLock { state in
            change(&state)
            return state.isFull ? nil : state.room.take()
        }
        room?.resume()
    }

    private func waitForRoom() async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let isThere = state.withLock { state in
                if state.isFull { state.room = continuation }
                return !state.isFull
            }
            if isThere { continuation.resume() }
        }
    }

    func powerOff() async throws { try await send(.powerOff) }

    private func send(_ message: Message) async throws {
        do {
            _ = try await writer.write(message.encoded())
        } catch {
            throw OperationError("send to", "the VM", cause: "the machine has stopped")
        }
    }

    /// Waits until the agent has said hello or the machine has stopped.
    func waitUntilReady() async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let isDecided = state.withLock { state in
                if state.release != nil || state.isGone { return true }
                state.greeting = continuation
                return false
            }
            if isDecided { continuation.resume() }
        }
    }

    /// Ends the wait for a greeting that does not come.
    func giveUp() {
        state.withLock { $0.greeting.take() }?.resume()
    }

    /// Deals out what the agent sends until the channel ends.
    func receive(_ stream: SubprocessOutputSequence) async throws {
        defer { finish() }
        var decoder = MessageDecoder()
        for try await buffer in stream {
            decoder.append(buffer.bytes)
            while let message = try decoder.next() { deal(message) }
            await waitForRoom()
        }
    }

    private func deal(_ message: Message) {
        switch message {
        case .hello(let release):
            let greeting = state.withLock { state in
                state.release = release
                state.bootRecordCount = state.log.records.count
                return state.greeting.take()
            }
            greeting?.resume()
        case .kernelLog(let records):
            state.withLock { $0.log.records += records.compactMap(KernelLogRecord.init) }
        case .tainted(let bits): state.withLock { $0.taint = KernelTaint(rawValue: bits) }
        case .output(let session, let bytes), .errorOutput(let session, let bytes):
            state.withLock { state in
                // What follows a megabyte of output adds nothing to a post mortem.
                if state.transcript.count < 1 << 20 { state.transcript += bytes }
                state.sessions[session]?.pending += bytes.count
            }
            deal(message, to: session)
        case .exited(let session, _), .failed(let session, _):
            deal(message, to: session)
            state.withLock { $0.sessions[session] }?.messages.finish()
        case .run, .input, .signal, .hold, .resize, .mount, .wake, .powerOff, .stopped: break
        }
    }

    private func deal(_ message: Message, to session: UInt16) {
        state.withLock { $0.sessions[session] }?.messages.yield(message)
    }

    private func finish() {
        let (sessions, greeting) = state.withLock { state in
            state.isGone = true
            return (Array(state.sessions.values), state.greeting.take())
        }
        for session in sessions { session.messages.finish() }
        greeting?.resume()
    }
}

/// Why a directory of the host is not to be had in a guest.
func mountFailure(_ mount: GuestMount, _ errno: Errno) -> OperationError {
    OperationError("mount", "\(mount.target) in the VM", errno: errno)
}

extension GuestWake {
    /// The time, and random numbers of this host.
    static func now() throws -> GuestWake {
        GuestWake(time: try SystemCalls.clock(), seed: (0..<32).map { _ in UInt8.random(in: 0...255) })
    }
}

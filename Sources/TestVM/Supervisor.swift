// SPDX-License-Identifier: MIT
import Glibc
import GuestProtocol
import LinuxSystem
public import SystemPackage

/// The process that keeps a named machine: it starts the emulator, which dies with it, and passes messages between
/// the machine's agent and any number of clients.
public final class Supervisor {
    private let machine: NamedMachine
    private let emulator: ChildProcess
    private let listener: UnixSocket
    private let signals: FileDescriptor
    private let log: FileDescriptor
    private let sweeper: Sweeper
    private var clients: [SupervisedClient] = []
    private var agent = MessageDecoder()
    private var outgoing = ByteQueue()
    private var nextSession: UInt16 = 0
    private var emulatorWords: [UInt8] = []
    private var release: String?
    private var taint: UInt64 = 0
    /// Set once it is to stop: until when the guest may take for it.
    private var stopDeadline: UInt64?
    private var isGone = false
    /// A machine that goes on from a saved state has one.
    private let monitor: Monitor?

    /// How long a guest may take to switch itself off, in nanoseconds.
    private static let stopPatience: UInt64 = 10_000_000_000

    /// Starts the emulator with the command line that ``NamedMachine/prepare(_:)`` left.
    ///
    /// - Parameter lock: what that returned. It is held for as long as this process lives, and the emulator does not get it.
    public init(_ machine: NamedMachine, lock: FileDescriptor) throws {
        self.machine = machine
        if fcntl(lock.rawValue, F_SETFD, FD_CLOEXEC) != 0 {
            throw OperationError("start", "VM \(machine.name)", cause: "its lock was not handed over")
        }
        SystemCalls.ignore(SIGPIPE)
        signals = try SystemCalls.signalDescriptor(for: [SIGTERM, SIGINT, SIGCHLD])
        listener = try UnixSocket(listeningAt: machine.socket, permissions: .ownerReadWrite)
        try SystemCalls.setNonBlocking(listener.descriptor)
        log = try FileDescriptor.open(
            machine.kernelLog,
            .writeOnly,
            options: [.create, .append, .closeOnExec],
            permissions: [.ownerReadWrite, .groupRead, .otherRead]
        )
        sweeper = try Sweeper(machine.directory)
        let saved =
            machine.origin.exists ? SavedState(directory: FilePath(try machine.origin.readText())) : nil
        monitor = try saved?.monitor(at: SavedState.pipes(in: machine.directory))
        if let saved {
            try log.writeAll(saved.kernelLog.text.utf8)
            outgoing.append(Message.wake(try GuestWake.now()).encoded())
        }
        let words = try machine.command.readText().split(separator: "\0").map(String.init)
        emulator = try ChildProcess.spawn(
            arguments: words,
            environment: ["PATH=\(SystemCalls.environmentValue("PATH") ?? "/usr/bin:/bin")"]
        )
        for descriptor in [emulator.input, emulator.output, emulator.errorOutput] {
            try SystemCalls.setNonBlocking(descriptor)
        }
    }

    /// Passes messages until the machine is gone.
    ///
    /// Nothing is lost where a client's reader pauses, and no other client waits for it: the agent is told to leave the
    /// output of that client's command in its pipes, where the command waits, until most of what is here has gone.
    /// What is told to all, as of a kernel that logs without end, may still grow: a client for which too much
    /// waits (``SupervisedClient/isFull``) stops all that comes from the machine until it has taken most of it or goes.
    ///
    /// - Parameters:
    ///   - bootSeconds: how long it may take until the agent says hello.
    ///   - facts: what is written down about the machine once it is ready.
    ///   - starter: a pipe that is told so in a line; where nobody reads it any more, the machine is given up.
    /// - Throws: `OperationError` where the machine did not boot, or stopped by itself later.
    public func run(bootSeconds: Int, facts: [String: String], starter: FileDescriptor) throws {
        let deadline = MonotonicClock.nanoseconds + UInt64(bootSeconds) * 1_000_000_000
        while !isGone {
            let wasReady = release != nil
            try waitForEvents(milliseconds: wasReady && stopDeadline == nil ? -1 : 200)
            if !clients.contains(where: \.isFull) { try receiveFromAgent() }
            readEmulatorWords()
            try handleSignals()
            try acceptClients()
            for client in clients { try serve(client) }
            flushToAgent()
            clients.removeAll { $0.isClosed }
            if release != nil && !wasReady {
                try writeFacts(facts)
                try starter.writeAll("ready\n".utf8)
            }
            if release == nil && MonotonicClock.nanoseconds > deadline {
                try finish("it did not boot within \(bootSeconds) s")
            }
            if release == nil, try !isAwaited(starter) {
                stopDeadline = 0
                try finish(nil)
            }
            if let stopDeadline, !isGone, MonotonicClock.nanoseconds > stopDeadline { try finish(nil) }
        }
    }

    /// Whether somebody still holds the other end of a pipe.
    private func isAwaited(_ pipe: FileDescriptor) throws -> Bool {
        var interest = [pollfd(fd: pipe.rawValue, events: 0, revents: 0)]
        try SystemCalls.poll(&interest, milliseconds: 0)
        return interest[0].revents & Int16(POLLERR) == 0
    }

    private func waitForEvents(milliseconds: CInt) throws {
        let outputs = clients.contains(where: \.isFull) ? [] : [emulator.output, emulator.errorOutput]
        var interests = ([listener.descriptor, signals] + outputs).map {
            pollfd(fd: $0.rawValue, events: Int16(POLLIN), revents: 0)
        }
        if !outgoing.isEmpty {
            interests.append(pollfd(fd: emulator.input.rawValue, events: Int16(POLLOUT), revents: 0))
        }
        interests += clients.map { client in
            let isThrottled = outgoing.count > 1 << 20
            let events = (isThrottled ? 0 : POLLIN) | (client.outgoing.isEmpty ? 0 : POLLOUT)
            return pollfd(fd: client.descriptor.rawValue, events: Int16(events), revents: 0)
        }
        try SystemCalls.poll(&interests, milliseconds: milliseconds)
    }

    /// Takes what one read gives: then it is the clients' turn.
    private func receiveFromAgent() throws {
        do {
            let bytes = try emulator.output.readBytes(upTo: 1 << 18)
            if bytes.isEmpty { return try finish(nil) }
            agent.append(bytes)
        } catch Errno.wouldBlock {
            return
        }
        while let message = try agent.next() { try deal(message) }
    }

    private func deal(_ message: Message) throws {
        switch message {
        case .hello(let release): self.release = release
        case .kernelLog(let records):
            try log.writeAll(KernelLog(records.compactMap(KernelLogRecord.init)).text.utf8)
            for client in clients where client.session != nil { client.send(message) }
        case .tainted(let bits):
            let new = bits & ~taint
            taint = bits
            for client in clients where client.session != nil { client.send(.tainted(new)) }
        default:
            guard let client = clients.first(where: { $0.session == message.session }) else { return }
            client.send(message.renumbered(1))
            switch message {
            case .exited, .failed: client.session = nil
            default: break
            }
        }
    }

    private func readEmulatorWords() {
        // EAGAIN where there are none.
        _ = Result { emulatorWords += try emulator.errorOutput.readBytes(upTo: 4096).prefix(1 << 16) }
    }

    private func handleSignals() throws {
        while let number = try SystemCalls.nextSignal(from: signals) {
            if number == SIGCHLD { _ = SystemCalls.reap() } else { stop() }
        }
    }

    private func stop() {
        if stopDeadline == nil { stopDeadline = MonotonicClock.nanoseconds + Self.stopPatience }
        send(.powerOff)
    }

    private func acceptClients() throws {
        do {
            while true { clients.append(SupervisedClient(try listener.accept())) }
        } catch Errno.wouldBlock {
            // All that came are in.
        }
    }

    private func serve(_ client: SupervisedClient) throws {
        for message in client.receive() {
            switch message {
            case .run where client.session == nil, .mount where client.session == nil:
                let session = newSession()
                client.session = session
                send(message.renumbered(session))
            case .input, .signal, .resize:
                if let session = client.session { send(message.renumbered(session)) }
            case .powerOff: stop()
            default: client.close()
            }
        }
        client.flush()
        guard let session = client.session else { return }
        if client.isClosed {
            // Nobody is left to see what the command does.
            send(.signal(session: session, number: SIGHUP))
            send(.signal(session: session, number: SIGKILL))
        } else if let isHeld = client.changesHold() {
            send(.hold(session: session, isOn: isHeld))
        }
    }

    private func send(_ message: Message) { outgoing.append(message.encoded()) }

    private func newSession() -> UInt16 {
        repeat { nextSession &+= 1 } while nextSession == 0 || clients.contains { $0.session == nextSession }
        return nextSession
    }

    private func flushToAgent() {
        // EAGAIN; or EPIPE, and the end of the output tells that the machine is gone.
        _ = Result { try outgoing.write(to: emulator.input) }
    }

    private func writeFacts(_ facts: [String: String]) throws {
        let all = facts.merging(["kernel": release ?? "", "supervisor": "\(SystemCalls.processID)"]) { $1 }
        let unfinished = FilePath("\(machine.facts).new")
        try unfinished.write(all.map { "\($0)=\($1)\n" }.sorted().joined().utf8)
        try unfinished.rename(to: machine.facts)
    }

    /// The machine is gone, or has to go; what it left is kept unless somebody asked it to stop.
    private func finish(_ cause: String?) throws {
        isGone = true
        // Already dead where its output ended.
        _ = Result { () throws(Errno) in try SystemCalls.send(SIGKILL, to: emulator.processID) }
        readEmulatorWords()
        sweeper.dismiss()
        if stopDeadline != nil {
            try machine.directory.removeTree()
            return
        }
        let reason = try cause ?? lastWords()
        try machine.reason.write(reason.utf8)
        for client in clients {
            client.send(.stopped(reason: reason))
            client.flush()
        }
        throw OperationError(
            release == nil ? "boot" : "run",
            "VM \(machine.name)",
            cause: reason,
            hint: "its logs are in \(machine.directory)"
        )
    }

    private func lastWords() throws -> String {
        let lines =
            machine.console.exists ? try machine.console.readText().split(whereSeparator: \.isNewline) : []
        if let panic = lines.first(where: { $0.contains("Kernel panic") }) {
            return "the kernel panicked: \(panic)"
        }
        let words = String(decoding: emulatorWords, as: UTF8.self).split(separator: "\n").first
        return words.map { "QEMU says: \($0)" } ?? lines.last.map { "its console ended with: \($0)" }
            ?? "it stopped without a word"
    }
}

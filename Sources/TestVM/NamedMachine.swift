// SPDX-License-Identifier: MIT
public import LinuxSystem
public import SystemPackage

/// A test VM that stays up under a name, as its directory shows it.
///
/// The directory holds a lock that its supervisor keeps for as long as it lives, the socket, and the logs.
public struct NamedMachine: Sendable {
    public let name: String
    public let directory: FilePath

    /// What has become of it.
    public enum State: Equatable, Sendable {
        case running
        /// Its supervisor is there, but does not take connections yet.
        case booting
        /// It stopped by itself; why, in words.
        case stopped(String)
        /// Its supervisor was killed.
        case dead

        public var word: String {
            switch self {
            case .running: "running"
            case .booting: "booting"
            case .stopped: "stopped"
            case .dead: "dead"
            }
        }
    }

    /// Where the machines of this user are: under `$XDG_RUNTIME_DIR`, `/run` for root, or the directory for temporary files.
    public static var stateDirectory: FilePath {
        if let runtime = SystemCalls.environmentValue("XDG_RUNTIME_DIR"), FilePath(runtime).isDirectory {
            return FilePath(runtime).appending("ringside/vm")
        }
        if SystemCalls.userID == 0 && FilePath("/run").isDirectory { return "/run/ringside/vm" }
        let temporary = SystemCalls.environmentValue("TMPDIR") ?? "/tmp"
        return FilePath(temporary).appending("ringside-\(SystemCalls.userID)").appending("vm")
    }

    /// - Parameter name: letters, digits, `-`, `_` and `.`, at most 32, the first one a letter or digit.
    public init?(_ name: String, in state: FilePath = stateDirectory) {
        let isPlain = name.utf8.allSatisfy { byte in
            UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
                || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || "-_.".utf8.contains(byte)
        }
        guard isPlain, (1...32).contains(name.count), !name.hasPrefix("-"), !name.hasPrefix(".") else {
            return nil
        }
        self.name = name
        directory = state.appending(name)
    }

    /// Every machine that has a directory, sorted by name; those whose supervisor was killed are swept away.
    public static func all(in state: FilePath = stateDirectory) throws -> [NamedMachine] {
        if !state.exists { return [] }
        return try state.entryNames().compactMap { name in
            guard let machine = NamedMachine(name, in: state) else { return nil }
            return try machine.sweepWhereDead() ? nil : machine
        }
    }

    var socket: FilePath { directory.appending("socket") }
    var command: FilePath { directory.appending("command") }
    var reason: FilePath { directory.appending("stopped") }
    var facts: FilePath { directory.appending("facts") }
    /// Names the state that it goes on from, where it does.
    var origin: FilePath { directory.appending("origin") }
    var console: FilePath { directory.appending("console.log") }
    /// All that its kernel has said.
    public var kernelLog: FilePath { directory.appending("kernel.log") }
    private var lock: FilePath { directory.appending("lock") }

    public func state() throws -> State {
        if reason.exists { return .stopped(try reason.readText()) }
        let lock: FileDescriptor
        do {
            lock = try FileDescriptor.open(self.lock, .readWrite, options: .closeOnExec)
        } catch Errno.noSuchFileOrDirectory {
            // Whoever made it took the lock as well, unless it was killed before.
            return .dead
        }
        let isDead = try lock.closeAfter { try SystemCalls.tryLock(lock) }
        return isDead ? .dead : facts.exists ? .running : .booting
    }

    /// Makes its directory, with what its supervisor needs to start the emulator.
    ///
    /// - Returns: its lock, taken, for the supervisor to inherit; whoever holds it is the machine's keeper.
    /// - Throws: `OperationError` where a machine of that name runs or boots; nothing is left then.
    public func prepare(_ machine: Machine) throws -> FileDescriptor {
        do {
            try directory.removingLastComponent().makeDirectories()
            return try alone {
                if directory.exists { try makeWay() }
                try directory.makeDirectory(mode: 0o700)
                do {
                    let lock = try takeNewLock()
                    try fill(machine)
                    return lock
                } catch {
                    try directory.removeTree()
                    throw error
                }
            }
        } catch let error as Errno {
            throw OperationError("make", directory.string, errno: error)
        }
    }

    private func makeWay() throws {
        switch try state() {
        case .dead, .stopped: try removeDirectory()
        case .running, .booting:
            throw OperationError(
                "start",
                "VM \(name)",
                errno: .fileExists,
                cause: "a machine of that name is \(try state().word)",
                hint: "stop it first: ringside vm stop \(name)"
            )
        }
    }

    private func fill(_ machine: Machine) throws {
        var words = ["setpriv", "--pdeathsig", "KILL", "--"] + machine.commandLine
        if let saved = machine.saved {
            words += saved.arguments(memory: machine.memory, monitor: SavedState.pipes(in: directory))
            try origin.write(saved.directory.string.utf8)
        }
        words += ["-chardev", "file,id=console,path=\(console.escaped)"]
        try command.write(words.joined(separator: "\0").utf8)
    }

    /// Calls `body` while nobody else makes machines' directories or sweeps them away: one is never seen without its
    /// lock but where its maker was killed.
    private func alone<Value>(_ body: () throws -> Value) throws -> Value {
        let state = try FileDescriptor.open(
            directory.removingLastComponent(),
            .readOnly,
            options: [.directory, .closeOnExec]
        )
        return try state.closeAfter {
            try waitForLock(of: state)
            return try body()
        }
    }

    /// - Returns: whether its keeper is dead; nothing of it is left then.
    private func sweepWhereDead() throws -> Bool {
        guard try state() == .dead else { return false }
        return try alone {
            guard try state() == .dead else { return false }
            try removeDirectory()
            return true
        }
    }

    private func removeDirectory() throws(Errno) {
        do {
            try directory.removeTree()
        } catch .noSuchFileOrDirectory {
            // Its sweeper is at it as well.
        }
    }

    /// Removes what a machine that is not running has left.
    ///
    /// - Throws: `OperationError` where it has left nothing.
    public func sweep() throws {
        guard directory.exists else { throw try unavailable("stop") }
        try removeDirectory()
    }

    /// The lock of a directory that this process has just made; programs that it starts inherit it.
    private func takeNewLock() throws -> FileDescriptor {
        let file = try FileDescriptor.open(
            lock,
            .readWrite,
            options: [.create, .exclusiveCreate],
            permissions: .ownerReadWrite
        )
        // Who looks whether it is taken has it for a moment.
        try waitForLock(of: file)
        return file
    }

    private func waitForLock(of file: FileDescriptor) throws(Errno) {
        while try !SystemCalls.tryLock(file) { SystemCalls.sleep(microseconds: 1000) }
    }

    /// What its supervisor wrote down when it was ready: `kernel`, `acceleration`, `supervisor`, `started`.
    public func readFacts() throws -> [String: String] {
        if !facts.exists { return [:] }
        return try facts.readText().split(separator: "\n").reduce(into: [:]) { facts, line in
            let parts = line.split(separator: "=", maxSplits: 1)
            if parts.count == 2 { facts[String(parts[0])] = String(parts[1]) }
        }
    }

    /// The error for a machine that takes no commands.
    ///
    /// - Parameter said: what its supervisor said at its end, for one that has not even got so far as to write it down.
    public func unavailable(_ operation: String, said: String = "") throws -> OperationError {
        switch directory.exists ? try state() : .dead {
        case .stopped(let reason):
            OperationError(
                operation,
                "VM \(name)",
                cause: reason,
                hint: "its logs are in \(directory); remove it with: ringside vm stop \(name)"
            )
        case .booting:
            OperationError(operation, "VM \(name)", cause: "it is still booting")
        case .running:
            OperationError(
                operation,
                "VM \(name)",
                cause: "it is running, but there is no connection to its supervisor"
            )
        case .dead where !said.isEmpty:
            OperationError(
                operation,
                "VM \(name)",
                cause: "its supervisor ended: \(said.prefix { !$0.isNewline })"
            )
        case .dead:
            OperationError(
                operation,
                "VM \(name)",
                errno: .noSuchFileOrDirectory,
                cause: "no such machine is running",
                hint: "see: ringside vm list; start one with: ringside vm start \(name)"
            )
        }
    }
}

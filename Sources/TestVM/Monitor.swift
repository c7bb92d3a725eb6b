// SPDX-License-Identifier: MIT
import Glibc
public import LinuxSystem
import Synchronization
public import SystemPackage

/// The emulator's own side of a machine, reached through QMP over two named pipes.
///
/// A machine with a monitor stays in memory when its guest ends, so that it can be looked at, until `quit`.
public final class Monitor: Sendable {
    private let requests: OwnedDescriptor
    private let replies: OwnedDescriptor
    /// Whether QEMU has left the mode in which it takes no other command.
    private let isReady = Atomic(false)

    /// The chardev and the policy that go with a monitor at `path`.
    static func arguments(at path: FilePath) -> [String] {
        channel(at: path) + ["-action", "shutdown=pause,panic=none"]
    }

    /// The chardev alone.
    static func channel(at path: FilePath) -> [String] {
        ["-chardev", "pipe,id=monitor,path=\(path.escaped)", "-qmp", "chardev:monitor"]
    }

    /// Makes the pipes, before the machine starts.
    public init(at path: FilePath) throws(OperationError) {
        do throws(Errno) {
            requests = try Self.pipe(FilePath("\(path).in"))
            replies = try Self.pipe(FilePath("\(path).out"))
            try SystemCalls.setNonBlocking(replies.descriptor)
        } catch {
            throw OperationError("make monitor", path.string, errno: error)
        }
    }

    /// Opened for both directions, so that neither side waits for the other.
    private static func pipe(_ path: FilePath) throws(Errno) -> OwnedDescriptor {
        // One that an earlier machine left may hold what was said to it.
        if path.exists { try path.removeFile() }
        // The path is a C string for as long as the call.
        if unsafe mkfifo(path.string, 0o600) != 0 { throw Errno(rawValue: errno) }
        return try OwnedDescriptor(opening: path, .readWrite)
    }

    /// Stops the guest's processors where they are. Its memory stays as it is from then on; after a reset it would
    /// not, because the firmware loads the initramfs anew.
    public func stop() async throws {
        try await negotiate()
        _ = try await execute(#"{"execute": "stop"}"#)
    }

    /// Writes all of the guest's memory as an ELF core; the QMP command is `dump-guest-memory`.
    public func dumpMemory(to path: FilePath) async throws {
        _ = try await execute(
            #"{"execute": "dump-guest-memory", "arguments": {"paging": false, "protocol": \#(json("file:\(path)"))}}"#
        )
    }

    /// Writes the state of all devices to a file; memory is not in it, because it is a file itself.
    func saveDevices(to path: FilePath) async throws {
        try await negotiate()
        _ = try await execute(Self.memoryStays)
        _ = try await execute(
            #"{"execute": "migrate", "arguments": {"uri": \#(json("exec:cat >\(quoted(path))"))}}"#
        )
        while true {
            let status = try await execute(#"{"execute": "query-migrate"}"#)
            if status.contains(#""status": "completed""#) { return }
            if status.contains(#""status": "failed""#) {
                throw OperationError("save the state of", "the VM", cause: status)
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Asks, before the emulator runs, for the state that ``saveDevices(to:)`` wrote; the machine goes on by itself.
    func restoreDevices(from path: FilePath) throws {
        isReady.store(true, ordering: .relaxed)
        for command in [
            #"{"execute": "qmp_capabilities"}"#, Self.memoryStays,
            #"{"execute": "migrate-incoming", "arguments": {"uri": \#(json("exec:cat \(quoted(path))"))}}"#,
        ] {
            _ = try requests.descriptor.writeAll((command + "\n").utf8)
        }
    }

    private static let memoryStays =
        #"{"execute": "migrate-set-capabilities", "arguments": "#
        + #"{"capabilities": [{"capability": "x-ignore-shared", "state": true}]}}"#

    /// Ends the machine.
    public func quit() async throws {
        try await negotiate()
        _ = try await execute(#"{"execute": "quit"}"#)
    }

    private func negotiate() async throws {
        if isReady.exchange(true, ordering: .relaxed) { return }
        _ = try await execute(#"{"execute": "qmp_capabilities"}"#)
    }

    /// Sends one command and waits for what it returns; events in between are passed over.
    private func execute(_ command: String) async throws -> String {
        _ = try requests.descriptor.writeAll((command + "\n").utf8)
        while true {
            let line = try await readLine()
            if line.contains(#""return":"#) { return line }
            if line.contains(#""error":"#) { throw OperationError("ask QEMU to", command, cause: line) }
        }
    }

    private func readLine() async throws -> String {
        var line: [UInt8] = []
        while true {
            do {
                // Byte by byte: what follows belongs to the next line.
                let byte = try replies.descriptor.readBytes(upTo: 1)
                if byte.first == UInt8(ascii: "\n") { return String(decoding: line, as: UTF8.self) }
                line += byte
            } catch Errno.wouldBlock {
                try await Task.sleep(for: .milliseconds(10))
            }
        }
    }
}

private func json(_ text: String) -> String {
    "\"\(text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
}

/// One word of the shell.
private func quoted(_ path: FilePath) -> String { "'\(path.string.replacing("'", with: "'\\''"))'" }

// SPDX-License-Identifier: MIT
import Glibc
public import LinuxSystem
public import SystemPackage

/// The emulator's own side of a machine, reached through QMP over two named pipes.
///
/// A machine with a monitor stays in memory when its guest ends, so that it can be looked at, until `quit`.
public final class Monitor: Sendable {
    private let requests: OwnedDescriptor
    private let replies: OwnedDescriptor

    /// The chardev and the policy that go with a monitor at `path`.
    static func arguments(at path: FilePath) -> [String] {
        ["-chardev", "pipe,id=monitor,path=\(path)", "-qmp", "chardev:monitor", "-action", "shutdown=pause"]
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
        // The path is a C string for as long as the call.
        if unsafe mkfifo(path.string, 0o600) != 0 { throw Errno(rawValue: errno) }
        return try OwnedDescriptor(opening: path, .readWrite)
    }

    /// Stops the guest's processors where they are. Its memory stays as it is from then on; after a reset it would
    /// not, because the firmware loads the initramfs anew.
    public func stop() async throws {
        _ = try await execute(#"{"execute": "qmp_capabilities"}"#)
        _ = try await execute(#"{"execute": "stop"}"#)
    }

    /// Writes all of the guest's memory as an ELF core; the QMP command is `dump-guest-memory`.
    public func dumpMemory(to path: FilePath) async throws {
        _ = try await execute(
            #"{"execute": "dump-guest-memory", "arguments": {"paging": false, "protocol": "file:\#(path)"}}"#
        )
    }

    /// Ends the machine.
    public func quit() async throws { _ = try await execute(#"{"execute": "quit"}"#) }

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

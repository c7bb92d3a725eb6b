// SPDX-License-Identifier: MIT
import Glibc
import GuestProtocol
import LinuxSystem
import SystemPackage

/// The agent's end of the virtio-serial port.
final class Port {
    let descriptor: FileDescriptor
    private var decoder = MessageDecoder()
    /// Set once the host is gone: nothing can be sent any more.
    private var isClosed = false

    /// Opens the port as soon as its driver has made it and the host is on its other end.
    ///
    /// The device node appears a moment before it can be opened (`ENXIO`), and until the host's end is known to be
    /// open the port reads as at end of file and polls as hung up.
    init(waitingFor path: FilePath, milliseconds: Int) throws {
        for _ in 0..<milliseconds {
            do {
                let port = try FileDescriptor.open(path, .readWrite, options: [.closeOnExec, .nonBlocking])
                if try Self.hasHost(port) {
                    descriptor = port
                    return
                }
                try port.close()
            } catch Errno.noSuchFileOrDirectory, Errno.noSuchAddressOrDevice {
                // Not there yet.
            }
            usleep(1000)
        }
        throw OperationError("open", path.string, errno: .timedOut, cause: "no host on a virtio-serial port")
    }

    private static func hasHost(_ port: FileDescriptor) throws -> Bool {
        var interest = [pollfd(fd: port.rawValue, events: 0, revents: 0)]
        try SystemCalls.poll(&interest, milliseconds: 0)
        return interest[0].revents & Int16(POLLHUP) == 0
    }

    /// Sends one message, waiting while the host has no room.
    func send(_ message: Message) {
        var rest = message.encoded()[...]
        while !rest.isEmpty && !isClosed {
            do {
                let written = try descriptor.writeSome(rest)
                rest = rest.dropFirst(written)
            } catch Errno.wouldBlock {
                var interest = [pollfd(fd: descriptor.rawValue, events: Int16(POLLOUT), revents: 0)]
                do {
                    try SystemCalls.poll(&interest, milliseconds: -1)
                } catch {
                    isClosed = true
                }
            } catch {
                isClosed = true
            }
        }
    }

    /// Hands out every message that has arrived.
    ///
    /// - Returns: false when the host is gone.
    func receive(_ handle: (Message) throws -> Void) throws -> Bool {
        while !isClosed {
            do {
                let bytes = try descriptor.readBytes(upTo: 65536)
                // The driver reads as at end of file while the host has the port closed.
                if bytes.isEmpty { return false }
                decoder.append(bytes)
            } catch Errno.wouldBlock {
                return true
            }
            while let message = try decoder.next() { try handle(message) }
        }
        return false
    }
}

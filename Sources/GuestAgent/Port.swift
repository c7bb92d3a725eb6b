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

    /// Opens the port as soon as the driver has made its device node.
    init(waitingFor path: FilePath, milliseconds: Int) throws {
        var waited = 0
        while !path.exists {
            guard waited < milliseconds else {
                throw OperationError(
                    "open",
                    path.string,
                    errno: .noSuchFileOrDirectory,
                    cause: "no virtio-serial port"
                )
            }
            usleep(1000)
            waited += 1
        }
        descriptor = try FileDescriptor.open(path, .readWrite, options: [.closeOnExec, .nonBlocking])
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
                isClosed = (try? SystemCalls.poll(&interest, milliseconds: -1)) == nil
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

// SPDX-License-Identifier: MIT
import Glibc
import GuestProtocol
import LinuxSystem
import SystemPackage

/// One connection to a supervisor.
final class SupervisedClient {
    private let socket: UnixSocket
    /// The number that its command has for the agent; nil while none runs.
    var session: UInt16? { didSet { isHeld = false } }
    private(set) var outgoing = ByteQueue()
    private(set) var isClosed = false
    private var decoder = MessageDecoder()

    /// Whether the agent holds back its command's output.
    private var isHeld = false

    /// How much may wait for a client before its command's output is held back, in bytes.
    private static let mark = 1 << 20
    /// How much may wait for a client at all, in bytes: what is on the way meanwhile is far less.
    private static let limit = 16 << 20

    init(_ socket: UnixSocket) { self.socket = socket }

    var descriptor: FileDescriptor { socket.descriptor }

    /// Every whole message that has arrived.
    func receive() -> [Message] {
        var messages: [Message] = []
        do {
            while !isClosed {
                let bytes = try descriptor.readBytes(upTo: 65536)
                if bytes.isEmpty { close() }
                decoder.append(bytes)
                while let message = try decoder.next() { messages.append(message) }
            }
        } catch Errno.wouldBlock {
            // All that has arrived is read.
        } catch {
            close()
        }
        return messages
    }

    func send(_ message: Message) { outgoing.append(message.encoded()) }

    var isFull: Bool { !isClosed && outgoing.count > Self.limit }

    /// Whether the agent is to hold back output from now on, or no longer; nil where nothing changes.
    func changesHold() -> Bool? {
        guard isHeld ? outgoing.count < Self.mark / 4 : outgoing.count > Self.mark else { return nil }
        isHeld.toggle()
        return isHeld
    }

    func flush() {
        do {
            try outgoing.write(to: descriptor)
        } catch Errno.wouldBlock {
            return
        } catch {
            close()
        }
    }

    /// The supervisor lets go of it, which closes it.
    func close() { isClosed = true }
}

// SPDX-License-Identifier: MIT
import LinuxSystem
import SCSITarget
import Synchronization
import SystemPackage
import Testing
import VhostSCSI
import VhostUserSCSI

/// A server on a thread of its own, at a socket in a temporary directory.
final class RunningServer {
    let socket: FilePath
    /// Where it takes requests of `ControlRequest`.
    let control: FilePath
    let units = UnitMap()
    private let directory: FilePath
    private let stop: PassedDescriptor
    private let thread: WorkerThread
    private let notes: Notes

    /// Serves logical units given as on the command line.
    init(_ specifications: [String], spin: Duration = .microseconds(50)) throws {
        directory = try FilePath.makeTemporaryDirectory(prefix: "serve")
        socket = directory.appending("s")
        control = directory.appending("c")
        for specification in specifications {
            let parsed = try UnitSpecification(specification)
            let (unit, store) = try parsed.open(for: socket)
            units.attach(unit, store: store, target: parsed.target, lun: parsed.lun)
        }
        let notes = Notes()
        self.notes = notes
        let server = Box(
            try TargetServer(
                units,
                at: socket,
                control: control,
                permissions: .ownerReadWrite,
                spin: spin
            ) { notes.add($0) }
        )
        let event = try EventFD()
        let stop = PassedDescriptor(try OwnedDescriptor(duplicating: event.number))
        self.stop = stop
        thread = try WorkerThread(name: "server") {
            do {
                try server.value.run(until: stop.owner.descriptor)
            } catch {
                notes.add("\(error)")
            }
        }
    }

    /// What the server had to say so far.
    var said: [String] { notes.all }

    /// Waits until it says something, but not for ever.
    func says(_ text: String) -> Bool {
        for _ in 0..<5000 where !said.contains(where: { $0.contains(text) }) {
            SystemCalls.sleep(microseconds: 1000)
        }
        return said.contains { $0.contains(text) }
    }

    /// How many commands of its front-end the units have carried out, and not its queues.
    func handed() throws -> Int {
        let counters = try ControlRequest.counters.send(to: control)
        let word = counters.split(separator: "(").last?.split(separator: " ").first
        return try #require(word.flatMap { Int($0) }, "\(counters)")
    }

    /// Ends the server, and removes what it leaves.
    func end() throws {
        EventFD.signal(stop.number)
        thread.join()
        try directory.removeTree()
    }

    /// Serves units to an initiator over a socket, to the end of `body`.
    static func withInitiator(
        _ specifications: [String],
        target: UInt8 = 0,
        depth: Int = 1,
        spin: Duration = .microseconds(50),
        protection: Bool = false,
        _ body: (SCSIInitiator) throws -> Void
    ) throws {
        let server = try RunningServer(specifications, spin: spin)
        let transport = try SocketTransport(
            server.socket,
            wanted: protection ? .wanted.union(.t10PI) : .wanted
        )
        let initiator = try SCSIInitiator(transport, target: target, depth: depth)
        do {
            try body(initiator)
        } catch {
            Issue.record("\(error); the server said \(server.said)")
        }
        try initiator.detach()
        try server.end()
    }
}

private final class Notes: Sendable {
    private let lines = Mutex<[String]>([])

    func add(_ line: String) { lines.withLock { $0.append(line) } }
    var all: [String] { lines.withLock { $0 } }
}

/// Hands the server over to its thread; nobody else uses it.
private final class Box: @unchecked Sendable {
    let value: TargetServer

    init(_ value: TargetServer) { self.value = value }
}

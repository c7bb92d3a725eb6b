// SPDX-License-Identifier: MIT
import LinuxSystem
import SCSITarget
import Synchronization
import SystemPackage
import VhostUserSCSI

/// A server on a thread of its own, at a socket in a temporary directory.
final class RunningServer {
    let socket: FilePath
    let units = UnitMap()
    private let directory: FilePath
    private let stop: PassedDescriptor
    private let thread: WorkerThread
    private let notes: Notes

    /// Serves logical units given as on the command line.
    init(_ specifications: [String], spin: Duration = .microseconds(50)) throws {
        directory = try FilePath.makeTemporaryDirectory(prefix: "serve")
        socket = directory.appending("s")
        for specification in specifications {
            let parsed = try UnitSpecification(specification)
            let (unit, store) = try parsed.open()
            units.attach(unit, store: store, target: parsed.target, lun: parsed.lun)
        }
        let notes = Notes()
        self.notes = notes
        let server = Box(
            try TargetServer(units, at: socket, permissions: .ownerReadWrite, spin: spin) { notes.add($0) }
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

    /// Ends the server, and removes what it leaves.
    func end() throws {
        EventFD.signal(stop.number)
        thread.join()
        try directory.removeTree()
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

// SPDX-License-Identifier: MIT
import Conformance
import LinuxSystem
import SystemPackage
import VhostUserSCSI

/// The user-space target on a thread of its own, with a RAM disk of 8 MiB, and one of 1 MiB that has protection
/// information.
final class ServedTarget {
    let directory: FilePath
    let socket: FilePath
    let control: FilePath
    private let stop: PassedDescriptor
    private let thread: WorkerThread

    var device: SocketDevice { device(at: socket) }

    /// The device behind a proxy's socket.
    func device(at path: FilePath) -> SocketDevice {
        let device = SocketDevice(path, target: 0, control: control)
        // The program is built beside the tests.
        let program = FilePath(CommandLine.arguments[0]).removingLastComponent().appending("ringside")
        device.holder = [program.string, "vhost", "conform", "--hold", "--socket", path.string]
        return device
    }

    init() throws {
        directory = try FilePath.makeTemporaryDirectory(prefix: "conform")
        socket = directory.appending("s")
        control = directory.appending("c")
        let units = UnitMap()
        for (lun, text) in ["0=ramdisk:8M", "1=ramdisk:1M,pi=1"].enumerated() {
            let (unit, store) = try UnitSpecification(text).open(for: socket)
            units.attach(unit, store: store, target: 0, lun: UInt16(lun))
        }
        let server = Handed(
            try TargetServer(
                units,
                at: socket,
                control: control,
                permissions: .ownerReadWrite,
                spin: .microseconds(50)
            ) { _ in }
        )
        let event = try EventFD()
        stop = PassedDescriptor(try OwnedDescriptor(duplicating: event.number))
        let end = stop
        thread = try WorkerThread(name: "server") {
            do { try server.value.run(until: end.owner.descriptor) } catch { fatalError("\(error)") }
        }
    }

    /// Ends the server, and removes what it leaves.
    func end() throws {
        EventFD.signal(stop.number)
        thread.join()
        try directory.removeTree()
    }
}

/// Hands the server over to its thread; nobody else uses it.
private final class Handed: @unchecked Sendable {
    let value: TargetServer

    init(_ value: TargetServer) { self.value = value }
}

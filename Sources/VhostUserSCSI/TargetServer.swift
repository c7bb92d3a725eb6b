// SPDX-License-Identifier: MIT
import Glibc
public import LinuxSystem
import SCSITarget
import Synchronization
public import SystemPackage
import VhostUser

/// Serves logical units to the front-end that connects to a socket, one at a time.
public final class TargetServer {
    /// The units; they may come and go while the server runs.
    public let units: UnitMap
    private let path: FilePath
    /// Whoever is connected.
    private let nexus: Nexus
    private let listener: UnixSocket
    private let control: (path: FilePath, listener: UnixSocket)?
    private let spin: Duration
    private let note: @Sendable (String) -> Void
    private var session: (socket: UnixSocket, back: BackendSession, device: SCSIHostDevice)?
    private var connections = 0
    /// How often rings without a kick are looked at, in milliseconds.
    private static let pollPeriod: CInt = 1
    private var openings: [UnitOpening] = []
    /// Signalled when one of the openings has ended.
    private let opened: PassedDescriptor

    /// Begins to listen.
    ///
    /// - Parameters:
    ///   - control: where to take requests of `ControlRequest`, from this user alone; nil for nowhere.
    ///   - permissions: of the socket; who may not write to it cannot connect.
    ///   - spin: the longest that a request ring looks for work before it sleeps.
    ///   - note: told, on any thread, of connections and of what goes wrong with them.
    public init(
        _ units: UnitMap,
        at path: FilePath,
        control: FilePath? = nil,
        permissions: FilePermissions,
        spin: Duration,
        note: @escaping @Sendable (String) -> Void
    ) throws(OperationError) {
        self.units = units
        units.note.withLock { $0 = note }
        self.path = path
        self.spin = spin
        self.note = note
        nexus = try Self.nexus(path)
        do throws(Errno) {
            let event = try EventFD()
            opened = PassedDescriptor(try OwnedDescriptor(duplicating: event.number))
        } catch {
            throw OperationError("make an eventfd for", path.string, errno: error)
        }
        listener = try Self.listen(at: path, permissions)
        do throws(OperationError) {
            self.control = try control.map { path throws(OperationError) in
                (path, try Self.listen(at: path, .ownerReadWrite))
            }
        } catch {
            unsafe unlink(path.string)
            throw error
        }
    }

    /// A name that no other socket's front-end has.
    private static func nexus(_ path: FilePath) throws(OperationError) -> Nexus {
        do throws(Errno) {
            let real = try path.inResolvedDirectory()
            let name = real.lastComponent?.string ?? ""
            return Nexus("iqn.2026-11.ringside:\(StableHash.hexadecimal(real.string)).\(name)")
        } catch {
            throw OperationError("listen at", path.string, errno: error)
        }
    }

    private static func listen(at path: FilePath, _ permissions: FilePermissions) throws(OperationError)
        -> UnixSocket
    {
        do throws(Errno) {
            let listener = try bind(path, permissions)
            try SystemCalls.setNonBlocking(listener.descriptor)
            return listener
        } catch {
            let inUse = error == .addressInUse
            throw OperationError(
                "listen at",
                path.string,
                errno: error,
                hint: inUse ? "a server uses it, or it is no socket" : nil
            )
        }
    }

    /// Takes the name of a server that was killed: a socket that nobody listens at any more.
    private static func bind(_ path: FilePath, _ permissions: FilePermissions) throws(Errno) -> UnixSocket {
        do throws(Errno) {
            return try UnixSocket(listeningAt: path, permissions: permissions)
        } catch {
            guard error == .addressInUse, try isDeserted(path) else { throw error }
            try path.removeFile()
            return try UnixSocket(listeningAt: path, permissions: permissions)
        }
    }

    private static func isDeserted(_ path: FilePath) throws(Errno) -> Bool {
        guard try path.isSocket() else { return false }
        do throws(Errno) {
            _ = try UnixSocket(connectingTo: path)
            return false
        } catch {
            return error == .connectionRefused
        }
    }

    deinit {
        // Whoever starts next finds the name free; that it is gone already is as good.
        unsafe unlink(path.string)
        if let control { unsafe unlink(control.path.string) }
    }

    /// Serves until `stop` becomes readable; what was taken is answered by then.
    public func run(until stop: FileDescriptor) throws(OperationError) {
        defer { disconnect() }
        while true {
            var waits = [
                stop.rawValue, session == nil ? listener.descriptor.rawValue : -1,
                session?.socket.descriptor.rawValue, session?.device.kick,
                control?.listener.descriptor.rawValue, session?.device.eventKick,
                session?.back.lost.number, opened.number,
            ].map { pollfd(fd: $0 ?? -1, events: Int16(POLLIN), revents: 0) }
            let isPolled = session?.device.isPolled == true
            do throws(Errno) {
                try SystemCalls.poll(&waits, milliseconds: isPolled ? Self.pollPeriod : -1)
            } catch {
                throw OperationError("wait for", path.string, errno: error)
            }
            if waits[0].revents != 0 { return }
            if waits[1].revents != 0 { connect() }
            if waits[2].revents != 0 || waits[6].revents != 0 { handleMessages() }
            if waits[3].revents != 0 || isPolled { session?.device.serveControl() }
            if waits[4].revents != 0 { answerControl() }
            if waits[5].revents != 0 || isPolled { session?.device.reportMissed() }
            if waits[7].revents != 0 { attachOpened() }
        }
    }

    /// Runs servers until `stop` becomes readable, each on a thread of its own; nobody else may use them from then on.
    ///
    /// - Throws: the first failure, once all have ended.
    public static func run(_ servers: [TargetServer], until stop: FileDescriptor) throws(OperationError) {
        if servers.count == 1 { return try servers[0].run(until: stop) }
        let failures = Mutex<[OperationError]>([])
        let threads: [WorkerThread]
        do throws(Errno) {
            threads = try servers.map { server throws(Errno) in
                let handed = HandedServer(server: server)
                return try WorkerThread(name: "server") {
                    do throws(OperationError) {
                        try handed.server.run(until: stop)
                    } catch {
                        failures.withLock { $0.append(error) }
                    }
                }
            }
        } catch {
            throw OperationError("start", "a thread for each of \(servers.count) sockets", errno: error)
        }
        for thread in threads { thread.join() }
        if let failure = failures.withLock({ $0.first }) { throw failure }
    }

    private func connect() {
        do throws(Errno) {
            let socket = try listener.accept()
            connections += 1
            let device = SCSIHostDevice(units, nexus: nexus, spin: spin, note: note)
            session = (socket, try BackendSession(socket, device, note: note), device)
            note("front-end \(connections) connected")
        } catch {
            // Out of descriptors, it stays in the backlog; looking again at once would be of no use.
            note("a front-end cannot be taken: \(error.description)")
            SystemCalls.sleep(microseconds: 100_000)
        }
    }

    private func handleMessages() {
        do throws(VhostUserRefusal) {
            guard try session?.back.handleMessages() == false else { return }
            note("front-end \(connections) disconnected")
        } catch {
            note("front-end \(connections) dropped: \(error.description)")
        }
        disconnect()
    }

    private func disconnect() {
        session?.back.close()
        session = nil
    }
}

/// A server on its way to the thread that alone uses it.
private struct HandedServer: @unchecked Sendable {
    let server: TargetServer
}

// Requests of whoever runs the server.
extension TargetServer {
    /// Takes one request; who asks has a second for it.
    private func answerControl() {
        do throws(Errno) {
            guard let socket = try control?.listener.accept() else { return }
            let line = try ControlRequest.readLine(socket, seconds: 1)
            answer(socket) { () throws(OperationError) in
                try carryOut(try ControlRequest(line), for: socket)
            }
        } catch {
            // Out of descriptors, who asks stays in the backlog.
            note("a control request failed: \(error.description)")
            SystemCalls.sleep(microseconds: 100_000)
        }
    }

    /// - Parameter carryOut: what is asked for; gives what to answer, or nil where that comes later.
    private func answer(_ socket: UnixSocket, _ carryOut: () throws(OperationError) -> String?) {
        let answer: String
        do throws(OperationError) {
            guard let done = try carryOut() else { return }
            answer = "ok \(done)"
        } catch {
            answer = "no \(error.cause)"
        }
        do throws(Errno) {
            try socket.send(Array((answer + "\n").utf8))
        } catch {
            note("\"\(answer)\" cannot be told: \(error.description)")
        }
    }

    /// Puts the units in place that have been opened.
    private func attachOpened() {
        PeerEvent.drain(opened.number)
        for opening in openings {
            guard let result = opening.takeResult() else { continue }
            openings.removeAll { $0 === opening }
            answer(opening.asker) { () throws(OperationError) in
                let (specification, opened) = (opening.specification, try result.get())
                let (target, lun) = (specification.target, specification.lun)
                guard units.attach(opened.unit, store: opened.store, target: target, lun: lun) else {
                    throw Self.taken(specification)
                }
                session?.device.report(.added(target: target, lun: lun))
                return "added \(specification)"
            }
        }
    }

    private static func taken(_ unit: UnitSpecification) -> OperationError {
        let address = "\(unit.target):\(unit.lun)"
        return OperationError("add", address, cause: "\(address) is there already")
    }

    /// - Returns: the answer; nil where it comes later.
    private func carryOut(_ request: ControlRequest, for socket: UnixSocket) throws(OperationError)
        -> String?
    {
        switch request {
        case .add(let specification):
            guard units[specification.target]?[specification.lun] == nil else {
                throw Self.taken(specification)
            }
            do throws(Errno) {
                openings.append(try UnitOpening(specification, at: path, for: socket, ended: opened))
            } catch {
                throw OperationError("start", "a thread to open \(specification)", errno: error)
            }
            return nil
        case .remove(let target, let lun):
            guard units.detach(target: target, lun: lun) != nil else {
                throw OperationError("remove", "\(target):\(lun)", cause: "there is no \(target):\(lun)")
            }
            session?.device.report(.removed(target: target, lun: lun))
            return "removed \(target):\(lun)"
        case .resize(let target, let lun): return try resize(target, lun)
        case .counters:
            let rings = (session?.device.counters ?? [:]).sorted { $0.key < $1.key }
            return rings.isEmpty
                ? "no request ring runs"
                : rings.map { "request-\($0.key - 2): \($0.value)" }.joined(separator: "; ")
        }
    }

    private func resize(_ target: UInt8, _ lun: UInt16) throws(OperationError) -> String {
        let place = "\(target):\(lun)"
        guard let unit = units[target]?[lun] else {
            throw OperationError("resize", place, cause: "there is no \(place)")
        }
        let isAnother: Bool
        do throws(Errno) {
            isAnother = try unit.refreshCapacity()
        } catch {
            let protected = error == .notSupported
            let cause = protected ? "its blocks have protection information" : error.description
            throw OperationError("resize", place, cause: cause)
        }
        guard isAnother else { return "\(place) has \(unit.byteCount) bytes as before" }
        session?.device.report(.resized(target: target, lun: lun))
        return "\(place) has \(unit.byteCount) bytes now"
    }
}

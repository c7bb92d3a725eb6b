// SPDX-License-Identifier: MIT
import Glibc
import GuestProtocol
import LinuxSystem
import SystemPackage

/// The first process in a test VM: it makes the machine usable, then runs what the host asks for over one
/// virtio-serial port until the host says power off or is gone.
@main
struct Agent {
    private let port: Port
    private let children: FileDescriptor
    private let configfsEvents: FileDescriptor
    private var kernelLog: KernelLogReader
    private var sessions: [Session] = []
    private var taint: UInt64 = 0
    private var hasDisks = false

    static func main() {
        do {
            try prepareMachine()
            var agent = try Agent()
            try agent.serve()
        } catch {
            complain("ringside agent: \(error)")
        }
        do {
            try SystemCalls.powerOff()
        } catch {
            complain("ringside agent: cannot power off: \(error)")
        }
    }

    private init() throws {
        port = try Port(waitingFor: "/dev/vport0p1", milliseconds: 10_000)
        children = try SystemCalls.signalDescriptor(for: [SIGCHLD])
        configfsEvents = try SystemCalls.kernelEventDescriptor(of: "/module/configfs")
        kernelLog = try KernelLogReader()
    }

    private mutating func serve() throws {
        mountConfigfs()
        try greet()
        while true {
            kernelLog.forward(to: port)
            try waitForEvents()
            mountConfigfsIfNew()
            for index in sessions.indices { sessions[index].move(port.send) }
            reapChildren()
            guard try port.receive({ message in try handle(message) }) else { return }
        }
    }

    /// What the kernel has logged so far, and its taint, come before the greeting, so that the host can tell them from
    /// later ones.
    private mutating func greet() throws {
        kernelLog.forward(to: port)
        taint = 0
        sendTaint()
        port.send(.hello(release: try kernelRelease()))
    }

    private func waitForEvents() throws {
        let congested = sessions.contains { $0.pendingInputCount > Session.inputLimit }
        var interests = sessions.flatMap(\.interests)
        interests.append(pollfd(fd: children.rawValue, events: Int16(POLLIN), revents: 0))
        interests.append(pollfd(fd: configfsEvents.rawValue, events: Int16(POLLIN), revents: 0))
        if !congested {
            interests.append(pollfd(fd: port.descriptor.rawValue, events: Int16(POLLIN), revents: 0))
        }
        let log = pollfd(fd: kernelLog.descriptor.rawValue, events: Int16(POLLIN), revents: 0)
        var all = interests + [log]
        let ready = try SystemCalls.poll(&all, milliseconds: -1)
        // A kernel that talks without end is listened to now and then, or it would do little else.
        if ready == 1, all.last?.revents != 0, kernelLog.restMilliseconds > 0 {
            try SystemCalls.poll(&interests, milliseconds: kernelLog.restMilliseconds)
        }
    }

    /// Mounts configfs as soon as its module is there, as systemd's sys-kernel-config.mount does on a real host.
    private func mountConfigfsIfNew() {
        // EAGAIN when it was not announced, which is nearly always.
        let event = Result { () throws(Errno) in try configfsEvents.readSome(upTo: 8192) }
        if case .success = event { mountConfigfs(patience: 100) }
    }

    private mutating func handle(_ message: Message) throws {
        switch message {
        case .run(let number, let command):
            try findDisks()
            start(number, command)
        case .input(let number, let bytes): update(number) { $0.accept(bytes) }
        case .signal(let number, let signal): update(number) { kill(-$0.processID, signal) }
        case .hold(let number, let isOn): update(number) { $0.isHeld = isOn }
        case .resize(let number, let size): update(number) { $0.resize(size) }
        case .mount(let number, let share):
            try findDisks()
            do {
                try share.mount()
                port.send(.exited(session: number, status: 0))
            } catch {
                port.send(.failed(session: number, errno: error.rawValue))
            }
        case .wake(let wake):
            try wake.apply()
            try greet()
        case .powerOff:
            kernelLog.forward(to: port)
            try SystemCalls.powerOff()
        default: throw MalformedFrame(description: "a message that only a guest sends")
        }
    }

    /// Has the kernel look at the machine's disks: not before it is asked for something, because its state may be saved and
    /// go on with other ones.
    private mutating func findDisks() throws {
        if !hasDisks { try insertModules(of: "/ringside/disk-modules") }
        hasDisks = true
    }

    private mutating func start(_ number: UInt16, _ command: GuestCommand) {
        do {
            sessions.append(try Session(number: number, command: command, environment: guestEnvironment))
        } catch {
            port.send(.failed(session: number, errno: error.rawValue))
        }
    }

    private mutating func update(_ number: UInt16, _ body: (inout Session) -> Void) {
        // A message for a session that has just ended has nothing left to reach.
        guard let index = sessions.firstIndex(where: { $0.number == number }) else { return }
        body(&sessions[index])
    }

    private mutating func sendTaint() {
        let now = kernelTaint()
        if now != taint { port.send(.tainted(now)) }
        taint = now
    }

    private mutating func reapChildren() {
        // The queued signals carry nothing that waitpid does not tell; EAGAIN when there is none.
        _ = Result { () throws(Errno) in try children.readSome(upTo: 4096) }
        while let (processID, status) = SystemCalls.reap() {
            // What a command made the kernel say comes before the command's end.
            kernelLog.forward(to: port)
            sendTaint()
            // Orphans that the first process inherits belong to no session.
            guard let index = sessions.firstIndex(where: { $0.processID == processID }) else { continue }
            sessions[index].finish(status: status, port.send)
            sessions.remove(at: index)
        }
    }
}

/// The environment of every command, before what the host adds.
let guestEnvironment = ["PATH=\(commandPath)", "HOME=/root", "LANG=C.UTF-8"]

/// Where programs are looked up.
let commandPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/// Says on the console what no channel can carry.
func complain(_ text: String) {
    // Where even the console fails, nothing is left to tell it to.
    _ = Result { try FileDescriptor.standardError.writeAll((text + "\n").utf8) }
}

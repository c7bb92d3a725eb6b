// SPDX-License-Identifier: MIT
import ArgumentParser
import Glibc
import LinuxSystem
import VhostSCSI

struct VhostWatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Report logical units as they come and go, as the device's event queue has them.",
        discussion: """
            The device is started with hotplug; say hotplug=on in OPTIONS. The command ends on SIGINT, SIGTERM, after
            --seconds, or after --count events. With --hold it takes no events before SIGUSR1 comes, so that the device
            runs out of buffers, of which it gets eight, and has to say that events were missed.

            EXAMPLES
              ringside vhost watch id=a,wwpn=naa.500140500000001,tpgt=1,hotplug=on
              ringside vhost watch --json --count 2 id=a,wwpn=naa.500140500000001,tpgt=1,hotplug=on
            """
    )

    @OptionGroup var device: VhostDeviceOptions

    @Option(help: "How long to watch, in seconds.")
    var seconds: Double?

    @Option(help: "How many events to wait for.")
    var count: Int?

    @Flag(help: "Take no events before SIGUSR1 comes.")
    var hold = false

    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard seconds.map({ (0...86400 * 365).contains($0) }) ?? true else {
            throw ValidationError("--seconds is 0 or more.")
        }
        guard count.map({ $0 > 0 }) ?? true else { throw ValidationError("--count is 1 or more.") }
        if let options = device.options, !options.requestedFeatures.contains(.hotplug) {
            throw ValidationError("Say hotplug=on in OPTIONS: the device reports nothing without.")
        }
    }

    func run() throws {
        let signals = SignalWait([SIGINT, SIGTERM] + (hold ? [SIGUSR1] : []))
        let initiator = try device.start(depth: 1)
        let failure: (any Error)?
        do {
            try watch(initiator, signals)
            failure = nil
        } catch {
            failure = error
        }
        try initiator.detach()
        if let failure { throw failure }
    }

    private func watch(_ initiator: SCSIInitiator, _ signals: SignalWait) throws {
        let end = seconds.map { MonotonicClock.nanoseconds + UInt64($0 * 1e9) } ?? .max
        var left = count ?? .max
        Terminal.writeError("watching \(device.name)")
        if hold, signals.wait(seconds: seconds) != SIGUSR1 { return }
        while left > 0, MonotonicClock.nanoseconds < end {
            for event in try initiator.takeEvents() where left > 0 {
                try report(event)
                left -= 1
            }
            // The event ring has no descriptor that signals and events could be waited for together.
            if left > 0, signals.wait(seconds: 0.05) != nil { return }
        }
    }

    private func report(_ event: SCSIEvent) throws {
        let report = EventReport(event)
        if output.json { try output.printLine(report) } else { try Terminal.print(report.description) }
    }
}

private struct EventReport: Encodable {
    let event: String
    let target: Int
    let lun: Int
    let missed: Bool

    init(_ event: SCSIEvent) {
        self.event =
            switch event.kind {
            case .none: "none"
            case .added: "added"
            case .removed: "removed"
            case .other(let event, let reason): "event \(event) reason \(reason)"
            }
        target = Int(event.target)
        lun = Int(event.lun)
        missed = event.hasMissedEvents
    }

    var description: String {
        let what = event == "none" ? "nothing" : "\(event) target \(target) LUN \(lun)"
        return missed ? "\(what), after events that were missed" : what
    }
}

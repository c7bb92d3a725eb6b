// SPDX-License-Identifier: MIT
import ArgumentParser
import Glibc
import LinuxSystem
import SystemPackage
import VhostSCSI

struct VhostOpenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "open",
        abstract: "Start vhost-scsi devices, hold them until a signal, stop them.",
        discussion: """
            While a device is started, its TPG is claimed: nobody else gets it, and it cannot be deleted.
            The command ends on SIGINT, SIGTERM, or after --seconds.

            With a command behind --, the devices are opened, not started, and handed over to it: it takes the place
            of this program, with a descriptor for each device from 3 on, under the names in LISTEN_FDNAMES. There,
            vhostfd=NAME is the device of that id.

            EXAMPLES
              ringside vhost open id=vhost-scsi0,wwpn=naa.500140500000001,tpgt=1
              ringside vhost open id=a,wwpn=naa.500140500000001,tpgt=1 id=b,wwpn=naa.500140500000002,tpgt=1
              ringside vhost open --seconds 0 --json id=a,wwpn=naa.500140500000001,tpgt=1,num_queues=2
              ringside vhost open --dry-run id=a,wwpn=naa.500140500000001,tpgt=1
              ringside vhost open id=a,wwpn=naa.500140500000001,tpgt=1 -- \
                setpriv --reuid 1000 ringside vhost probe id=b,wwpn=naa.500140500000001,tpgt=1,vhostfd=a
            """
    )

    @Argument(
        help: ArgumentHelp("The devices: id=NAME,wwpn=WWPN,tpgt=N[,OPTION=VALUE…].", valueName: "options")
    )
    var lists: [String]

    @Argument(
        parsing: .postTerminator,
        help: ArgumentHelp("The command that the devices are handed over to.", valueName: "command")
    )
    var command: [String] = []

    @Option(help: "How long to hold the devices, in seconds.")
    var seconds: Double?

    @Flag(help: "Print the ioctls of start and stop instead of making them.")
    var dryRun = false

    @OptionGroup var node: VhostNodeOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        do {
            _ = try options()
        } catch {
            throw ValidationError("\(error)")
        }
        if let seconds, !(0...86400 * 365).contains(seconds) {
            throw ValidationError("--seconds is 0 or more.")
        }
    }

    private func options() throws(OperationError) -> [VhostSCSIOptions] {
        var options: [VhostSCSIOptions] = []
        for list in lists {
            options.append(try VhostSCSIOptions(list, openIdentifiers: Set(options.map(\.id))))
        }
        return options
    }

    func run() throws {
        if dryRun { return try printRequests() }
        if !command.isEmpty { return try handOver() }
        let signals = SignalWait([SIGINT, SIGTERM])
        var started: [SCSIInitiator] = []
        var reports: [VhostDeviceReport] = []
        do {
            for options in try options() {
                let device = try VhostSCSIDevice(options, path: node.path)
                started.append(try SCSIInitiator(device))
                reports.append(VhostDeviceReport(device))
            }
            try output.print(reports) { reports in reports.map(\.description).joined(separator: "\n\n") }
            _ = signals.wait(seconds: seconds)
        } catch {
            let failure = error as? OperationError
            try started.detach(after: failure ?? OperationError("print", "the devices", cause: "\(error)"))
        }
        try started.detach()
    }

    /// Opens the devices, and starts the command in the place of this program.
    private func handOver() throws {
        let options = try options()
        var devices: [VhostDescriptor] = []
        for device in options { devices.append(try VhostDescriptor(device, path: node.path)) }
        do throws(Errno) {
            for variable in PassedNames.variables(options.map(\.id)) {
                try SystemCalls.setEnvironment(variable.name, variable.value)
            }
            try SystemCalls.execute(command, passing: devices.map(\.number))
        } catch {
            throw OperationError("start", command[0], errno: error)
        }
    }

    private func printRequests() throws {
        var reports: [VhostRequestReport] = []
        for options in try options() {
            let system = DryRunVhostSystem()
            try SCSIInitiator(VhostSCSIDevice(options, path: node.path, system: system)).detach()
            reports += system.requests.map { VhostRequestReport(device: options.id, request: $0) }
        }
        try output.print(reports) { reports in
            Table(
                columns: ["device", "ioctl", "number", "bytes", "argument"],
                rows: reports.map { [$0.device, $0.ioctl, $0.number, "\($0.bytes.count / 2)", $0.argument] }
            ).description
        }
    }
}

/// One ioctl of a dry run.
private struct VhostRequestReport: Encodable {
    let device: String
    let ioctl: String
    let number: String
    let argument: String
    /// The argument in hexadecimal; addresses and descriptors in it are those of this run.
    let bytes: String

    init(device: String, request: VhostRequest) {
        self.device = device
        ioctl = request.name.rawValue
        number = "0x" + String(request.name.number, radix: 16)
        argument = request.detail
        bytes = request.bytes.hexadecimalPairs.joined()
    }
}

/// What a started device is like.
private struct VhostDeviceReport: Encodable {
    struct Ring: Encodable {
        let name: String
        let size: Int
        let kick: Int
        let call: Int
        let error: Int
    }

    let id: String
    let wwpn: String
    let tpgt: Int
    let abiVersion: Int
    let offeredFeatures: [String]
    let features: [String]
    let bootTpgt: Int
    let workers: Int
    let rings: [Ring]

    init(_ device: VhostSCSIDevice) {
        id = device.options.id
        wwpn = device.options.wwpn
        tpgt = Int(device.options.tpgt)
        abiVersion = device.abiVersion ?? 0
        offeredFeatures = device.offered.names
        features = device.features.names
        bootTpgt = Int(device.options.bootTag)
        workers = device.workerCount
        rings = zip(device.rings, device.events).enumerated().map { index, ring in
            Ring(
                name: index < 2 ? ["control", "event"][index] : "request \(index - 2)",
                size: Int(ring.0.size),
                kick: Int(ring.1.kick.number),
                call: Int(ring.1.call.number),
                error: Int(ring.1.error.number)
            )
        }
    }

    var description: String {
        let table = Table(
            columns: ["ring", "name", "descriptors", "kick fd", "call fd", "error fd"],
            rows: rings.enumerated().map { index, ring in
                ["\(index)", ring.name, "\(ring.size)", "\(ring.kick)", "\(ring.call)", "\(ring.error)"]
            }
        )
        return """
            \(id): endpoint set to \(wwpn), tpgt \(tpgt)
            ABI version  \(abiVersion)\(abiVersion > 0 ? " (every TPG of the WWPN that has a nexus)" : "")
            offered      \(offeredFeatures.joined(separator: " "))
            in use       \(features.joined(separator: " "))
            workers      \(workers)
            \(table)
            """
    }
}

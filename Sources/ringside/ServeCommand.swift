// SPDX-License-Identifier: MIT
import ArgumentParser
import Glibc
import LinuxSystem
import SCSITarget
import SystemPackage
import VhostUserSCSI

struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Be the SCSI target of a QEMU guest, over a vhost-user socket.",
        subcommands: [ServeRunCommand.self, ServeControlCommand.self],
        defaultSubcommand: ServeRunCommand.self
    )
}

struct ServeRunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Serve logical units until a signal; what plain `ringside serve` does.",
        discussion: """
            Needs neither root nor a kernel module. It serves until SIGINT or SIGTERM, then answers what it has
            taken and ends. One front-end at a time; a next one may come when the first is gone.

            A LUN is [TARGET:]LUN=KIND:WHAT[,bs=512|4096][,ro=on|off][,serial=TEXT][,pr=FILE][,pi=1|2|3]; persistent
            reservations that are to survive (APTPL) are kept in pr's file. KIND:WHAT is
              file:PATH      a file or block device
              ramdisk:SIZE   memory, zeroes at first and gone at the end
              nbd:URI        an NBD server's export, through libnbd: nbd://HOST/EXPORT, nbd+unix:///EXPORT?socket=PATH
              null:SIZE      nothing, for measuring: reads leave the guest's buffer as it is

            Without serial, a unit's number and name follow from the path of its file or from its socket's and the LUN: they
            stay, and other servers' units have others.

            With pi, a file's or a ramdisk's blocks have T10 protection information of that type; a file's is kept in
            FILE.protection, as the kernel's fileio does. A guest whose driver knows it (t10_pi=on in QEMU) sends its own;
            for any other it is made and checked here.

            With --targets, the file of `ringside target apply` says what to serve: each of its targets gets a socket
            DIRECTORY/WWPN.sock and a control socket DIRECTORY/WWPN.ctl, and each portal group is the target of its tag,
            as it is with the kernel's own. LUNs with one backstore are ways to one disk. Of a
            backstore's attributes, block_size (512 or 4096) and pi_prot_type hold here, too.

            Once it listens it gives up what it can: with --user, root; and all system calls but those that serving
            takes, unless --no-seccomp is given. Calls that only an intruder makes end it.

            QEMU takes it with
              -object memory-backend-memfd,id=mem,size=512M,share=on -numa node,memdev=mem
              -chardev socket,id=vus,path=SOCKET -device vhost-user-scsi-pci,chardev=vus,num_queues=1

            EXAMPLES
              ringside serve --socket /run/ringside/disk.sock --lun 0=file:disk.img
              ringside serve --socket s --lun 0=file:/dev/vg/a,bs=4096 --lun 1=ramdisk:1G --lun 1:0=file:b.img,ro=on
              ringside serve --socket s --lun 0=file:disk.img,pi=1
              ringside serve --socket s --lun 0=null:1T --spin 0
              ringside serve --socket s --lun '0=nbd:nbd+unix:///?socket=/run/nbd.sock'
              ringside serve --targets targets.yaml --directory /run/ringside --user nobody --mode 666
              ringside serve --targets targets.yaml --directory /run/ringside --reservations /var/lib/ringside
              ringside serve --dry-run --socket s --lun 0=file:disk.img
            """
    )

    @Option(help: "Where to listen.", completion: .file())
    var socket: String?

    @Option(
        help: ArgumentHelp("A logical unit; may be repeated.", valueName: "[target:]lun=store"),
        transform: { try UnitSpecification($0) }
    )
    var lun: [UnitSpecification] = []

    @Option(
        help: "Where to take requests of `ringside serve ctl`, from this user alone.",
        completion: .file()
    )
    var control: String?

    @Option(help: "Serve what a file says, as `ringside target apply` takes it.", completion: .file())
    var targets: String?

    @Option(help: "Where the sockets of --targets are made.", completion: .directory)
    var directory: String?

    @Option(
        help: "With --targets, where persistent reservations that survive (APTPL) are kept: BACKSTORE.pr.",
        completion: .directory
    )
    var reservations: String?

    @Option(help: "Become this user once the sockets and stores are open.")
    var user: String?

    @Flag(help: "Keep all system calls.")
    var noSeccomp = false

    @Option(
        help: "The socket's permissions, in octal: who may not write cannot connect.",
        transform: Self.mode
    )
    var mode = FilePermissions(rawValue: 0o600)

    @Option(
        help:
            "How long at most a queue looks for requests before it sleeps, in microseconds; 0 sleeps at once."
    )
    var spin = 50

    @Flag(help: "Open the stores, say what would be served, and serve nothing.")
    var dryRun = false

    @OptionGroup var output: OutputOptions

    private static func mode(_ text: String) throws -> FilePermissions {
        guard let mode = UInt32(text, radix: 8), mode <= 0o777 else {
            throw ValidationError("permissions are octal digits, as in 660")
        }
        return FilePermissions(rawValue: mode)
    }

    func validate() throws {
        if targets != nil {
            guard directory != nil, socket == nil, control == nil, lun.isEmpty else {
                throw ValidationError("--targets takes --directory, and no --socket, --control or --lun.")
            }
        } else if socket == nil || directory != nil {
            throw ValidationError("Give --socket and --lun, or --targets and --directory.")
        } else if lun.isEmpty {
            throw ValidationError("Give at least one --lun, as in --lun 0=ramdisk:1G.")
        }
        guard reservations == nil || targets != nil else {
            throw ValidationError("--reservations goes with --targets; a --lun takes pr=FILE.")
        }
        guard (0...1_000_000).contains(spin) else { throw ValidationError("--spin is 0 to 1000000.") }
        var seen: Set<[Int]> = []
        for unit in lun where !seen.insert([Int(unit.target), Int(unit.lun)]).inserted {
            throw ValidationError("LUN \(unit.lun) of target \(unit.target) is given twice.")
        }
    }

    func run() throws {
        let devices = try devices()
        let (report, servers) = try open(devices)
        let describe = { ServedUnit.table($0, withSockets: devices.count > 1) }
        if dryRun { return try output.print(report, describe: describe) }
        let stop = try SystemCalls.signalDescriptor(for: [SIGINT, SIGTERM])
        let opensFiles = devices.contains { device in
            device.control != nil || device.places.contains { $0.specification.opensFiles }
        }
        try confine(opensFiles: opensFiles)
        try output.print(report, describe: describe)
        try TargetServer.run(servers, until: stop)
    }

    /// Opens all stores, which only the servers keep: one that is removed must go. A dry run has no servers.
    private func open(_ devices: [ServedDevice]) throws -> (report: [ServedUnit], servers: [TargetServer]) {
        let opened = try ServedDevice.open(devices, makesFiles: !dryRun)
        let report = zip(devices, opened).flatMap { device, units in
            units.map { ServedUnit(device.socket, $0) }
        }
        if dryRun { return (report, []) }
        let servers = try zip(devices, opened).map { device, units in
            let name = devices.count > 1 ? "\(device.socket.lastComponent?.string ?? ""): " : ""
            return try TargetServer(
                UnitMap(units),
                at: device.socket,
                control: device.control,
                permissions: mode,
                spin: .microseconds(spin)
            ) { Terminal.writeError("ringside: serve \(name)\($0)") }
        }
        return (report, servers)
    }

    private func devices() throws(OperationError) -> [ServedDevice] {
        if let targets, let directory {
            let configuration = try ConfigurationFile(targets).configuration()
            return try ServedDevice.devices(
                of: configuration,
                in: FilePath(directory),
                reservations: reservations.map { FilePath($0) },
                makesFiles: !dryRun
            )
        }
        return [
            ServedDevice(
                socket: FilePath(socket ?? ""),
                control: control.map { FilePath($0) },
                places: lun.map { ServedDevice.Place(specification: $0) }
            )
        ]
    }

    /// Gives up what serving does not take.
    private func confine(opensFiles: Bool) throws(OperationError) {
        do throws(Errno) {
            if let user { try Confinement.become(user: user) }
        } catch {
            let cause = error == .noSuchProcess ? "there is no such user" : nil
            throw OperationError("become", user ?? "", errno: error, cause: cause)
        }
        do throws(Errno) {
            if !noSeccomp { try Confinement.keepOnlyServing(opensFiles: opensFiles) }
        } catch {
            throw OperationError("give up", "system calls", errno: error, hint: "--no-seccomp keeps them")
        }
    }
}

extension UnitMap {
    /// The units in their places.
    fileprivate convenience init(_ units: [ServedDevice.Opened]) {
        self.init()
        for opened in units {
            let place = opened.specification
            attach(opened.unit, store: opened.store, target: place.target, lun: place.lun)
        }
    }
}

private struct ServedUnit: Encodable {
    let socket: String
    let target: Int
    let lun: Int
    let store: String
    let bytes: UInt64
    let blockSize: Int
    let readOnly: Bool
    /// The type of the protection information, 0 for none.
    let protection: Int
    let serial: String

    init(_ socket: FilePath, _ opened: ServedDevice.Opened) {
        let unit = opened.specification
        self.socket = socket.string
        target = Int(unit.target)
        lun = Int(unit.lun)
        store = unit.store
        bytes = opened.store.byteCount
        blockSize = unit.blockSize
        readOnly = unit.isReadOnly
        protection = Int(unit.protection?.rawValue ?? 0)
        serial = opened.unit.identity.serial
    }

    private var mode: String { (readOnly ? "ro" : "rw") + (protection > 0 ? ",pi=\(protection)" : "") }

    static func table(_ units: [ServedUnit], withSockets: Bool) -> String {
        let rows = units.map { unit in
            (withSockets ? [unit.socket] : []) + [
                "\(unit.target)", "\(unit.lun)", unit.store, "\(ByteSize(bytes: Int64(unit.bytes)))",
                "\(unit.blockSize)", unit.mode, unit.serial,
            ]
        }
        let columns = ["target", "lun", "store", "size", "block", "mode", "serial"]
        return Table(columns: (withSockets ? ["socket"] : []) + columns, rows: rows).description
    }
}

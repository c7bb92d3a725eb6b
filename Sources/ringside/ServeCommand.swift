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

            A LUN is [TARGET:]LUN=KIND:WHAT[,bs=512|4096][,ro=on|off][,serial=TEXT], where KIND:WHAT is
              file:PATH      a file or block device
              ramdisk:SIZE   memory, zeroes at first and gone at the end
              null:SIZE      nothing, for measuring: reads leave the guest's buffer as it is

            QEMU takes it with
              -object memory-backend-memfd,id=mem,size=512M,share=on -numa node,memdev=mem
              -chardev socket,id=vus,path=SOCKET -device vhost-user-scsi-pci,chardev=vus,num_queues=1

            EXAMPLES
              ringside serve --socket /run/ringside/disk.sock --lun 0=file:disk.img
              ringside serve --socket s --lun 0=file:/dev/vg/a,bs=4096 --lun 1=ramdisk:1G --lun 1:0=file:b.img,ro=on
              ringside serve --socket s --lun 0=null:1T --spin 0
              ringside serve --dry-run --socket s --lun 0=file:disk.img
            """
    )

    @Option(help: "Where to listen.", completion: .file())
    var socket: String

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
        guard !lun.isEmpty else {
            throw ValidationError("Give at least one --lun, as in --lun 0=ramdisk:1G.")
        }
        guard (0...1_000_000).contains(spin) else { throw ValidationError("--spin is 0 to 1000000.") }
        var seen: Set<[Int]> = []
        for unit in lun where !seen.insert([Int(unit.target), Int(unit.lun)]).inserted {
            throw ValidationError("LUN \(unit.lun) of target \(unit.target) is given twice.")
        }
    }

    func run() throws {
        let units = UnitMap()
        var report: [ServedUnit] = []
        for specification in lun {
            let (unit, store) = try specification.open()
            units.attach(unit, store: store, target: specification.target, lun: specification.lun)
            report.append(ServedUnit(specification, bytes: store.byteCount))
        }
        if dryRun { return try output.print(report, describe: ServedUnit.table) }
        let stop = try SystemCalls.signalDescriptor(for: [SIGINT, SIGTERM])
        let server = try TargetServer(
            units,
            at: FilePath(socket),
            control: control.map { FilePath($0) },
            permissions: mode,
            spin: .microseconds(spin)
        ) { Terminal.writeError("ringside: serve \($0)") }
        try output.print(report, describe: ServedUnit.table)
        try server.run(until: stop)
    }
}

private struct ServedUnit: Encodable {
    let target: Int
    let lun: Int
    let store: String
    let bytes: UInt64
    let blockSize: Int
    let readOnly: Bool
    let serial: String

    init(_ unit: UnitSpecification, bytes: UInt64) {
        target = Int(unit.target)
        lun = Int(unit.lun)
        store = unit.store
        self.bytes = bytes
        blockSize = unit.blockSize
        readOnly = unit.isReadOnly
        serial = unit.serial
    }

    static func table(_ units: [ServedUnit]) -> String {
        let rows = units.map { unit in
            [
                "\(unit.target)", "\(unit.lun)", unit.store, "\(ByteSize(bytes: Int64(unit.bytes)))",
                "\(unit.blockSize)", unit.readOnly ? "ro" : "rw", unit.serial,
            ]
        }
        return Table(
            columns: ["target", "lun", "store", "size", "block", "mode", "serial"],
            rows: rows
        ).description
    }
}

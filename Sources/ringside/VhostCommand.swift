// SPDX-License-Identifier: MIT
import ArgumentParser
import LinuxSystem
import SystemPackage
import VhostSCSI
import VhostUserSCSI

struct VhostCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vhost",
        abstract: "Drive the kernel's vhost-scsi device, or a vhost-user-scsi back-end, without a guest.",
        discussion: """
            OPTIONS is a list as QEMU takes it: id=vhost-scsi0,wwpn=naa.500140500000001,tpgt=1[,num_queues=2…]
              id                    a name for the device, unique among those that are open
              wwpn                  the target's name in configfs
              tpgt                  the tag of its portal group, the SCSI target that is addressed; a kernel with
                                    vhost-scsi ABI 1, which is all since 3.9, serves every group of the WWPN anyhow
              vhostfd               an open descriptor of the device, to use instead of opening it: its number, or
                                    the name by which 'vhost open … -- COMMAND' or systemd passed it
              num_queues            request queues (1)
              virtqueue_size        descriptors of each ring, a power of two (as few as the depth takes)
              max_sectors           the most that one request transfers, in 512 bytes (65535)
              cmd_per_lun           the most requests in flight for a LUN (what the rings hold)
              t10_pi, hotplug       on to ask the kernel for the feature (off)
              worker_per_virtqueue  on for a kernel thread for each queue behind the first, from Linux 6.5 (off)
              boot_tpgt             the portal group that firmware is to boot from; recorded only (0)
            Two commas stand for one comma in a value.
            """,
        subcommands: [
            VhostOpenCommand.self, VhostProbeCommand.self, VhostVerifyCommand.self, VhostBenchCommand.self,
            VhostConformCommand.self,
            VhostManageCommand.self, VhostSendCommand.self, VhostWatchCommand.self,
        ]
    )
}

/// The device of the commands that drive one: the kernel's, or a back-end at a socket.
struct VhostDeviceOptions: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "The kernel's device: id=NAME,wwpn=WWPN,tpgt=N[,OPTION=VALUE…].",
            valueName: "options"
        ),
        transform: { try VhostSCSIOptions($0) }
    )
    var options: VhostSCSIOptions?

    @Option(
        help: ArgumentHelp(
            "Instead of the kernel's device, the vhost-user-scsi back-end here.",
            valueName: "path"
        ),
        completion: .file()
    )
    var socket: String?

    @Option(help: "With --socket, the SCSI target that is addressed.")
    var target: UInt8 = 0

    @OptionGroup var node: VhostNodeOptions

    /// What is driven, for people.
    var name: String { socket ?? options?.wwpn ?? "" }

    func validate() throws {
        guard (options == nil) != (socket == nil) else {
            throw ValidationError("Give the kernel's device or --socket, one of them.")
        }
    }

    /// - Parameter protection: whether a back-end's requests are to carry protection information; OPTIONS say so for
    ///   the kernel's.
    func open(protection: Bool = false) throws(OperationError) -> any SCSITransport {
        if let options { return try VhostSCSIDevice(options, path: node.path) }
        return try SocketTransport(
            FilePath(socket ?? ""),
            wanted: protection ? .wanted.union(.t10PI) : .wanted
        )
    }

    /// Opens and starts the block device behind the socket.
    func startBlock(depth: Int, transferBytes: Int, queues: Int? = nil) throws(OperationError) -> BlockDriver
    {
        let device = try SocketTransport(FilePath(socket ?? ""), wanted: .wantedOfBlockDevice)
        let driver = try BlockDriver(
            device,
            configuration: try device.configuration(byteCount: BlockDriver.configurationBytes),
            depth: depth,
            transferBytes: transferBytes,
            queues: queues ?? 1
        )
        driver.timeout = node.timeout
        return driver
    }

    /// Opens and starts the device.
    func start(depth: Int, transferBytes: Int? = nil) throws(OperationError) -> SCSIInitiator {
        try start(open(), depth: depth, transferBytes: transferBytes)
    }

    /// Starts an open device.
    ///
    /// - Parameter queues: how many request queues it is to have; nil for what the options say, else one.
    func start(_ device: any SCSITransport, depth: Int, transferBytes: Int? = nil, queues: Int? = nil)
        throws(OperationError) -> SCSIInitiator
    {
        let initiator: SCSIInitiator
        if let device = device as? VhostSCSIDevice {
            initiator = try SCSIInitiator(device, depth: depth, transferBytes: transferBytes, queues: queues)
        } else {
            initiator = try SCSIInitiator(
                device,
                target: target,
                depth: depth,
                transferBytes: transferBytes ?? SCSIInitiator.defaultTransfer,
                queues: queues ?? 1
            )
        }
        initiator.timeout = node.timeout
        return initiator
    }
}

struct VhostNodeOptions: ParsableArguments {
    @Option(name: .customLong("device"), help: "The vhost-scsi device node.", completion: .file())
    var device = VhostSCSIDevice.defaultPath.string

    @Option(help: "How long one request may take, in seconds.")
    var timeout = 30.0

    var path: FilePath { FilePath(device) }

    func validate() throws {
        guard timeout > 0, timeout <= 86400 else {
            throw ValidationError("--timeout is above 0, and a day at most.")
        }
    }
}

extension Double {
    /// The number with `places` decimal places.
    func fixed(_ places: Int) -> String {
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        let scaled = Int64((self * scale).rounded())
        let whole = String(scaled / Int64(scale))
        guard places > 0 else { return whole }
        let fraction = String(abs(scaled % Int64(scale)))
        return whole + "." + String(repeating: "0", count: places - fraction.count) + fraction
    }
}

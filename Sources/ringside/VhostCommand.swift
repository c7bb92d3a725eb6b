// SPDX-License-Identifier: MIT
import ArgumentParser
import LinuxSystem
import SystemPackage
import VhostSCSI

struct VhostCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vhost",
        abstract: "Drive the kernel's vhost-scsi device without a guest.",
        discussion: """
            OPTIONS is a list as QEMU takes it: id=vhost-scsi0,wwpn=naa.500140500000001,tpgt=1[,vhostfd=N]
              id       a name for the device, unique among those that are open
              wwpn     the target's name in configfs
              tpgt     the tag of its portal group, the SCSI target that is addressed
              vhostfd  the number of an open descriptor of the device, to use instead of opening it
            Two commas stand for one comma in a value.
            """,
        subcommands: [
            VhostOpenCommand.self, VhostProbeCommand.self, VhostVerifyCommand.self, VhostBenchCommand.self,
        ]
    )
}

/// The device of the commands that use one.
struct VhostDeviceOptions: ParsableArguments {
    @Argument(
        help: ArgumentHelp("The device: id=NAME,wwpn=WWPN,tpgt=N[,vhostfd=N].", valueName: "options"),
        transform: { try VhostSCSIOptions($0) }
    )
    var options: VhostSCSIOptions

    @OptionGroup var node: VhostNodeOptions

    func open() throws -> VhostSCSIDevice { try VhostSCSIDevice(options, path: node.path) }
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

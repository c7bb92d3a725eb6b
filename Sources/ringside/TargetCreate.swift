// SPDX-License-Identifier: MIT
import ArgumentParser
import LinuxSystem
import TargetConfig

struct TargetCreate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract:
            "Make a target with its portal group, nexus, LUNs and their backstores: all of it or nothing.",
        discussion: """
            A LUN is N=SPEC, with N from 0 to 16383 and SPEC one of
              ramdisk:SIZE[,nullio]                    memory of the kernel, for example 0=ramdisk:64M
              file:/PATH[,size=SIZE][,buffered|,direct]  a file, made where it is absent
              block:/DEV[,readonly]                    a whole block device
              pscsi:/DEV                               a SCSI disk, with its own command set
              user:HANDLER/CONFIG,size=SIZE            what a program in user space keeps (TCMU)
              name:BACKSTORE                           one that `ringside backstore create` made
            Backstores that are made here are named WWPN:TPGT:LUN and are removed with the target.

            Examples:
              ringside target create naa.5001405c0ffee001 --tpgt 1 --lun 0=ramdisk:64M
              ringside target create naa.5001405c0ffee002 --lun 0=file:/var/lib/disk.img,size=1G --dry-run
            """
    )

    @Argument(help: "The target port: naa.HEX16, fc.HEX16 or iqn.…", transform: { try WWPN($0) })
    var wwpn: WWPN

    @Option(help: "The portal group's tag, 0 to 255.", transform: { try TPGTag($0) })
    var tpgt = TPGTag(1)

    @Option(
        name: .customLong("lun"),
        parsing: .singleValue,
        help: ArgumentHelp("A LUN; may be given many times.", valueName: "N=SPEC"),
        transform: { try LUNSpec($0) }
    )
    var luns: [LUNSpec] = []

    @Option(
        help: "The initiator port of the nexus. By default a name that follows from WWPN and tag.",
        transform: { try WWPN($0) }
    )
    var nexus: WWPN?

    @OptionGroup var target: TargetOptions
    @OptionGroup var plan: PlanOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        do throws(OperationError) {
            _ = try request()
        } catch {
            throw ValidationError(error.description)
        }
    }

    func run() throws {
        let request = try request()
        guard !plan.dryRun else { return try plan.show(try target.tree.plan(creating: request), output) }
        let made = try target.tree.create(request)
        let backstores = Dictionary(try target.tree.backstores().map { ($0.path, $0) }) { first, _ in first }
        try output.print(made) { "\(TargetDrawing(target: $0, backstores: backstores))" }
    }

    private func request() throws(OperationError) -> TargetRequest {
        try TargetRequest(wwpn: wwpn, tag: tpgt, nexus: nexus, luns: luns)
    }
}

// SPDX-License-Identifier: MIT
import ArgumentParser
import LinuxSystem
import VhostSCSI

struct VhostVerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Overwrite a whole LUN with a pattern, read it back and compare.",
        discussion: """
            The pattern differs in every 8 bytes of the LUN, so that a block that landed elsewhere is found. The first
            byte that differs is reported with its block.

            EVERYTHING ON THE LUN IS LOST. Nothing tells a scratch disk from one with data, so the command wants
            --write to be said; with --dry-run it says what it would overwrite.

            With --protection each block goes with T10 protection information of type 1, and the target has to refuse
            information that is wrong; the LUN's backstore has pi_prot_type=1, and OPTIONS have t10_pi=on; or, with
            --socket, the LUN was given pi=1.

            EXAMPLES
              ringside vhost verify --write id=vhost-scsi0,wwpn=naa.500140500000001,tpgt=1
              ringside vhost verify --dry-run --lun 1 id=a,wwpn=naa.500140500000001,tpgt=1
              ringside vhost verify --write --seed 7 --json id=a,wwpn=naa.500140500000001,tpgt=1
            """
    )

    @OptionGroup var device: VhostDeviceOptions

    @Option(help: "The logical unit, 0 to 16383.")
    var lun: UInt16 = 0

    @Option(help: "What the pattern is made from.")
    var seed: UInt64 = 1

    @Option(help: "The size of a transfer.", transform: { try ByteSize($0) })
    var bs = ByteSize(bytes: 256 << 10)

    @Option(help: "Transfers in flight.")
    var iodepth = 4

    @Flag(help: "Write and read protection information with the data.")
    var protection = false

    @Flag(help: "Overwrite the LUN.")
    var write = false

    @Flag(help: "Say what would be overwritten, and write nothing.")
    var dryRun = false

    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard write || dryRun else {
            throw ValidationError(
                "verify overwrites the whole LUN: say --write to do it, --dry-run to see what it is."
            )
        }
        guard !protection || device.options?.requestedFeatures.contains(.t10PI) ?? true else {
            throw ValidationError("--protection wants t10_pi=on in OPTIONS.")
        }
        guard lun < 16384 else { throw ValidationError("--lun is 0 to 16383.") }
        guard (1...1024).contains(iodepth) else { throw ValidationError("--iodepth is 1 to 1024.") }
        guard bs.bytes <= 4 << 20, bs.bytes % 4096 == 0 else {
            throw ValidationError("--bs is a multiple of 4k, 4M at most.")
        }
    }

    func run() throws {
        let opened = try device.open(protection: protection)
        let initiator = try device.start(opened, depth: iodepth, transferBytes: Int(bs.bytes))
        if dryRun { return try printPlan(initiator) }
        if protection { return try verifyProtection(initiator) }
        let result = try initiator.finishing { () throws(OperationError) in
            try SurfaceCheck(seed: seed).run(on: initiator, lun: lun)
        }
        try output.print(VerifyReport(lun: lun, seed: seed, result: result)) { $0.description }
    }

    private func verifyProtection(_ initiator: SCSIInitiator) throws {
        let result = try initiator.finishing { () throws(OperationError) in
            try ProtectionCheck(seed: seed).run(on: initiator, lun: lun)
        }
        try output.print(ProtectionReport(lun: lun, result: result)) { $0.description }
    }

    private func printPlan(_ initiator: SCSIInitiator) throws {
        let size = try initiator.finishing { () throws(OperationError) in try initiator.readCapacity(lun: lun)
        }
        let plan = VerifyPlan(wwpn: device.name, lun: Int(lun), wouldOverwriteBytes: size.byteCount)
        try output.print(plan) { plan in
            "would overwrite all \(plan.wouldOverwriteBytes) bytes of LUN \(plan.lun) of \(plan.wwpn)"
        }
    }
}

private struct ProtectionReport: Encodable {
    let lun: Int
    let blocks: UInt64
    let wrongGuard: String
    let wrongReference: String

    init(lun: UInt16, result: ProtectionCheck.Result) {
        self.lun = Int(lun)
        blocks = result.blocks
        wrongGuard = result.wrongGuard
        wrongReference = result.wrongReference
    }

    var description: String {
        """
        LUN \(lun): \(blocks) blocks written with protection information, read back and equal
        wrong guard          \(wrongGuard)
        wrong reference tag  \(wrongReference)
        """
    }
}

private struct VerifyPlan: Encodable {
    let wwpn: String
    let lun: Int
    let wouldOverwriteBytes: UInt64
}

private struct VerifyReport: Encodable {
    let lun: Int
    let seed: UInt64
    let bytes: UInt64
    let writeSeconds: Double
    let readSeconds: Double
    let writeMBps: Double
    let readMBps: Double

    init(lun: UInt16, seed: UInt64, result: SurfaceCheck.Result) {
        self.lun = Int(lun)
        self.seed = seed
        bytes = result.byteCount
        writeSeconds = result.writeSeconds
        readSeconds = result.readSeconds
        writeMBps = Double(result.byteCount) / result.writeSeconds / 1e6
        readMBps = Double(result.byteCount) / result.readSeconds / 1e6
    }

    var description: String {
        """
        LUN \(lun): \(bytes) bytes written, read back and equal (seed \(seed))
        write  \(writeSeconds.fixed(2)) s  \(writeMBps.fixed(1)) MB/s
        read   \(readSeconds.fixed(2)) s  \(readMBps.fixed(1)) MB/s
        """
    }
}

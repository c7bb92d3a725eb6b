// SPDX-License-Identifier: MIT
import ArgumentParser
import LinuxSystem
import VhostSCSI

struct VhostProbeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe",
        abstract: "Ask a target what it is: INQUIRY, REPORT LUNS, READ CAPACITY, TEST UNIT READY.",
        discussion: """
            Changes nothing on the target; its TPG is claimed while the command runs.

            EXAMPLES
              ringside vhost probe id=vhost-scsi0,wwpn=naa.500140500000001,tpgt=1
              ringside vhost probe --json id=a,wwpn=naa.500140500000001,tpgt=1
              ringside vhost probe id=a,wwpn=naa.500140500000001,tpgt=1,vhostfd=3 3<>/dev/vhost-scsi
              ringside vhost probe --dirty-log id=a,wwpn=naa.500140500000001,tpgt=1
              ringside vhost probe --dirty-log --socket /run/ringside/disk.sock
            """
    )

    @OptionGroup var device: VhostDeviceOptions
    @Flag(help: "Ask for the dirty log instead, and say what the device marks in it for one command.")
    var dirtyLog = false

    @Option(help: "With --dirty-log, the logical unit.")
    var lun: UInt16 = 0

    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard lun < 16384 else { throw ValidationError("--lun is 0 to 16383.") }
    }

    func run() throws {
        let opened = try device.open()
        let initiator = try device.start(opened, depth: 1)
        if dirtyLog, let device = opened as? any DirtyLogging { return try checkLog(initiator, device) }
        let units = try initiator.finishing { () throws(OperationError) in
            var units: [LogicalUnitReport] = []
            for lun in try initiator.reportLUNs() { units.append(try LogicalUnitReport(initiator, lun)) }
            return units
        }
        let report = ProbeReport(wwpn: device.name, target: Int(initiator.target), luns: units)
        try output.print(report) { $0.description }
    }

    private func checkLog(_ initiator: SCSIInitiator, _ device: any DirtyLogging) throws {
        let result = try initiator.finishing { () throws(OperationError) in
            try LogCheck().run(on: initiator, device, lun: lun)
        }
        try output.print(LogReport(result)) { $0.description }
        if !result.hasUsedRing || result.strays > 0 || result.late > 0 { throw ExitCode(1) }
    }
}

/// What the device marked in the dirty log.
private struct LogReport: Encodable {
    let usedRing: Bool
    let response: Bool
    let data: Bool
    let strays: Int
    let late: Int

    init(_ result: LogCheck.Result) {
        usedRing = result.hasUsedRing
        response = result.hasResponse
        data = result.hasData
        strays = result.strays
        late = result.late
    }

    var description: String {
        let word = { (marked: Bool) in marked ? "marked" : "not marked" }
        return """
            used ring  \(word(usedRing))
            response   \(word(response))
            data       \(word(data))
            elsewhere  \(strays) pages
            afterwards \(late) pages
            """
    }
}

extension SCSIInitiator {
    /// Runs `body` and detaches, also where it fails; its failure counts more than that of detaching.
    func finishing<Result>(_ body: () throws(OperationError) -> Result) throws(OperationError) -> Result {
        let result: Result
        do {
            result = try body()
        } catch {
            try [self].detach(after: error)
            throw error
        }
        try detach()
        return result
    }
}

/// What the target answered.
private struct ProbeReport: Encodable {
    let wwpn: String
    let target: Int
    let luns: [LogicalUnitReport]

    var description: String {
        guard !luns.isEmpty else { return "\(wwpn) target \(target): no logical units" }
        return Table(
            columns: ["lun", "type", "vendor", "product", "rev", "blocks", "block size", "ready"],
            rows: luns.map { unit in
                [
                    "\(unit.lun)", unit.type, unit.vendor, unit.product, unit.revision,
                    unit.blocks.map { "\($0)" } ?? "-", unit.blockSize.map { "\($0)" } ?? "-",
                    unit.notReady ?? "yes",
                ]
            }
        ).description
    }
}

/// What one logical unit answered.
private struct LogicalUnitReport: Encodable {
    let lun: Int
    let type: String
    let vendor: String
    let product: String
    let revision: String
    let blocks: UInt64?
    let blockSize: Int?
    let ready: Bool
    let notReady: String?

    init(_ initiator: SCSIInitiator, _ lun: UInt16) throws(OperationError) {
        let inquiry = try initiator.inquiry(lun: lun)
        self.lun = Int(lun)
        type = inquiry.typeName
        vendor = inquiry.vendor
        product = inquiry.product
        revision = inquiry.revision
        do throws(OperationError) {
            try initiator.testUnitReady(lun: lun)
        } catch  where error.errno == nil {
            // The logical unit's refusal is an answer; a broken ring is not.
            (ready, notReady, blocks, blockSize) = (false, error.cause, nil, nil)
            return
        }
        (ready, notReady) = (true, nil)
        let capacity = inquiry.deviceType == 0 ? try initiator.readCapacity(lun: lun) : nil
        blocks = capacity?.blocks
        blockSize = capacity?.blockSize
    }
}

// SPDX-License-Identifier: MIT

/// How a command ended, from `struct virtio_scsi_cmd_resp`.
public struct SCSIResponse: Equatable, Sendable {
    /// The transport's verdict, `VIRTIO_SCSI_S_*`; 0 where the command reached the logical unit.
    public let response: UInt8
    /// The logical unit's SCSI status; 0 is GOOD.
    public let status: UInt8
    /// How many bytes of the data were not transferred.
    public let residual: UInt32
    /// The sense data, where there is some.
    public let sense: [UInt8]

    init(response: UInt8, status: UInt8, residual: UInt32, sense: [UInt8]) {
        self.response = response
        self.status = status
        self.residual = residual
        self.sense = sense
    }

    /// True where command and data went through.
    public var isGood: Bool { response == 0 && status == 0 }

    /// The sense data read, where it says something.
    public var decodedSense: SCSISense? { SCSISense(sense) }

    /// What went wrong, in words; nil where nothing did.
    public var failure: String? {
        if response != 0 { return Self.responses[Int(response)] ?? "virtio-scsi response \(response)" }
        if status == 0 { return nil }
        let name = Self.statuses[status] ?? "SCSI status \(String(status, radix: 16))h"
        return decodedSense.map { "\(name): \($0)" } ?? name
    }

    private static let responses: [Int: String] = [
        1: "OVERRUN: more data than room for it",
        2: "ABORTED: the command was aborted",
        3: "BAD_TARGET: the endpoint has no TPG of that tag, or refuses the request",
        4: "RESET: the command was ended by a reset",
        5: "BUSY: the device is busy",
        6: "TRANSPORT_FAILURE: the path to the target failed",
        7: "TARGET_FAILURE: the target failed",
        8: "NEXUS_FAILURE: the nexus failed",
        9: "FAILURE: the device failed",
    ]

    private static let statuses: [UInt8: String] = [
        0x02: "CHECK CONDITION", 0x04: "CONDITION MET", 0x08: "BUSY", 0x18: "RESERVATION CONFLICT",
        0x28: "TASK SET FULL", 0x30: "ACA ACTIVE", 0x40: "TASK ABORTED",
    ]
}

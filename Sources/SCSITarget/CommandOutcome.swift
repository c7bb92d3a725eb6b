// SPDX-License-Identifier: MIT

/// The status that ends a command, from SAM-5.
public enum SCSIStatus: UInt8, Sendable {
    case good = 0x00
    case checkCondition = 0x02
    case busy = 0x08
    case reservationConflict = 0x18
}

/// How a command ended.
public struct CommandOutcome: Equatable, Sendable {
    public var status: SCSIStatus
    /// Sense data: with CHECK CONDITION 18 bytes in the fixed format, or at most 28 in the descriptor format where the
    /// initiator chose that; empty with any other status.
    public var sense: [UInt8]
    /// How many bytes, counted from the first, were written to the room for data to the initiator.
    public var dataInCount: Int
    /// How many bytes of the data from the initiator were taken.
    public var dataOutCount: Int
    /// How many bytes the command had to transfer, whatever room or data there was. The residual is the difference to
    /// what the initiator provided for: fewer is an underrun, more is an overrun.
    public var wanted: Int
    /// Protection information for the initiator, no more than it has room for.
    public var information: [UInt8]

    init(
        status: SCSIStatus = .good,
        sense: [UInt8] = [],
        dataInCount: Int = 0,
        dataOutCount: Int = 0,
        wanted: Int = 0,
        information: [UInt8] = []
    ) {
        self.status = status
        self.sense = sense
        self.dataInCount = dataInCount
        self.dataOutCount = dataOutCount
        self.wanted = wanted
        self.information = information
    }
}

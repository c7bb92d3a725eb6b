// SPDX-License-Identifier: MIT
public import LinuxSystem

/// What a LUN has done since its link was made: `lun/lun_<n>/statistics/scsi_tgt_port`.
public struct LUNStatistics: Equatable, Sendable, Encodable {
    /// The commands that came.
    public var commands: UInt64
    /// What was read and written, in units of 1 MiB, as the kernel counts.
    public var readMegabytes: UInt64
    public var writtenMegabytes: UInt64

    /// What was done between an earlier reading and this one; nil where the counters began anew in between.
    public func since(_ earlier: LUNStatistics) -> LUNStatistics? {
        guard commands >= earlier.commands, readMegabytes >= earlier.readMegabytes,
            writtenMegabytes >= earlier.writtenMegabytes
        else { return nil }
        return LUNStatistics(
            commands: commands - earlier.commands,
            readMegabytes: readMegabytes - earlier.readMegabytes,
            writtenMegabytes: writtenMegabytes - earlier.writtenMegabytes
        )
    }
}

extension TargetTree {
    /// The counters of a LUN; nil while it has no backstore.
    public func statistics(of lun: LogicalUnit) throws(OperationError) -> LUNStatistics? {
        let directory = try open(lun.path + "/statistics/scsi_tgt_port")
        var values: [UInt64] = []
        for name in ["in_cmds", "read_mbytes", "write_mbytes"] {
            guard let value = try directory?.attribute(name).flatMap({ UInt64($0) }) else {
                return nil
            }
            values.append(value)
        }
        return LUNStatistics(commands: values[0], readMegabytes: values[1], writtenMegabytes: values[2])
    }

    /// The processes that have the vhost-scsi device open, and may therefore hold a target's endpoint, as far as this user
    /// may see. The kernel does not tell which of them holds which target.
    public func possibleHolders() -> [String] { endpointHolders().map(\.description) }
}

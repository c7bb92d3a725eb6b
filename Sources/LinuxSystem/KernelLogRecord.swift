// SPDX-License-Identifier: MIT
public import SystemPackage

/// One record of the kernel's log, as `/dev/kmsg` gives it (`Documentation/ABI/testing/dev-kmsg`).
public struct KernelLogRecord: Equatable, Sendable {
    /// 0 (emergency) to 7 (debug).
    public var level: Int
    /// Who wrote it: 0 is the kernel itself, others are programs (`syslog(3)`).
    public var facility = 0
    /// Counts records since boot.
    public var sequence: Int
    /// Microseconds since boot.
    public var timestamp: Int
    /// The message, without the lines of its dictionary (`SUBSYSTEM=`, `DEVICE=`); a line break in it is `\\x0a`.
    public var text: String

    public init(level: Int, sequence: Int, timestamp: Int, text: String) {
        self.level = level
        self.sequence = sequence
        self.timestamp = timestamp
        self.text = text
    }

    /// - Parameter record: `PRIORITY,SEQUENCE,TIMESTAMP,FLAGS;TEXT`, where the priority's low three bits are the level and the others
    ///   the facility.
    public init?(_ record: String) {
        guard let semicolon = record.utf8.firstIndex(of: UInt8(ascii: ";")) else { return nil }
        let fields = record[..<semicolon].utf8.split(separator: UInt8(ascii: ",")).map { Int(Substring($0)) }
        guard fields.count >= 3, let priority = fields[0], let sequence = fields[1],
            let timestamp = fields[2]
        else { return nil }
        level = priority & 7
        facility = priority >> 3
        self.sequence = sequence
        self.timestamp = timestamp
        text = String(Substring(record[semicolon...].utf8.dropFirst().prefix { $0 != UInt8(ascii: "\n") }))
    }

    /// The record as `/dev/kmsg` gives it, without its dictionary.
    public var line: String { "\(facility << 3 | level),\(sequence),\(timestamp),-;\(text)" }
}

extension FileDescriptor {
    /// The next record of `/dev/kmsg`, which is open here and does not block, without its dictionary; nil where there is
    /// none yet.
    ///
    /// What the kernel overwrote before it was read may have been trouble, so the gap counts as such: a warning stands for
    /// it, and the next call goes on behind it.
    public func nextKernelLogRecord() -> String? {
        do {
            // The longest that the kernel hands out (`CONSOLE_EXT_LOG_MAX`).
            let bytes = try readSome(upTo: 8192)
            return bytes.isEmpty
                ? nil : String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        } catch .brokenPipe {
            return "4,0,0,-;WARNING: the kernel overwrote log records before they were read"
        } catch {
            return nil
        }
    }
}

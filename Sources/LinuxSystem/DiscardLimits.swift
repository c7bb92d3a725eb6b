// SPDX-License-Identifier: MIT
internal import CLinux
internal import Glibc
public import SystemPackage

/// How a file or block device gives space back.
public struct DiscardLimits: Equatable, Sendable {
    /// How many bytes are given back at a time, `discard_granularity`.
    public let granularity: Int
    /// Where the first whole granule begins, in bytes, `discard_alignment`.
    public let alignment: Int
    /// Whether the device can make a range zero by itself, `write_zeroes_max_bytes`, and may give its space back by
    /// that; not all do. What is discarded alone may read as anything.
    public let zeroes: Bool

    public init(granularity: Int, alignment: Int, zeroes: Bool) {
        (self.granularity, self.alignment, self.zeroes) = (granularity, alignment, zeroes)
    }
}

extension FileDescriptor {
    /// Whether it is a block device; the corresponding C function is `fstat`.
    public func isBlockDevice() throws(Errno) -> Bool { try stat().type == .blockSpecial }

    /// What a block device's queue says of giving space back, in sysfs; nil where it cannot.
    public func discardLimits() throws(Errno) -> DiscardLimits? {
        let device = UInt64(try stat().rawValue.st_rdev)
        let major = device >> 8 & 0xfff | device >> 32 & ~0xfff
        let minor = device & 0xff | device >> 12 & ~0xff
        let entry = FilePath("/sys/dev/block/\(major):\(minor)")
        // A partition's limits are those of the disk that it is in.
        let queue = entry.appending(entry.appending("queue").exists ? "queue" : "../queue")
        guard queue.number("discard_max_bytes") > 0 else { return nil }
        return DiscardLimits(
            granularity: queue.number("discard_granularity"),
            alignment: entry.number("discard_alignment"),
            zeroes: queue.number("write_zeroes_max_bytes") > 0 && !queue.keepsZeroedSpace
        )
    }

    /// Gives a range's space back, whatever it reads as then; the corresponding ioctl is `BLKDISCARD`.
    public func discard(_ range: Range<UInt64>) throws(Errno) {
        var bytes = range.lowerBound.littleEndianBytes + UInt64(range.count).littleEndianBytes
        try control(0x1277, &bytes)
    }
}

extension FilePath {
    /// Whether the queue is that of a SCSI disk whose driver zeroes by other commands than those that unmap.
    fileprivate var keepsZeroedSpace: Bool {
        let disk = appending("../device/scsi_disk")
        // Other disks have no such directory.
        guard disk.exists else { return false }
        do {
            guard let name = try disk.entryNames().first else { return false }
            return try !disk.appending(name).appending("zeroing_mode").readText().hasSuffix("_unmap\n")
        } catch {
            return true
        }
    }

    /// The number in a file of a directory; 0 where there is none.
    fileprivate func number(_ name: String) -> Int {
        let text: String
        // A kernel or container without the file has nothing to say.
        do { text = try appending(name).readText() } catch { return 0 }
        return text.split(separator: "\n").first.flatMap { Int($0) } ?? 0
    }
}

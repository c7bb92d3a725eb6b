// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Virtqueue

/// A line of the front-end's memory table.
struct MemoryRegion: Equatable, Sendable {
    /// The bytes of a line: guest address, size, front-end address, offset in the file, 64 bits each.
    static let wireBytes = 32

    let guestAddress: UInt64
    let byteCount: UInt64
    let frontEndAddress: UInt64
    let fileOffset: UInt64

    init(_ fields: inout WireFields) {
        guestAddress = fields.next()
        byteCount = fields.next()
        frontEndAddress = fields.next()
        fileOffset = fields.next()
    }

    func check() throws(VhostUserRefusal) {
        let sums = [guestAddress, frontEndAddress, fileOffset].map { $0.addingReportingOverflow(byteCount) }
        guard byteCount > 0, !sums.contains(where: \.overflow), sums[2].partialValue <= Int64.max else {
            throw VhostUserRefusal(
                "memory region",
                "size \(byteCount) at \(guestAddress) is empty or wraps around"
            )
        }
    }

    func overlaps(_ other: MemoryRegion) -> Bool {
        func meet(_ a: UInt64, _ b: UInt64) -> Bool { a < b + other.byteCount && b < a + byteCount }
        return meet(guestAddress, other.guestAddress) || meet(frontEndAddress, other.frontEndAddress)
    }
}

/// The front-end's memory, as far as it has been handed over.
///
/// Lines outlive a stop and a reset of the device: QEMU does not send them again.
final class PeerMemory {
    /// How many regions there may be, `GET_MAX_MEM_SLOTS`.
    static let slots = 64

    private(set) var lines: [(region: MemoryRegion, mapping: PeerMapping)] = []
    /// The table for the rings; nil without a region.
    private(set) var table: GuestMemoryTable?

    /// Signalled when a file was truncated under us.
    private let lost: PassedDescriptor

    init(lost: PassedDescriptor) { self.lost = lost }

    /// Whether a file was truncated under us.
    var isLost: Bool { lines.contains { $0.mapping.isLost } }

    /// Replaces everything; changes nothing where a line is refused.
    func replace(_ regions: [MemoryRegion], _ files: [PassedDescriptor]) throws(VhostUserRefusal) {
        let fresh = PeerMemory(lost: lost)
        for (region, file) in zip(regions, files) { try fresh.add(region, file) }
        (lines, table) = (fresh.lines, fresh.table)
    }

    func add(_ region: MemoryRegion, _ file: PassedDescriptor) throws(VhostUserRefusal) {
        try region.check()
        guard lines.count < Self.slots else {
            throw VhostUserRefusal("memory region", "there are \(Self.slots) already")
        }
        guard !lines.contains(where: { $0.region.overlaps(region) }) else {
            throw VhostUserRefusal("memory region", "it overlaps one that is there")
        }
        do throws(Errno) {
            // From the file's beginning, because an offset into huge pages is no offset for mmap.
            let mapping = try PeerMapping(file, byteCount: region.fileOffset + region.byteCount, lost: lost)
            let lines = lines + [(region, mapping)]
            table = try Self.table(of: lines)
            self.lines = lines
        } catch {
            let cause = "\(region.byteCount) bytes at \(region.fileOffset) of its file cannot be mapped"
            throw VhostUserRefusal("memory region", "\(cause): \(error.description)")
        }
    }

    func remove(_ region: MemoryRegion) throws(VhostUserRefusal) {
        let rest = lines.filter { line in
            line.region.guestAddress != region.guestAddress || line.region.byteCount != region.byteCount
                || line.region.frontEndAddress != region.frontEndAddress
        }
        guard rest.count < lines.count else {
            throw VhostUserRefusal("memory region", "there is none like it")
        }
        do throws(Errno) {
            table = rest.isEmpty ? nil : try Self.table(of: rest)
        } catch {
            throw VhostUserRefusal("memory region", error.description)
        }
        lines = rest
    }

    /// Where `byteCount` bytes at an address of the front-end are here, and in the guest; nil where they are not in one
    /// region.
    func find(_ frontEndAddress: UInt64, byteCount: UInt64) -> (user: UInt64, guest: UInt64)? {
        for (region, mapping) in lines {
            let offset = frontEndAddress &- region.frontEndAddress
            guard frontEndAddress >= region.frontEndAddress, offset < region.byteCount,
                byteCount <= region.byteCount - offset
            else { continue }
            return (mapping.mapping.address + region.fileOffset + offset, region.guestAddress + offset)
        }
        return nil
    }

    private static func table(of lines: [(region: MemoryRegion, mapping: PeerMapping)]) throws(Errno)
        -> GuestMemoryTable
    {
        try GuestMemoryTable(
            lines.map { line in
                GuestRegion(
                    line.mapping,
                    offset: Int(line.region.fileOffset),
                    byteCount: Int(line.region.byteCount),
                    guestAddress: line.region.guestAddress
                )
            }
        )
    }
}

// SPDX-License-Identifier: MIT
public import LinuxSystem
internal import Virtqueue

/// Sees what a device marks in the dirty log for one command.
public struct LogCheck: Sendable {
    /// What was marked.
    public struct Result: Equatable, Sendable {
        /// Whether the pages of the used ring were that were written.
        public let hasUsedRing: Bool
        /// Whether the response's page was.
        public let hasResponse: Bool
        /// Whether the data's page was.
        public let hasData: Bool
        /// How many pages were that the device had no reason to write.
        public let strays: Int
        /// How many were by a command behind the log's end.
        public let late: Int
    }

    public init() {}

    /// Runs an INQUIRY with the log, and one without.
    public func run(on initiator: SCSIInitiator, _ device: any DirtyLogging, lun: UInt16)
        throws(OperationError)
        -> Result
    {
        let region = initiator.rings.region
        let log = try DirtyPages(
            covering: region.guestAddress + region.byteCount,
            isShared: device.needsSharedMemory
        )
        try device.startLog(log)
        _ = try initiator.inquiry(lun: lun)
        try device.stopLog()
        let marked = Set(log.take())
        _ = try initiator.inquiry(lun: lun)
        let late = log.take().count
        let slot = initiator.queue.slots[0]
        let response = Self.pages(slot.response.guestAddress, slot.response.byteCount)
        let data = Self.pages(slot.data.guestAddress, SCSIInquiry.byteCount)
        // The flags and the index, the first entries, and the event behind the last.
        let used = initiator.rings.addresses.reduce(into: Set<UInt64>()) { pages, ring in
            pages.formUnion(Self.pages(ring.usedGuestAddress, 6 + 8 * Int(ring.size)))
        }
        let request = initiator.rings.addresses[2]
        return Result(
            hasUsedRing: marked.contains(request.usedGuestAddress & ~(DirtyPages.pageBytes - 1)),
            hasResponse: response.isSubset(of: marked),
            hasData: data.isSubset(of: marked),
            strays: marked.subtracting(used).subtracting(response).subtracting(data).count,
            late: late
        )
    }

    private static func pages(_ address: UInt64, _ byteCount: Int) -> Set<UInt64> {
        let first = address & ~(DirtyPages.pageBytes - 1)
        return Set(stride(from: first, to: address + UInt64(byteCount), by: Int(DirtyPages.pageBytes)))
    }
}

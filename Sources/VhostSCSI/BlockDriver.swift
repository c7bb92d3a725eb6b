// SPDX-License-Identifier: MIT
public import LinuxSystem

/// Plays the guest of a virtio-blk device: request rings for a load.
///
/// One thread uses it.
public final class BlockDriver: LoadTarget {
    /// The bytes of `struct virtio_blk_config` up to `num_queues`.
    public static let configurationBytes = 36

    /// What the device is, for messages.
    public let name: String
    /// The size of the device.
    public let capacity: SCSICapacity
    /// Whether the device takes no writes.
    public let isReadOnly: Bool
    /// How long a request may take, in seconds.
    public var timeout = 30.0
    /// The number of request queues.
    public var queueCount: Int { rings.requests.count }
    let rings: InitiatorRings
    let isKernelDevice = false
    let unit: (target: UInt8, lun: UInt16)? = nil
    var place: String { name }
    let features: VhostFeatures
    private let device: any SCSITransport

    /// Lays out memory and rings, and starts the device on them.
    ///
    /// - Parameters:
    ///   - device: an open device, not started. Stop it with `detach`.
    ///   - configuration: the first ``configurationBytes`` of its configuration space.
    ///   - depth: how many requests each queue may have in flight.
    ///   - transferBytes: the most bytes that one request transfers.
    /// - Throws: where the device has fewer queues.
    public init(
        _ device: any SCSITransport,
        configuration: [UInt8],
        depth: Int,
        transferBytes: Int,
        queues: Int = 1
    ) throws(OperationError) {
        (self.device, features, name) = (device, device.features, device.name)
        isReadOnly = features.contains(.blockReadOnly)
        capacity = try Self.capacity(configuration, features, name)
        let most = features.contains(.blockQueues) ? Self.number(configuration[34..<36]) : 1
        guard queues <= most else {
            throw OperationError("start \(queues) queues of", name, cause: "the device has \(most)")
        }
        let shape = try RingShape(
            depth: depth,
            transferBytes: transferBytes,
            queues: queues,
            features: features
        )
        rings = try InitiatorRings(
            shape,
            for: .block,
            features: features,
            isShared: device.needsSharedMemory
        )
        try device.start(memory: [rings.region], rings: rings.addresses)
        rings.connect(device.events, device)
    }

    deinit {
        // The device must let go of the memory before it is unmapped; a failure leaves nobody to tell.
        do { try detach() } catch { _ = error }
    }

    /// Stops the device; the driver is of no use afterwards.
    public func detach() throws(OperationError) { try device.stop() }

    /// The capacity stands in front, in sectors of 512 bytes; the block size at offset 20.
    private static func capacity(_ bytes: [UInt8], _ features: VhostFeatures, _ name: String)
        throws(OperationError) -> SCSICapacity
    {
        let blockSize = features.contains(.blockSize) ? number(bytes[20..<24]) : 512
        guard blockSize >= 512, blockSize % 512 == 0 else {
            throw OperationError("use", name, cause: "blocks of \(blockSize) bytes")
        }
        return SCSICapacity(blocks: number(bytes[..<8]) / (blockSize / 512), blockSize: Int(blockSize))
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}

// SPDX-License-Identifier: MIT

/// The virtio and vhost feature bits that `VHOST_GET_FEATURES` offers and `VHOST_SET_FEATURES` takes.
public struct VhostFeatures: OptionSet, Hashable, Sendable {
    public let rawValue: UInt64

    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// `VIRTIO_SCSI_F_HOTPLUG`: the device reports LUNs that come and go on the event queue.
    public static let hotplug = VhostFeatures(rawValue: 1 << 1)
    /// `VIRTIO_SCSI_F_CHANGE`: the device reports LUNs that change on the event queue.
    public static let change = VhostFeatures(rawValue: 1 << 2)
    /// `VIRTIO_SCSI_F_T10_PI`: requests carry protection information; the request header grows to 59 bytes.
    public static let t10PI = VhostFeatures(rawValue: 1 << 3)
    /// `VIRTIO_F_NOTIFY_ON_EMPTY`: the device signals when it runs out of requests, whatever is suppressed.
    public static let notifyOnEmpty = VhostFeatures(rawValue: 1 << 24)
    /// `VHOST_F_LOG_ALL`: the device marks the pages that it writes.
    public static let logAll = VhostFeatures(rawValue: 1 << 26)
    /// `VIRTIO_F_ANY_LAYOUT`: headers and data may share descriptors.
    public static let anyLayout = VhostFeatures(rawValue: 1 << 27)
    /// `VIRTIO_RING_F_INDIRECT_DESC`: one descriptor may name a table of them.
    public static let indirectDescriptors = VhostFeatures(rawValue: 1 << 28)
    /// `VIRTIO_RING_F_EVENT_IDX`: each side names the index at which it wants to be woken.
    public static let eventIndex = VhostFeatures(rawValue: 1 << 29)
    /// `VIRTIO_F_VERSION_1`: little-endian, as virtio 1.0 has it.
    public static let version1 = VhostFeatures(rawValue: 1 << 32)

    /// What the driver side in this module makes use of unasked.
    ///
    /// T10 PI grows every request's header, hot-plug events want somebody to take them, and the dirty log costs time.
    public static let wanted: VhostFeatures = [.version1, .indirectDescriptors, .eventIndex, .anyLayout]

    /// `VIRTIO_BLK_F_RO`: a block device takes no writes.
    static let blockReadOnly = VhostFeatures(rawValue: 1 << 5)
    /// `VIRTIO_BLK_F_BLK_SIZE`: a block device tells the size of its blocks.
    static let blockSize = VhostFeatures(rawValue: 1 << 6)
    /// `VIRTIO_BLK_F_FLUSH`: a block device may keep what was written in a cache.
    static let blockFlush = VhostFeatures(rawValue: 1 << 9)
    /// `VIRTIO_BLK_F_MQ`: a block device tells how many request rings it has.
    static let blockQueues = VhostFeatures(rawValue: 1 << 12)

    /// What the driver side makes use of in a block device.
    public static let wantedOfBlockDevice: VhostFeatures = wanted.union([
        .blockReadOnly, .blockSize, .blockFlush, .blockQueues,
    ])

    private static let named: [(VhostFeatures, String)] = [
        (.hotplug, "HOTPLUG"), (.change, "CHANGE"), (.t10PI, "T10_PI"), (.notifyOnEmpty, "NOTIFY_ON_EMPTY"),
        (.logAll, "LOG_ALL"),
        (.anyLayout, "ANY_LAYOUT"), (.indirectDescriptors, "INDIRECT_DESC"), (.eventIndex, "EVENT_IDX"),
        (.version1, "VERSION_1"),
    ]

    /// The names of the bits that are set, lowest first; a bit without a name here is `bit N`.
    public var names: [String] {
        (0..<64).filter { rawValue & (1 << $0) != 0 }.map { bit in
            Self.named.first { $0.0.rawValue == 1 << bit }?.1 ?? "bit \(bit)"
        }
    }
}

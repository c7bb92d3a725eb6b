// SPDX-License-Identifier: MIT

/// The requests that a front-end sends, by their numbers in the vhost-user protocol.
public enum VhostUserRequest: UInt32, Sendable {
    case getFeatures = 1
    case setFeatures = 2
    case setOwner = 3
    case resetOwner = 4
    case setMemoryTable = 5
    case setLogBase = 6
    case setLogDescriptor = 7
    case setRingSize = 8
    case setRingAddress = 9
    case setRingBase = 10
    case getRingBase = 11
    case setRingKick = 12
    case setRingCall = 13
    case setRingError = 14
    case getProtocolFeatures = 15
    case setProtocolFeatures = 16
    case getQueueCount = 17
    case setRingEnable = 18
    case getConfiguration = 24
    case setConfiguration = 25
    case getInflight = 31
    case setInflight = 32
    case resetDevice = 34
    case getMemorySlots = 36
    case addMemoryRegion = 37
    case removeMemoryRegion = 38
    case setStatus = 39
    case getStatus = 40

    /// The name in the protocol's text, without its prefix.
    public var name: String {
        switch self {
        case .getFeatures: "GET_FEATURES"
        case .setFeatures: "SET_FEATURES"
        case .setOwner: "SET_OWNER"
        case .resetOwner: "RESET_OWNER"
        case .setMemoryTable: "SET_MEM_TABLE"
        case .setLogBase: "SET_LOG_BASE"
        case .setLogDescriptor: "SET_LOG_FD"
        case .setRingSize: "SET_VRING_NUM"
        case .setRingAddress: "SET_VRING_ADDR"
        case .setRingBase: "SET_VRING_BASE"
        case .getRingBase: "GET_VRING_BASE"
        case .setRingKick: "SET_VRING_KICK"
        case .setRingCall: "SET_VRING_CALL"
        case .setRingError: "SET_VRING_ERR"
        case .getProtocolFeatures: "GET_PROTOCOL_FEATURES"
        case .setProtocolFeatures: "SET_PROTOCOL_FEATURES"
        case .getQueueCount: "GET_QUEUE_NUM"
        case .setRingEnable: "SET_VRING_ENABLE"
        case .getConfiguration: "GET_CONFIG"
        case .setConfiguration: "SET_CONFIG"
        case .getInflight: "GET_INFLIGHT_FD"
        case .setInflight: "SET_INFLIGHT_FD"
        case .resetDevice: "RESET_DEVICE"
        case .getMemorySlots: "GET_MAX_MEM_SLOTS"
        case .addMemoryRegion: "ADD_MEM_REG"
        case .removeMemoryRegion: "REM_MEM_REG"
        case .setStatus: "SET_STATUS"
        case .getStatus: "GET_STATUS"
        }
    }
}

/// What both sides of a vhost-user connection can do beyond the basics (`VHOST_USER_PROTOCOL_F_*`).
public struct ProtocolFeatures: OptionSet, Hashable, Sendable {
    public let rawValue: UInt64

    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// Several queues.
    public static let multiqueue = ProtocolFeatures(rawValue: 1 << 0)
    /// The dirty log comes as a file.
    public static let logFile = ProtocolFeatures(rawValue: 1 << 1)
    /// Requests may ask for an acknowledgement.
    public static let replyAck = ProtocolFeatures(rawValue: 1 << 3)
    /// The front-end reads the device's configuration space; ours tells it where somebody asks all the same.
    public static let configuration = ProtocolFeatures(rawValue: 1 << 9)
    /// What is in flight is noted in memory that both sides keep.
    public static let inflight = ProtocolFeatures(rawValue: 1 << 12)
    /// The device can be reset.
    public static let resetDevice = ProtocolFeatures(rawValue: 1 << 13)
    /// Memory regions come and go one by one.
    public static let memorySlots = ProtocolFeatures(rawValue: 1 << 15)
    /// The front-end tells the virtio device status.
    public static let status = ProtocolFeatures(rawValue: 1 << 16)

    /// All that a back-end of this module offers.
    public static let all: ProtocolFeatures = [
        .multiqueue, .logFile, .replyAck, .inflight, .resetDevice, .memorySlots, .status,
    ]
}

/// The feature bits of the transport, next to the device's own.
public enum TransportFeatures {
    /// `VHOST_F_LOG_ALL`: writes to the guest's memory are logged.
    public static let logAll: UInt64 = 1 << 26
    /// `VHOST_USER_F_PROTOCOL_FEATURES`: the two requests about protocol features are there, and rings start disabled.
    public static let protocolFeatures: UInt64 = 1 << 30
    /// `VIRTIO_F_VERSION_1`, which QEMU sets without being offered it.
    public static let version1: UInt64 = 1 << 32
}

// SPDX-License-Identifier: MIT

/// An ioctl of a vhost device: its name in `linux/vhost.h`, and its number, put together as `_IOC()` does.
struct VhostIoctl: Equatable {
    let name: String
    let number: UInt

    private init(_ name: String, _ direction: UInt, _ number: UInt, _ bytes: UInt) {
        self.name = name
        self.number = direction << 30 | bytes << 16 | 0xaf << 8 | number
    }

    private static func plain(_ name: String, _ number: UInt) -> VhostIoctl { .init(name, 0, number, 0) }
    private static func write(_ name: String, _ number: UInt, _ bytes: UInt) -> VhostIoctl {
        .init(name, 1, number, bytes)
    }
    private static func read(_ name: String, _ number: UInt, _ bytes: UInt) -> VhostIoctl {
        .init(name, 2, number, bytes)
    }
    private static func both(_ name: String, _ number: UInt, _ bytes: UInt) -> VhostIoctl {
        .init(name, 3, number, bytes)
    }

    static let getFeatures = read("VHOST_GET_FEATURES", 0x00, 8)
    static let setFeatures = write("VHOST_SET_FEATURES", 0x00, 8)
    static let setOwner = plain("VHOST_SET_OWNER", 0x01)
    static let resetOwner = plain("VHOST_RESET_OWNER", 0x02)
    static let setMemoryTable = write("VHOST_SET_MEM_TABLE", 0x03, 8)
    static let setLogBase = write("VHOST_SET_LOG_BASE", 0x04, 8)
    static let setLogDescriptor = write("VHOST_SET_LOG_FD", 0x07, 4)
    static let newWorker = read("VHOST_NEW_WORKER", 0x08, 4)
    static let setRingSize = write("VHOST_SET_VRING_NUM", 0x10, 8)
    static let setRingAddresses = write("VHOST_SET_VRING_ADDR", 0x11, 40)
    static let setRingBase = write("VHOST_SET_VRING_BASE", 0x12, 8)
    static let getRingBase = both("VHOST_GET_VRING_BASE", 0x12, 8)
    static let setRingKick = write("VHOST_SET_VRING_KICK", 0x20, 8)
    static let setRingCall = write("VHOST_SET_VRING_CALL", 0x21, 8)
    static let setRingError = write("VHOST_SET_VRING_ERR", 0x22, 8)
    static let setBusyLoop = write("VHOST_SET_VRING_BUSYLOOP_TIMEOUT", 0x23, 8)
    static let getBusyLoop = write("VHOST_GET_VRING_BUSYLOOP_TIMEOUT", 0x24, 8)
    static let setEndpoint = write("VHOST_SCSI_SET_ENDPOINT", 0x40, 232)
    static let clearEndpoint = write("VHOST_SCSI_CLEAR_ENDPOINT", 0x41, 232)
    static let getABIVersion = write("VHOST_SCSI_GET_ABI_VERSION", 0x42, 4)
    static let setEventsMissed = write("VHOST_SCSI_SET_EVENTS_MISSED", 0x43, 4)
    static let getEventsMissed = write("VHOST_SCSI_GET_EVENTS_MISSED", 0x44, 4)
    /// A number that no vhost device has.
    static let unknown = write("ioctl af7f", 0x7f, 8)
}

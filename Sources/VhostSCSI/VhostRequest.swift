// SPDX-License-Identifier: MIT
internal import CLinux
internal import LinuxSystem

/// One ioctl of the vhost-scsi device: its name, its number and its argument, byte for byte.
///
/// vhost takes the host's byte order, which is little-endian wherever this package builds.
package struct VhostRequest: Equatable, Sendable {
    /// The ioctls that this module uses; the raw value is the name in `linux/vhost.h`.
    package enum Name: String, Sendable {
        case setOwner = "VHOST_SET_OWNER"
        case getFeatures = "VHOST_GET_FEATURES"
        case setFeatures = "VHOST_SET_FEATURES"
        case setMemoryTable = "VHOST_SET_MEM_TABLE"
        case setLogBase = "VHOST_SET_LOG_BASE"
        case newWorker = "VHOST_NEW_WORKER"
        case freeWorker = "VHOST_FREE_WORKER"
        case attachWorker = "VHOST_ATTACH_VRING_WORKER"
        case getWorker = "VHOST_GET_VRING_WORKER"
        case setRingSize = "VHOST_SET_VRING_NUM"
        case setRingBase = "VHOST_SET_VRING_BASE"
        case getRingBase = "VHOST_GET_VRING_BASE"
        case setRingAddresses = "VHOST_SET_VRING_ADDR"
        case setRingKick = "VHOST_SET_VRING_KICK"
        case setRingCall = "VHOST_SET_VRING_CALL"
        case setRingError = "VHOST_SET_VRING_ERR"
        case getABIVersion = "VHOST_SCSI_GET_ABI_VERSION"
        case setEndpoint = "VHOST_SCSI_SET_ENDPOINT"
        case clearEndpoint = "VHOST_SCSI_CLEAR_ENDPOINT"

        /// The ioctl number.
        package var number: UInt {
            switch self {
            case .setOwner: vhost_set_owner
            case .getFeatures: vhost_get_features
            case .setFeatures: vhost_set_features
            case .setMemoryTable: vhost_set_mem_table
            case .setLogBase: vhost_set_log_base
            case .newWorker: vhost_new_worker
            case .freeWorker: vhost_free_worker
            case .attachWorker: vhost_attach_vring_worker
            case .getWorker: vhost_get_vring_worker
            case .setRingSize: vhost_set_vring_num
            case .setRingBase: vhost_set_vring_base
            case .getRingBase: vhost_get_vring_base
            case .setRingAddresses: vhost_set_vring_addr
            case .setRingKick: vhost_set_vring_kick
            case .setRingCall: vhost_set_vring_call
            case .setRingError: vhost_set_vring_err
            case .getABIVersion: vhost_scsi_get_abi_version
            case .setEndpoint: vhost_scsi_set_endpoint
            case .clearEndpoint: vhost_scsi_clear_endpoint
            }
        }
    }

    package let name: Name
    /// The argument before the call, and what the kernel made of it after.
    package var bytes: [UInt8]
    /// The argument in words, for a dry run and for messages.
    package let detail: String

    private init(_ name: Name, _ bytes: [UInt8], _ detail: String = "") {
        self.name = name
        self.bytes = bytes
        self.detail = detail
    }
}

extension VhostRequest {
    package static let setOwner = VhostRequest(.setOwner, [])
    package static let getFeatures = VhostRequest(.getFeatures, UInt64(0).littleEndianBytes)
    package static let getABIVersion = VhostRequest(.getABIVersion, Int32(0).littleEndianBytes)

    package static func setFeatures(_ features: VhostFeatures) -> VhostRequest {
        let names = features.names.joined(separator: " ")
        return VhostRequest(.setFeatures, features.rawValue.littleEndianBytes, names.isEmpty ? "none" : names)
    }

    /// `struct vhost_memory`: 8 bytes and 32 for each region.
    package static func setMemoryTable(_ regions: [VhostMemoryRegion]) -> VhostRequest {
        let header = UInt32(regions.count).littleEndianBytes + UInt32(0).littleEndianBytes
        let bytes = regions.reduce(header) { bytes, region in
            bytes + region.guestAddress.littleEndianBytes + region.byteCount.littleEndianBytes
                + region.userAddress.littleEndianBytes + UInt64(0).littleEndianBytes
        }
        return VhostRequest(.setMemoryTable, bytes, "\(regions.count) region(s)")
    }

    package static func setRingSize(_ ring: Int, _ size: UInt16) -> VhostRequest {
        VhostRequest(.setRingSize, state(ring, UInt32(size)), "ring \(ring): \(size) descriptors")
    }

    package static func setRingBase(_ ring: Int, _ index: UInt16) -> VhostRequest {
        VhostRequest(.setRingBase, state(ring, UInt32(index)), "ring \(ring): next available \(index)")
    }

    package static func getRingBase(_ ring: Int) -> VhostRequest {
        VhostRequest(.getRingBase, state(ring, 0), "ring \(ring)")
    }

    /// `struct vhost_vring_addr`: user addresses; with a log, `VHOST_VRING_F_LOG` and the used ring's guest address.
    package static func setRingAddresses(_ ring: Int, _ addresses: VhostRing, isLogged: Bool = false)
        -> VhostRequest
    {
        let log = isLogged ? addresses.usedGuestAddress : 0
        let fields = [addresses.descriptors, addresses.used, addresses.available, log]
        let bytes = fields.reduce(state(ring, isLogged ? 1 : 0)) { $0 + $1.littleEndianBytes }
        return VhostRequest(.setRingAddresses, bytes, isLogged ? "ring \(ring): logged" : "ring \(ring)")
    }

    /// The address of the dirty log's bitmap in this process.
    package static func setLogBase(_ address: UInt64) -> VhostRequest {
        VhostRequest(.setLogBase, address.littleEndianBytes, address == 0 ? "none" : "a bitmap")
    }

    /// `struct vhost_worker_state`; the answer is the new worker's number.
    package static let newWorker = VhostRequest(.newWorker, UInt32(0).littleEndianBytes)

    package static func freeWorker(_ worker: UInt32) -> VhostRequest {
        VhostRequest(.freeWorker, worker.littleEndianBytes, "worker \(worker)")
    }

    /// `struct vhost_vring_worker`.
    package static func attachWorker(_ ring: Int, _ worker: UInt32) -> VhostRequest {
        VhostRequest(.attachWorker, state(ring, worker), "ring \(ring): worker \(worker)")
    }

    /// `struct vhost_vring_worker`; the second word of the answer is the worker's number.
    package static func getWorker(_ ring: Int) -> VhostRequest {
        VhostRequest(.getWorker, state(ring, 0), "ring \(ring)")
    }

    /// `struct vhost_vring_file` for a kick, call or error eventfd; descriptor -1 takes it away.
    package static func setRingEvent(_ name: Name, _ ring: Int, _ descriptor: Int32) -> VhostRequest {
        let detail = descriptor < 0 ? "ring \(ring): none" : "ring \(ring): eventfd"
        return VhostRequest(name, UInt32(ring).littleEndianBytes + descriptor.littleEndianBytes, detail)
    }

    /// `struct vhost_scsi_target` for `SET_ENDPOINT` and `CLEAR_ENDPOINT`: 232 bytes, the name NUL-terminated.
    package static func endpoint(_ name: Name, wwpn: String, tpgt: UInt16) -> VhostRequest {
        // vhost_scsi_make_tport in drivers/vhost/scsi.c looks for "naa." first, and drops the prefix of "fc." alone.
        let port = wwpn.hasPrefix("fc.") && !wwpn.contains("naa.") ? wwpn.dropFirst(3) : wwpn[...]
        let text = Array(port.utf8.prefix(VhostSCSIOptions.maximumNameBytes))
        let padding = [UInt8](repeating: 0, count: VhostSCSIOptions.maximumNameBytes + 1 - text.count)
        let version = Int32(0).littleEndianBytes
        let bytes = version + text + padding + tpgt.littleEndianBytes + UInt16(0).littleEndianBytes
        return VhostRequest(name, bytes, "\(wwpn) tpgt \(tpgt)")
    }

    /// The argument as a number of `Number`'s width, for the ioctls that answer one.
    package func value<Number: FixedWidthInteger>(as: Number.Type) -> Number {
        bytes.reversed().reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
    }

    private static func state(_ ring: Int, _ number: UInt32) -> [UInt8] {
        UInt32(ring).littleEndianBytes + number.littleEndianBytes
    }
}

extension VhostRequest: CustomStringConvertible {
    package var description: String {
        detail.isEmpty ? name.rawValue : "\(name.rawValue) \(detail)"
    }
}

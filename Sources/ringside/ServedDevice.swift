// SPDX-License-Identifier: MIT
import LinuxSystem
import SCSITarget
import SystemPackage
import TargetConfig
import VhostUserSCSI

/// What one socket offers.
struct ServedDevice {
    let socket: FilePath
    let control: FilePath?
    let places: [Place]

    /// A LUN, and what is behind it.
    struct Place {
        let specification: UnitSpecification
        /// The backstore's name, where other LUNs may have it, too.
        var backstore: String?
    }

    /// A LUN whose store is open.
    struct Opened {
        let specification: UnitSpecification
        let unit: SCSITarget.LogicalUnit
        let store: any BlockStore
    }

    /// Opens all stores, each backstore once: the LUNs that have it are ways to one unit.
    ///
    /// - Parameter makesFiles: whether files for protection information are made where there are none.
    /// - Returns: what each device has, in order.
    static func open(_ devices: [ServedDevice], makesFiles: Bool) throws(OperationError) -> [[Opened]] {
        for device in devices { for place in device.places { try place.specification.check() } }
        var shared: [String: Opened] = [:]
        return try devices.map { device throws(OperationError) in
            try device.places.map { place throws(OperationError) in
                let (specification, name) = (place.specification, place.backstore)
                if let name, let known = shared[name] {
                    return Opened(specification: specification, unit: known.unit, store: known.store)
                }
                let (unit, store) = try specification.open(for: device.socket, makesFiles: makesFiles)
                let opened = Opened(specification: specification, unit: unit, store: store)
                if let name { shared[name] = opened }
                return opened
            }
        }
    }

    /// One device for each WWPN, its portal groups as targets.
    ///
    /// - Parameters:
    ///   - reservations: the directory for files of persistent reservations, one for each backstore; nil for none.
    ///   - makesFiles: whether files are made that are not there yet.
    static func devices(
        of configuration: Configuration,
        in directory: FilePath,
        reservations: FilePath? = nil,
        makesFiles: Bool
    ) throws(OperationError) -> [ServedDevice] {
        let named = configuration.backstores.map { ($0.name, $0) }
        let backstores = Dictionary(named) { first, _ in first }
        var devices: [ServedDevice] = []
        for wwpn in Set(configuration.groups.map { "\($0.wwpn)" }).sorted() {
            var places: [Place] = []
            for group in configuration.groups where "\(group.wwpn)" == wwpn {
                for lun in group.luns {
                    guard let backstore = backstores[lun.backstore] else {
                        throw OperationError("serve", wwpn, cause: "there is no backstore \(lun.backstore)")
                    }
                    if makesFiles { try make(backstore.spec) }
                    let unit = try unit(
                        of: backstore,
                        target: group.tag.rawValue,
                        lun: lun.number.rawValue,
                        reservations: reservations
                    )
                    places.append(Place(specification: unit, backstore: backstore.name))
                }
            }
            devices.append(
                ServedDevice(
                    socket: directory.appending("\(wwpn).sock"),
                    control: directory.appending("\(wwpn).ctl"),
                    places: places
                )
            )
        }
        if devices.isEmpty {
            throw OperationError("serve", "\(directory)", cause: "the file names no target")
        }
        return devices
    }

    private static func unit(
        of backstore: BackstoreRequest,
        target: UInt8,
        lun: UInt16,
        reservations: FilePath?
    ) throws(OperationError) -> UnitSpecification {
        let (backing, isReadOnly) = try backing(of: backstore)
        return UnitSpecification(
            target: target,
            lun: lun,
            backing: backing,
            blockSize: try blockSize(of: backstore),
            isReadOnly: isReadOnly,
            serial: backstore.serial ?? TargetTree.serial(of: backstore.name),
            reservations: reservations?.appending("\(backstore.name).pr"),
            protection: try protection(of: backstore)
        )
    }

    private static func blockSize(of backstore: BackstoreRequest) throws(OperationError) -> Int {
        switch backstore.attributes["block_size"] ?? "512" {
        case "512": return 512
        case "4096": return 4096
        case let size:
            throw OperationError(
                "serve",
                "backstore \(backstore.name)",
                cause: "block_size is \(size)",
                hint: "blocks of 512 and 4096 bytes are served here"
            )
        }
    }

    private static func protection(of backstore: BackstoreRequest) throws(OperationError) -> ProtectionType? {
        guard let word = backstore.attributes["pi_prot_type"], word != "0" else { return nil }
        var nullio = false
        if case .ramdisk(_, true) = backstore.spec { nullio = true }
        guard let type = UInt8(word).flatMap(ProtectionType.init(rawValue:)), !nullio else {
            throw OperationError(
                "serve",
                "backstore \(backstore.name)",
                cause: nullio ? "a null store keeps no protection information" : "pi_prot_type is \(word)",
                hint: "pi_prot_type is 0 to 3, on a file or a ramdisk"
            )
        }
        return type
    }

    private static func backing(of backstore: BackstoreRequest) throws(OperationError)
        -> (UnitSpecification.Backing, isReadOnly: Bool)
    {
        switch backstore.spec {
        case .ramdisk(let size, let nullio): return (nullio ? .null(size) : .ramdisk(size), false)
        case .file(let path, _, _): return (.file(path), false)
        case .block(let path, let readOnly): return (.file(path), readOnly)
        case .pscsi, .user:
            throw OperationError(
                "serve",
                "backstore \(backstore.name)",
                cause: "\(backstore.spec) is the kernel's alone",
                hint: "ramdisk, file and block are served here"
            )
        }
    }

    private static func make(_ spec: BackstoreSpec) throws(OperationError) {
        guard case .file(let path, let size?, _) = spec, !path.exists else { return }
        do throws(Errno) {
            try path.makeFile(byteCount: size.bytes)
        } catch {
            throw OperationError("make", path.string, errno: error)
        }
    }
}

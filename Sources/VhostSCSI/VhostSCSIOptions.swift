// SPDX-License-Identifier: MIT
public import LinuxSystem
internal import OptionParsing
internal import SystemPackage

/// What a vhost-scsi host device is made of: `id=vhost-scsi0,wwpn=naa.…,tpgt=1[,num_queues=2…]`.
///
/// Every option is checked here, before anything is opened.
public struct VhostSCSIOptions: Equatable, Sendable {
    /// The longest WWPN in bytes: the ioctl's field has 224 with the NUL that ends it.
    public static let maximumNameBytes = 223

    /// The device's name, unique among the open ones.
    public let id: String
    /// The target's name as it stands in configfs, such as `naa.500140500000001`.
    public let wwpn: String
    /// The TPG's tag. A kernel with ABI 0 serves that TPG alone; one with ABI 1 ignores it and serves every TPG of
    /// the WWPN that has a nexus. Either way it is the SCSI target that the driver side addresses.
    public let tpgt: UInt16
    /// A descriptor of the vhost-scsi device that was opened elsewhere; nil to open the device node.
    public let vhostfd: CInt?
    /// `num_queues`: the request queues.
    public let queueCount: Int
    /// `virtqueue_size`: the descriptors of each ring; nil for as few as the requests in flight take.
    public let ringSize: Int?
    /// `max_sectors`: the most that one request transfers, in units of 512 bytes.
    public let maximumSectors: Int
    /// `cmd_per_lun`: the most requests in flight for one logical unit; nil for no limit but the rings'.
    public let commandsPerUnit: Int?
    /// `boot_tpgt`: the TPG that firmware is to boot from.
    public let bootTag: UInt16
    /// What `t10_pi` and `hotplug` ask of the kernel.
    public let requestedFeatures: VhostFeatures
    /// `worker_per_virtqueue`: a kernel thread for each request queue behind the first, where the kernel can.
    public let hasWorkerPerQueue: Bool

    /// Parses and checks an option list.
    ///
    /// - Parameters:
    ///   - text: the list, in the syntax of `OptionList`.
    ///   - openIdentifiers: the identifiers of the devices that are open.
    ///   - passed: the descriptors that this process was started with, by their names.
    public init(
        _ text: String,
        openIdentifiers: Set<String> = [],
        passed: [String: CInt] = PassedNames.environment
    ) throws(OperationError) {
        let reader = try VhostOptionReader(text)
        id = try reader.identifier(openIdentifiers)
        wwpn = try reader.name(self.id)
        tpgt = try reader.tag(self.id)
        vhostfd = try reader.descriptor(self.id, passed)
        queueCount = try reader.number("num_queues", self.id) ?? 1
        ringSize = try reader.number("virtqueue_size", self.id)
        maximumSectors = try reader.number("max_sectors", self.id) ?? 65535
        commandsPerUnit = try reader.number("cmd_per_lun", self.id)
        bootTag = UInt16(try reader.number("boot_tpgt", self.id) ?? 0)
        var features: VhostFeatures = []
        if try reader.flag("t10_pi", self.id) { features.insert(.t10PI) }
        if try reader.flag("hotplug", self.id) { features.insert(.hotplug) }
        requestedFeatures = features
        hasWorkerPerQueue = try reader.flag("worker_per_virtqueue", self.id)
        if let size = ringSize, size & (size - 1) != 0 {
            throw VhostOptionProblem.sizeNotPowerOfTwo.error(self.id, "\(size)")
        }
        if let size = ringSize, let most = commandsPerUnit, most > size * queueCount {
            throw VhostOptionProblem.commandsExceedRings.error(self.id, "\(most)", "\(size * queueCount)")
        }
    }

    /// The most bytes that one request transfers.
    public var maximumTransferBytes: Int { maximumSectors * 512 }

    /// Checks what a load is to do against the options.
    ///
    /// - Parameter depth: the requests in flight on all queues together.
    func check(depth: Int, transferBytes: Int?) throws(OperationError) {
        if let most = commandsPerUnit, depth > most {
            throw VhostOptionProblem.depthAboveCommands.error(id, "\(depth)", "\(most)")
        }
        if let bytes = transferBytes, bytes > maximumTransferBytes {
            throw VhostOptionProblem.transferAboveSectors.error(id, "\(bytes)", "\(maximumTransferBytes)")
        }
    }
}

/// Takes the options out of a list, one by one, each checked.
private struct VhostOptionReader {
    private static let ranges: [String: ClosedRange<Int>] = [
        "num_queues": 1...1022, "virtqueue_size": 4...1024, "max_sectors": 8...65535,
        "cmd_per_lun": 1...65536, "boot_tpgt": 0...65535,
    ]

    private let list: OptionList

    init(_ text: String) throws(OperationError) {
        do {
            list = try OptionList(text, known: VhostSCSIOptions.keys)
        } catch {
            throw VhostOptionProblem.malformed.error(nil, error.description)
        }
    }

    func identifier(_ taken: Set<String>) throws(OperationError) -> String {
        guard let id = list["id"] else { throw VhostOptionProblem.missingID.error(nil) }
        guard let first = id.first, first.isASCII, first.isLetter,
            id.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-._".contains($0)) })
        else { throw VhostOptionProblem.badID.error(id) }
        if taken.contains(id) { throw VhostOptionProblem.duplicateID.error(id) }
        return id
    }

    func name(_ id: String) throws(OperationError) -> String {
        guard let wwpn = list["wwpn"] else { throw VhostOptionProblem.missingName.error(id) }
        let count = wwpn.utf8.count
        let most = VhostSCSIOptions.maximumNameBytes
        if count > most { throw VhostOptionProblem.longName.error(id, "\(count)", "\(most)") }
        if wwpn.utf8.contains(0) { throw VhostOptionProblem.nameWithNUL.error(id) }
        return wwpn
    }

    func tag(_ id: String) throws(OperationError) -> UInt16 {
        do {
            if let tag = try list.number("tpgt", as: UInt16.self) { return tag }
        } catch {
            throw VhostOptionProblem.badTag.error(id, error.description)
        }
        throw VhostOptionProblem.missingTag.error(id)
    }

    func number(_ key: String, _ id: String) throws(OperationError) -> Int? {
        let range = Self.ranges[key] ?? 0...Int.max
        let number: Int?
        do {
            number = try list.number(key, as: Int.self)
        } catch {
            throw VhostOptionProblem.notANumber.error(id, error.description)
        }
        guard let number, !range.contains(number) else { return number }
        let bounds = "\(range.lowerBound) to \(range.upperBound)"
        throw VhostOptionProblem.outOfRange.error(id, "\(key)=\(number)", bounds)
    }

    func flag(_ key: String, _ id: String) throws(OperationError) -> Bool {
        switch list[key] {
        case "on": return true
        case nil, "off": return false
        case let value?: throw VhostOptionProblem.badFlag.error(id, "\(key)=\(value)")
        }
    }

    func descriptor(_ id: String, _ passed: [String: CInt]) throws(OperationError) -> CInt? {
        guard let text = list["vhostfd"] else { return nil }
        let named = text.first.map { $0.isASCII && $0.isLetter } ?? false
        guard let number = named ? passed[text] : CInt(text), number >= 0 else {
            throw (named ? VhostOptionProblem.unknownDescriptor : .badDescriptor).error(id, text)
        }
        guard FileDescriptor(rawValue: number).isOpen else {
            throw VhostOptionProblem.closedDescriptor.error(id, "\(number)")
        }
        return number
    }
}

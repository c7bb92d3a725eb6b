// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

/// What a kind of backstore, or the block device behind one, allows its attributes; nil where nobody tells.
struct DeviceLimits {
    /// `hw_queue_depth`.
    var queueDepth: UInt64?
    /// `hw_max_sectors`.
    var sectors: UInt64?
    var discards: Bool?

    /// Checks a value that an attribute does not have yet.
    ///
    /// - Throws: an `OperationError` with the limit.
    func check(_ name: String, _ value: String, of request: BackstoreRequest) throws(OperationError) {
        guard let number = Decimal.value(of: value), let device = request.spec.path else { return }
        if let limit = exceeded(name, by: number) {
            throw failure(request, "\(name) is \(number), above the \(limit) of \(device)")
        }
        if BackstoreAttribute.discarding.contains(name), number == 1, discards == false {
            throw failure(request, "\(name) is 1, but \(device) cannot discard: its discard_max_bytes is 0")
        }
    }

    /// The limit that a value is above.
    func exceeded(_ name: String, by number: UInt64) -> UInt64? {
        let limits = ["queue_depth": queueDepth, "optimal_sectors": sectors]
        return (limits[name] ?? nil).flatMap { number > $0 ? $0 : nil }
    }

    private func failure(_ request: BackstoreRequest, _ cause: String) -> OperationError {
        OperationError("set", "backstore \(request.name)", cause: cause)
    }
}

extension DeviceLimits {
    /// Those that follow from the kind of backstore; a device has its own.
    init(ofKind spec: BackstoreSpec) {
        switch spec {
        case .ramdisk: self.init(queueDepth: 128, sectors: UInt64(UInt32.max) & ~7)
        // Sectors of 512 bytes in its `max_bytes_per_io`, the most that `hw_max_sectors` can be.
        case .file: self.init(queueDepth: 128, sectors: (8 << 20) / 512)
        case .block, .pscsi, .user: self.init()
        }
    }
}

extension TargetTree {
    /// The limits of the device behind a block backstore; none for the other kinds.
    ///
    /// - Parameter running: the backstore's `attrib` directory where it is there; otherwise the device's queue in sysfs
    ///   tells.
    func limits(of request: BackstoreRequest, running: TreeDirectory? = nil) throws(OperationError)
        -> DeviceLimits
    {
        guard case .block(let path, _) = request.spec else { return DeviceLimits() }
        let queue = queue(of: path)
        func sysfs(_ name: String) -> UInt64? { queue.flatMap { number($0.appending(name)) } }
        var limits = DeviceLimits(discards: sysfs("discard_max_bytes").map { $0 > 0 })
        guard let running else {
            limits.queueDepth = sysfs("nr_requests")
            if let kilobytes = sysfs("max_hw_sectors_kb"), let block = sysfs("logical_block_size"), block > 0
            {
                // The kernel takes whole pages only.
                let page = max(1, 4096 / block)
                limits.sectors = kilobytes * 2 / page * page
            }
            return limits
        }
        limits.queueDepth = try running.attribute("hw_queue_depth").flatMap { Decimal.value(of: $0) }
        limits.sectors = try running.attribute("hw_max_sectors").flatMap { Decimal.value(of: $0) }
        return limits
    }

    /// The `queue` directory of a block device in sysfs; a partition's is that of the disk that it is in.
    private func queue(of path: FilePath) -> FilePath? {
        do throws(Errno) {
            let device = try fileSystem.status(path).identity.device
            let major = device >> 8 & 0xfff | device >> 32 & ~0xfff
            let minor = device & 0xff | device >> 12 & ~0xff
            let entry = FilePath("/sys/dev/block/\(major):\(minor)")
            let own = entry.appending("queue")
            return try fileSystem.statusIfPresent(own) == nil ? entry.pushing("../queue") : own
        } catch {
            // What cannot be looked at is left to the kernel.
            return nil
        }
    }

    private func number(_ file: FilePath) -> UInt64? {
        do throws(Errno) {
            return try fileSystem.read(file).split(separator: "\n").first.flatMap { UInt64($0) }
        } catch {
            return nil
        }
    }
}

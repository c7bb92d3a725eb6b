// SPDX-License-Identifier: MIT
public import LinuxSystem

/// The virtio device status, as far as front-ends tell it.
public struct DeviceStatus: OptionSet, Hashable, Sendable {
    public let rawValue: UInt64

    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// `ACKNOWLEDGE`, `DRIVER`, `FEATURES_OK` and `DRIVER_OK`: the driver uses the device.
    public static let driverOK = DeviceStatus(rawValue: 0xf)
}

/// What a front-end may ask of a back-end that has been started.
extension FrontEndSession {
    /// Hands over one more region of memory; rings go on.
    public func add(_ region: SharedRegion) throws(OperationError) {
        try need(.memorySlots, for: .addMemoryRegion)
        try acknowledged(.addMemoryRegion, Self.slot(region), [region.file])
    }

    /// Takes a region of memory back, which nothing lies in that the back-end still uses.
    public func remove(_ region: SharedRegion) throws(OperationError) {
        try need(.memorySlots, for: .removeMemoryRegion)
        try acknowledged(.removeMemoryRegion, Self.slot(region))
    }

    /// Padding, and the region as the memory table has it.
    private static func slot(_ region: SharedRegion) -> [UInt8] {
        UInt64(0).littleEndianBytes + region.encoded
    }

    /// How many regions the back-end takes at a time.
    public func memorySlots() throws(OperationError) -> UInt64 {
        try need(.memorySlots, for: .getMemorySlots)
        return try value(of: .getMemorySlots)
    }

    /// Has the back-end mark what it writes from now on, a bit for each 4096 bytes.
    ///
    /// - Parameters:
    ///   - file: the bitmap.
    ///   - byteCount: its size.
    public func startLog(_ file: PassedDescriptor, byteCount: Int) throws(OperationError) {
        try need(.logFile, for: .setLogBase)
        let shape = UInt64(byteCount).littleEndianBytes + UInt64(0).littleEndianBytes
        // It is answered unasked.
        _ = try exchange(VhostUserMessage(.setLogBase, shape, rights: [file]))
        try setFeatures(features | TransportFeatures.logAll)
        for (index, ring) in rings { try send(address(ring, index, isLogged: true)) }
        _ = try value(of: .getFeatures)
    }

    /// Has it mark no more. When this returns it no longer touches the log.
    public func stopLog() throws(OperationError) {
        for (index, ring) in rings { try send(address(ring, index, isLogged: false)) }
        try setFeatures(features)
        _ = try value(of: .getFeatures)
    }

    private func setFeatures(_ features: UInt64) throws(OperationError) {
        try acknowledged(.setFeatures, features.littleEndianBytes)
    }

    /// The virtio device status that was told last.
    public func status() throws(OperationError) -> DeviceStatus {
        try need(.status, for: .getStatus)
        return DeviceStatus(rawValue: try value(of: .getStatus))
    }

    /// Tells the virtio device status; an empty one resets the device.
    public func setStatus(_ status: DeviceStatus) throws(OperationError) {
        try need(.status, for: .setStatus)
        try acknowledged(.setStatus, status.rawValue.littleEndianBytes)
    }

    /// Resets the device: its rings are to be handed over again, with `start`.
    public func reset() throws(OperationError) {
        try need(.resetDevice, for: .resetDevice)
        try acknowledged(.resetDevice)
        _ = try value(of: .getFeatures)
    }

    /// - Returns: the answer's number.
    private func value(of request: VhostUserRequest) throws(OperationError) -> UInt64 {
        var fields = WireFields(try exchange(VhostUserMessage(request)).payload)
        return fields.next()
    }

    func need(_ feature: ProtocolFeatures, for request: VhostUserRequest) throws(OperationError) {
        if protocolFeatures.contains(feature) { return }
        throw OperationError(request.name, name, cause: "the back-end does not offer it")
    }
}

// SPDX-License-Identifier: MIT
import SystemPackage
import VhostUser

/// Writes down what the session asks for.
final class RecordingDevice: VhostUserDevice {
    let features: UInt64 = 1 << 1 | 1 << 28 | 1 << 29 | TransportFeatures.version1
    let configuration: [UInt8] = [1, 2, 3, 4]
    /// As many as a SCSI device has.
    let queueCount = 66
    private(set) var log: [String] = []
    private(set) var setups: [Int: RingSetup] = [:]
    /// What a ring that is stopped says of its next entry.
    var base: UInt16 = 0

    func start(_ ring: Int, _ setup: RingSetup) throws(Errno) {
        setups[ring] = setup
        log.append("start \(ring) at \(setup.base)")
    }

    func stop(_ ring: Int) -> UInt16 {
        setups[ring] = nil
        log.append("stop \(ring)")
        return base
    }

    func reset() { log.append("reset") }

    /// What was asked since the last call.
    func takeLog() -> [String] {
        defer { log = [] }
        return log
    }
}

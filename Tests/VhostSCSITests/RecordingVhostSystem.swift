// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

@testable import VhostSCSI

/// Records every ioctl, answers like Linux 6.1, and fails the step that it is told to fail.
final class RecordingVhostSystem: VhostSystem {
    /// Linux 6.1's `VHOST_GET_FEATURES`.
    static let kernelFeatures: UInt64 = 0x1_3d00_000a

    private(set) var requests: [VhostRequest] = []
    /// The numbers that were handed out, far above what other tests open meanwhile, so that a closed one stays closed.
    private(set) var numbers: [CInt] = []
    private let lowest: CInt

    var features = RecordingVhostSystem.kernelFeatures
    var version: Int32 = 1
    /// Which ioctl fails, counted from 0, and with what.
    var failure: (step: Int, errno: Errno)?
    /// Which of all ioctls of a name fails, and with what.
    var failures: [VhostRequest.Name: Errno] = [:]
    /// The number of the next worker; nil for a kernel that has none beside the first, as before Linux 6.5.
    var nextWorker: UInt32?
    var openError: Errno?
    var eventError: Errno?

    /// - Parameter lowest: the lowest descriptor number to use, different in tests that run side by side.
    init(lowest: CInt) { self.lowest = lowest }

    var openNumbers: [CInt] { numbers.filter { FileDescriptor(rawValue: $0).isOpen } }

    func open(_ path: FilePath) throws(Errno) -> OwnedDescriptor {
        if let openError { throw openError }
        return try quiet(OwnedDescriptor(opening: "/dev/null", .readWrite))
    }

    func duplicate(_ number: CInt) throws(Errno) -> OwnedDescriptor {
        try quiet(OwnedDescriptor(duplicating: number))
    }

    func eventFD() throws(Errno) -> EventFD {
        if let eventError, numbers.count > 4 { throw eventError }
        let event = try EventFD()
        let copy = try OwnedDescriptor(duplicating: event.number, lowest: lowest)
        numbers.append(copy.number)
        return EventFD(adopting: copy)
    }

    func control(_ device: FileDescriptor, _ request: inout VhostRequest) throws(Errno) {
        let step = requests.count
        requests.append(request)
        if let failure, failure.step == step { throw failure.errno }
        if let errno = failures[request.name] { throw errno }
        switch request.name {
        case .getFeatures: request.bytes = VhostRequest.setFeatures(VhostFeatures(rawValue: features)).bytes
        case .getABIVersion:
            request.bytes = (0..<4).map { UInt8(truncatingIfNeeded: version >> ($0 * 8)) }
        case .getWorker where nextWorker != nil: request.bytes[4...] = [1, 0, 0, 0]
        case .newWorker:
            guard let worker = nextWorker else { throw .inappropriateIOCTLForDevice }
            request.bytes = VhostRequest.freeWorker(worker).bytes
            nextWorker = worker + 1
        case .getWorker: throw .inappropriateIOCTLForDevice
        default: break
        }
    }

    private func quiet(_ descriptor: consuming OwnedDescriptor) throws(Errno) -> OwnedDescriptor {
        let copy = try OwnedDescriptor(duplicating: descriptor.number, lowest: lowest)
        numbers.append(copy.number)
        return copy
    }
}

// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing

@testable import VhostSCSI

private let ring = VhostRing(size: 128, descriptors: 0x10000, available: 0x11000, used: 0x12000)
private let memory = [VhostMemoryRegion(guestAddress: 0, byteCount: 0x10000, userAddress: 0x10000)]

@Suite struct VhostFailureTests {
    private func failing(
        _ name: VhostRequest.Name,
        _ errno: Errno,
        while stopping: Bool = false
    ) throws -> OperationError? {
        let system = RecordingVhostSystem(lowest: 900)
        if !stopping { system.failures = [name: errno] }
        return #expect(throws: OperationError.self) {
            let device = try VhostSCSIDevice(try VhostSCSIOptions("id=a,wwpn=naa.5,tpgt=1"), system: system)
            try device.start(memory: memory, rings: [ring])
            system.failures = [name: errno]
            try device.stop()
        }
    }

    @Test(arguments: [
        (VhostRequest.Name.setOwner, Errno.noMemory, "no memory for the device's worker"),
        (.setOwner, .inappropriateIOCTLForDevice, "not a vhost device"),
        (.setFeatures, .notSupported, "does not know all of these features"),
        (.setFeatures, .resourceBusy, "while the endpoint is set"),
        (.setMemoryTable, .argListTooLong, "max_mem_regions"),
        (.setMemoryTable, .badAddress, "wraps around"),
        (.setMemoryTable, .notPermitted, "another process is the device's owner"),
        (.setRingSize, .noBufferSpace, "no ring of that number"),
        (.setRingSize, .invalidArgument, "power of two"),
        (.setRingSize, .resourceBusy, "an endpoint is set"),
        (.setRingAddresses, .invalidArgument, "multiple of 4"),
        (.setRingKick, .badFileDescriptor, "not open"),
        (.setRingCall, .invalidArgument, "not an eventfd"),
        (.getABIVersion, .inappropriateIOCTLForDevice, "not a vhost-scsi device"),
        (
            .setEndpoint, .operationNotSupportedByDevice,
            "there is no TPG of naa.5, or none with a nexus, or another"
        ),
        (.setEndpoint, .invalidArgument, "there is no TPG of naa.5"),
        (.setEndpoint, .fileExists, "has an endpoint already"),
        (.setEndpoint, .badAddress, "no memory table"),
        (.setEndpoint, .notSupported, "reserved field"),
        (.setEndpoint, .noMemory, "no memory for the ring's commands"),
    ])
    func startingSaysWhyInWords(name: VhostRequest.Name, errno: Errno, words: String) throws {
        let error = try failing(name, errno)
        #expect(error?.operation == name.rawValue)
        #expect(error?.errno == errno)
        #expect(error?.cause.contains(words) == true, "\(error?.cause ?? "")")
    }

    @Test(arguments: [
        (VhostRequest.Name.clearEndpoint, Errno.invalidArgument, "the endpoint that is set is not naa.5"),
        (.clearEndpoint, .operationNotSupportedByDevice, "no endpoint is set"),
        (.getRingBase, .notPermitted, "another process is the device's owner"),
    ])
    func stoppingSaysWhyInWords(name: VhostRequest.Name, errno: Errno, words: String) throws {
        let error = try failing(name, errno, while: true)
        #expect(error?.operation == name.rawValue)
        #expect(error?.cause.contains(words) == true, "\(error?.cause ?? "")")
    }

    @Test func anErrnoWithoutWordsKeepsTheSystems() throws {
        #expect(try failing(.setEndpoint, .ioError)?.cause == Errno.ioError.description)
    }

    @Test(arguments: [
        (Errno.noSuchFileOrDirectory, "module is not loaded"),
        (.noSuchAddressOrDevice, "module is not loaded"),
        (.permissionDenied, "only root"),
    ])
    func openingSaysWhyInWords(errno: Errno, words: String) throws {
        let system = RecordingVhostSystem(lowest: 900)
        system.openError = errno
        let options = try VhostSCSIOptions("id=a,wwpn=naa.5,tpgt=1")
        let error = #expect(throws: OperationError.self) { _ = try VhostSCSIDevice(options, system: system) }
        #expect(error?.description.hasPrefix("open /dev/vhost-scsi: \(errno.symbol): ") == true)
        #expect(error?.cause.contains(words) == true)
        #expect(error?.hint != nil)
    }
}

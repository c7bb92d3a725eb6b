// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing

@testable import VhostSCSI

private let ring = VhostRing(size: 128, descriptors: 0x10000, available: 0x11000, used: 0x12000)
private let memory = [VhostMemoryRegion(guestAddress: 0, byteCount: 0x10000, userAddress: 0x10000)]
private let rings = [ring, ring, ring]

private func device(_ system: RecordingVhostSystem, _ extra: String = "") throws -> VhostSCSIDevice {
    let options = try VhostSCSIOptions("id=a,wwpn=naa.5,tpgt=1\(extra)")
    return try VhostSCSIDevice(options, path: "/dev/vhost-scsi", system: system)
}

/// Serialized, and with descriptor numbers of its own, because it looks at which descriptors are open.
@Suite(.serialized) struct VhostSCSIDeviceTests {
    private let system = RecordingVhostSystem(lowest: 800)

    @Test func startMakesTheStepsInTheKernelsOrder() throws {
        let device = try device(system)
        try device.start(memory: memory, rings: rings)
        var expected: [VhostRequest] = [
            .setOwner, .getFeatures, .setFeatures(.wanted), .setMemoryTable(memory),
        ]
        for (index, events) in device.events.enumerated() {
            expected += [
                .setRingSize(index, 128), .setRingBase(index, 0), .setRingAddresses(index, ring),
                .setRingEvent(.setRingKick, index, events.kick.number),
                .setRingEvent(.setRingCall, index, events.call.number),
                .setRingEvent(.setRingError, index, events.error.number),
            ]
        }
        expected += [.getABIVersion, .endpoint(.setEndpoint, wwpn: "naa.5", tpgt: 1)]
        #expect(system.requests == expected)
        #expect(device.events.count == 3)
        #expect(Set(system.openNumbers).count == 10)
        #expect(device.abiVersion == 1)
        #expect(device.isStarted)
    }

    /// As firmware leaves out the rings for control and events.
    @Test func aRingThatIsAbsentIsLeftAlone() throws {
        let device = try device(system)
        try device.start(memory: memory, rings: [.absent, .absent, ring])
        try device.stop()
        #expect(system.requests.filter { $0 == .setRingSize(2, 128) || $0 == .getRingBase(2) }.count == 2)
        for index in 0..<2 {
            let about = system.requests.filter { $0 == .setRingBase(index, 0) || $0 == .getRingBase(index) }
            #expect(about.isEmpty)
        }
    }

    @Test func stopTakesEverythingBackInReverse() throws {
        let device = try device(system)
        try device.start(memory: memory, rings: rings)
        let started = system.requests.count
        try device.stop()
        #expect(Array(system.requests[started...]) == Self.undone(rings: 3))
        #expect(!device.isStarted)
        #expect(system.openNumbers == [system.numbers[0]])
        try device.stop()
        #expect(system.requests.count == started + Self.undone(rings: 3).count)
    }

    @Test func canBeStartedAgain() throws {
        let device = try device(system)
        for _ in 0..<2 {
            try device.start(memory: memory, rings: rings)
            try device.stop()
        }
        #expect(system.requests.count(where: { $0.name == .setOwner }) == 1)
        #expect(system.requests.count(where: { $0.name == .setEndpoint }) == 2)
    }

    /// Everything that `stop` undoes, for `rings` rings.
    private static func undone(rings: Int) -> [VhostRequest] {
        var requests: [VhostRequest] = [.endpoint(.clearEndpoint, wwpn: "naa.5", tpgt: 1)]
        requests += (0..<rings).map(VhostRequest.getRingBase)
        for index in (0..<rings).reversed() {
            for name: VhostRequest.Name in [.setRingError, .setRingCall, .setRingKick] {
                requests.append(.setRingEvent(name, index, -1))
            }
        }
        return requests + [.setMemoryTable([]), .setFeatures([])]
    }

    /// Steps 0 and 1 belong to opening; 2 to 23 are those of a start with 3 rings.
    @Test(arguments: 2..<24) func aFailureAtAnyStepUndoesTheStepsBefore(step: Int) throws {
        let device = try device(system)
        system.failure = (step, .ioError)
        let error = #expect(throws: OperationError.self) { try device.start(memory: memory, rings: rings) }
        let failed = system.requests[step]
        #expect(error?.errno == .ioError)
        #expect(error?.operation == failed.name.rawValue)
        #expect(error?.object.contains("/dev/vhost-scsi") == true)
        let undo = Array(system.requests[(step + 1)...])
        #expect(undo == Self.expectedUndo(of: Array(system.requests[..<step])))
        #expect(!device.isStarted)
        #expect(system.openNumbers == [system.numbers[0]])
    }

    /// What a reader of the sequence would undo, worked out from the steps that succeeded.
    private static func expectedUndo(of steps: [VhostRequest]) -> [VhostRequest] {
        let bound = steps.filter { [.setRingKick, .setRingCall, .setRingError].contains($0.name) }
        var undo: [VhostRequest] = []
        // The bases are read back once all rings are bound.
        if bound.count == 9 { undo += (0..<3).map(VhostRequest.getRingBase) }
        undo += bound.reversed().map { .setRingEvent($0.name, Int($0.bytes[0]), -1) }
        if steps.contains(where: { $0.name == .setMemoryTable }) { undo.append(.setMemoryTable([])) }
        if steps.contains(where: { $0.name == .setFeatures }) { undo.append(.setFeatures([])) }
        return undo
    }

    @Test(arguments: [0, 1]) func aFailureWhileOpeningClosesTheDevice(step: Int) throws {
        system.failure = (step, .ioError)
        #expect(throws: OperationError.self) { _ = try device(system) }
        #expect(system.numbers.count == 1)
        #expect(system.openNumbers.isEmpty)
    }

    @Test func aMissingEventfdUndoesTheRingsBefore() throws {
        let device = try device(system)
        system.eventError = .tooManyOpenFiles
        let error = #expect(throws: OperationError.self) { try device.start(memory: memory, rings: rings) }
        #expect(error?.description.hasPrefix("make an eventfd for ring 1 of a: EMFILE: ") == true)
        #expect(system.requests.last == .setFeatures([]))
        #expect(system.openNumbers == [system.numbers[0]])
    }

    @Test func aNewerABIIsRefusedAndUndone() throws {
        system.version = 2
        let device = try device(system)
        let error = #expect(throws: OperationError.self) { try device.start(memory: memory, rings: rings) }
        let words =
            "VHOST_SCSI_GET_ABI_VERSION /dev/vhost-scsi: ENOSYS: the running kernel has vhost-scsi ABI "
            + "version 2, and ringside supports up to 1\nupdate ringside"
        #expect(error?.description == words)
        #expect(!system.requests.contains { $0.name == .setEndpoint })
        #expect(system.requests.last == .setFeatures([]))
    }

    @Test(arguments: [Int32(0), 1]) func bothKnownABIsStart(version: Int32) throws {
        system.version = version
        let device = try device(system)
        try device.start(memory: memory, rings: rings)
        #expect(device.abiVersion == Int(version))
    }

    @Test func onlyFeaturesThatTheKernelOffersAreAccepted() throws {
        system.features = 0x3400_0000
        let device = try device(system)
        try device.start(memory: memory, rings: rings)
        #expect(device.features == [.indirectDescriptors, .eventIndex])
        #expect(system.requests.contains(.setFeatures([.indirectDescriptors, .eventIndex])))
    }

    @Test func aFailureWhileUndoingIsReportedToo() throws {
        let device = try device(system)
        system.failures = [.setEndpoint: .operationNotSupportedByDevice, .setMemoryTable: .badAddress]
        try #require(throws: OperationError.self) { try device.start(memory: memory, rings: rings) }
        system.failures = [.setEndpoint: .operationNotSupportedByDevice, .getRingBase: .ioError]
        let error = #expect(throws: OperationError.self) { try device.start(memory: memory, rings: rings) }
        #expect(error?.errno == .operationNotSupportedByDevice)
        let list = Array(repeating: "VHOST_GET_VRING_BASE EIO", count: 3).joined(separator: ", ")
        #expect(error?.cause.hasSuffix("; and then these failed too: \(list)") == true)
    }

    @Test func aFailureWhileStoppingStopsNothingElse() throws {
        let device = try device(system)
        try device.start(memory: memory, rings: rings)
        system.failures = [.clearEndpoint: .invalidArgument]
        let error = #expect(throws: OperationError.self) { try device.stop() }
        #expect(error?.cause == "the endpoint that is set is not naa.5")
        #expect(system.requests.last == .setFeatures([]))
        #expect(!device.isStarted)
    }

    @Test func aPassedDescriptorMayHaveItsOwnerAndStaysOpen() throws {
        let outer = try OwnedDescriptor(opening: "/dev/null", .readWrite)
        system.failures = [.setOwner: .resourceBusy]
        do {
            let device = try device(system, ",vhostfd=\(outer.number)")
            try device.start(memory: memory, rings: rings)
        }
        #expect(system.requests.last == .setFeatures([]))
        #expect(system.openNumbers.isEmpty)
        #expect(outer.descriptor.isOpen)
    }

    @Test func anOwnDescriptorWithAnOwnerIsAnError() throws {
        system.failures = [.setOwner: .resourceBusy]
        let error = #expect(throws: OperationError.self) { _ = try device(system) }
        #expect(error?.description.contains("EBUSY: the device has an owner already") == true)
    }

    @Test func featuresThatAreAskedForAreTurnedOn() throws {
        let device = try device(system, ",t10_pi=on,hotplug=on")
        try device.start(memory: memory, rings: rings)
        #expect(system.requests.contains(.setFeatures(VhostFeatures.wanted.union([.t10PI, .hotplug]))))
    }

    @Test func featuresThatTheKernelLacksAreRefusedAtOnce() throws {
        system.features = 0x1_3500_0000
        let error = #expect(throws: OperationError.self) { _ = try device(system, ",t10_pi=on") }
        #expect(error?.cause == "a asks for T10_PI, which the kernel does not offer")
        #expect(system.requests.map(\.name) == [.setOwner, .getFeatures])
        #expect(system.openNumbers.isEmpty)
    }

    private var fiveRings: [VhostRing] { Array(repeating: ring, count: 5) }

    @Test func everyQueueBehindTheFirstGetsAWorker() throws {
        system.nextWorker = 7
        let device = try device(system, ",worker_per_virtqueue=on")
        try device.start(memory: memory, rings: fiveRings)
        #expect(device.workerCount == 3)
        let steps = system.requests[2..<7].map(\.description)
        #expect(
            steps == [
                "VHOST_GET_VRING_WORKER ring 0", "VHOST_NEW_WORKER",
                "VHOST_ATTACH_VRING_WORKER ring 3: worker 7", "VHOST_NEW_WORKER",
                "VHOST_ATTACH_VRING_WORKER ring 4: worker 8",
            ]
        )
        try device.stop()
        #expect(
            Array(system.requests.suffix(4)) == [
                .attachWorker(4, 1), .freeWorker(8), .attachWorker(3, 1), .freeWorker(7),
            ]
        )
        #expect(device.workerCount == 1)
    }

    /// Opening takes steps 0 and 1; five rings with workers take 39 more.
    @Test(arguments: 2..<41) func aFailureLeavesNoWorkerBehind(step: Int) throws {
        system.nextWorker = 7
        let device = try device(system, ",worker_per_virtqueue=on")
        system.failure = (step, .ioError)
        try #require(throws: OperationError.self) { try device.start(memory: memory, rings: fiveRings) }
        let before = system.requests[..<step]
        let after = system.requests[(step + 1)...]
        #expect(after.count { $0.name == .freeWorker } == before.count { $0.name == .newWorker })
        #expect(after.count { $0.name == .attachWorker } == before.count { $0.name == .attachWorker })
        #expect(!device.isStarted && device.workerCount == 1)
    }

    @Test func aKernelWithOneWorkerIsNoFailure() throws {
        let device = try device(system, ",worker_per_virtqueue=on")
        try device.start(memory: memory, rings: fiveRings)
        #expect(device.workerCount == 1)
        #expect(!system.requests.contains { $0.name == .newWorker })
        try device.stop()
        #expect(!system.requests.contains { $0.name == .freeWorker })
    }

    @Test func theLogComesAndGoesWhileTheDeviceRuns() throws {
        let device = try device(system)
        try device.start(memory: memory, rings: rings)
        let started = system.requests.count
        let log = try DirtyPages(covering: 0x10000)
        try device.startLog(log)
        #expect(
            Array(system.requests[started...])
                == [.setLogBase(log.address), .setFeatures(VhostFeatures.wanted.union(.logAll))]
                + (0..<3).map { .setRingAddresses($0, ring, isLogged: true) }
        )
        let logging = system.requests.count
        try device.stopLog()
        #expect(
            Array(system.requests[logging...])
                == (0..<3).reversed().map { .setRingAddresses($0, ring) } + [.setFeatures(.wanted)]
        )
        try device.stop()
        #expect(system.requests.suffix(Self.undone(rings: 3).count) == Self.undone(rings: 3)[...])
    }

    @Test func aLogThatFailsIsTakenBackAlone() throws {
        let device = try device(system)
        try device.start(memory: memory, rings: rings)
        system.failure = (system.requests.count + 3, .badAddress)
        let log = try DirtyPages(covering: 0x10000)
        #expect(throws: OperationError.self) { try device.startLog(log) }
        #expect(
            Array(system.requests.suffix(2)) == [.setRingAddresses(0, ring), .setFeatures(.wanted)]
        )
        #expect(device.isStarted)
    }
}

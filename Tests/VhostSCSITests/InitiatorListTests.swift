// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing

@testable import VhostSCSI

@Suite struct InitiatorListTests {
    private let systems = [RecordingVhostSystem(lowest: 940), RecordingVhostSystem(lowest: 960)]

    private func start() throws -> [SCSIInitiator] {
        try systems.enumerated().map { index, system in
            let options = try VhostSCSIOptions("id=d\(index),wwpn=naa.\(index),tpgt=1")
            return try SCSIInitiator(VhostSCSIDevice(options, system: system))
        }
    }

    private func cleared(_ system: RecordingVhostSystem) -> Int {
        system.requests.count { $0.name == .clearEndpoint }
    }

    @Test func stopsEveryDevice() throws {
        try start().detach()
        #expect(systems.map(cleared) == [1, 1])
    }

    @Test func aFailureBeforeIsThrownAfterAllAreStopped() throws {
        let initiators = try start()
        let earlier = OperationError("start", "d2", cause: "it is busy")
        let error = #expect(throws: OperationError.self) { try initiators.detach(after: earlier) }
        #expect(error == earlier)
        #expect(systems.map(cleared) == [1, 1])
    }

    @Test func noFailureIsLost() throws {
        let initiators = try start()
        for system in systems { system.failures = [.clearEndpoint: .invalidArgument] }
        let earlier = OperationError("start", "d2", cause: "it is busy")
        let error = #expect(throws: OperationError.self) { try initiators.detach(after: earlier) }
        #expect(error?.description.hasPrefix("start d2: it is busy; and stopping failed: ") == true)
        for index in 0..<2 {
            #expect(error?.cause.contains("EINVAL: the endpoint that is set is not naa.\(index)") == true)
        }
        #expect(systems.map(cleared) == [1, 1])
    }

    @Test func theLastDeviceFailsFirst() throws {
        let initiators = try start()
        for system in systems { system.failures = [.clearEndpoint: .invalidArgument] }
        let error = #expect(throws: OperationError.self) { try initiators.detach() }
        #expect(
            error?.cause.hasPrefix("the endpoint that is set is not naa.1; and stopping failed: ") == true
        )
        #expect(error?.cause.hasSuffix("EINVAL: the endpoint that is set is not naa.0") == true)
    }
}

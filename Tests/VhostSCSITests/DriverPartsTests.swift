// SPDX-License-Identifier: MIT
import CVirtioSCSI
import LinuxSystem
import Testing

@testable import VhostSCSI

@Suite struct SCSIEventTests {
    private func event(_ type: UInt32, _ reason: UInt32, missed: Bool = false) -> SCSIEvent {
        let address = vscsi_address(target: 5, lun: 300)
        return SCSIEvent(vscsi_event(type: type, reason: reason, address: address, missed: missed))
    }

    @Test func aUnitComesAndGoes() {
        let added = event(1, 1)
        #expect(added.kind == .added && added.target == 5 && added.lun == 300 && !added.hasMissedEvents)
        #expect(event(1, 2).kind == .removed)
        #expect(event(3, 0x1001).kind == .other(event: 3, reason: 0x1001))
    }

    @Test func whatWasMissedIsSaid() {
        #expect(event(0, 0, missed: true).kind == .none)
        #expect(event(0, 0, missed: true).hasMissedEvents)
        #expect(event(1, 1, missed: true).kind == .added)
    }
}

@Suite struct ProtectionInformationTests {
    @Test func eachBlockHasItsTuple() {
        let data = [UInt8](repeating: 0, count: 512) + [UInt8](repeating: 0xff, count: 512)
        let tuples = ProtectionInformation.tuples(data, blockSize: 512, address: 0x1_0203_0405)
        let second = BlockGuard.word(data.span.extracting(512...))
        #expect(tuples[..<8] == [0, 0, 0, 0, 2, 3, 4, 5])
        #expect(tuples[8...] == [UInt8(second >> 8), UInt8(second & 0xff), 0, 0, 2, 3, 4, 6])
    }
}

@Suite struct TaskManagementTests {
    @Test func functionsHaveTheWiresNumbers() {
        let numbers: [(TaskManagement, Int)] = [
            (.abortTask, Int(VIRTIO_SCSI_T_TMF_ABORT_TASK)),
            (.abortTaskSet, Int(VIRTIO_SCSI_T_TMF_ABORT_TASK_SET)),
            (.clearACA, Int(VIRTIO_SCSI_T_TMF_CLEAR_ACA)),
            (.clearTaskSet, Int(VIRTIO_SCSI_T_TMF_CLEAR_TASK_SET)),
            (.nexusReset, Int(VIRTIO_SCSI_T_TMF_I_T_NEXUS_RESET)),
            (.logicalUnitReset, Int(VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET)),
            (.queryTask, Int(VIRTIO_SCSI_T_TMF_QUERY_TASK)),
            (.queryTaskSet, Int(VIRTIO_SCSI_T_TMF_QUERY_TASK_SET)),
        ]
        for (function, number) in numbers { #expect(Int(function.rawValue) == number) }
        #expect(numbers.count == TaskManagement.allCases.count)
    }
}

@Suite struct RingShapeTests {
    @Test func ringsAreAsLargeAsTheDepthTakes() throws {
        let indirect: VhostFeatures = [.indirectDescriptors]
        #expect(try RingShape(depth: 1, transferBytes: 512, features: indirect).ringSize == 16)
        #expect(try RingShape(depth: 33, transferBytes: 512, features: indirect).ringSize == 64)
        #expect(try RingShape(depth: 32, transferBytes: 512, features: []).ringSize == 128)
        let error = #expect(throws: OperationError.self) {
            try RingShape(depth: 17, transferBytes: 512, ringSize: 16, features: indirect)
        }
        #expect(
            error?.description
                == "lay out rings of 16 descriptors: 17 requests in flight take 17 of them"
        )
    }

    @Test func theBoundHoldsForEveryShape() throws {
        for features: VhostFeatures in [.wanted, VhostFeatures.wanted.union(.t10PI), []] {
            for (depth, bytes, queues) in [(1, 512, 1), (64, 4096, 3), (3, 1 << 20, 2), (1024, 512, 1)] {
                let shape = try RingShape(
                    depth: depth,
                    transferBytes: bytes,
                    queues: queues,
                    features: features
                )
                let rings = try InitiatorRings(shape, features: features)
                #expect(rings.addresses.count == 2 + queues)
            }
        }
    }
}

// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing

@testable import VhostSCSI

/// The features that matter to the rings, on and off.
private let featureSets: [VhostFeatures] = [
    [], [.indirectDescriptors], [.eventIndex], [.indirectDescriptors, .eventIndex],
]

/// Runs `body` with an initiator on a target of this process.
private func withTarget(
    _ features: VhostFeatures = .wanted,
    depth: Int = 1,
    transferBytes: Int = 64 << 10,
    address: UInt8 = 1,
    faults: MemoryTarget.Faults = .init(),
    _ body: (SCSIInitiator) throws -> Void
) throws {
    let queue = try RequestQueue(depth: depth, transferBytes: transferBytes, features: features)
    let target = try MemoryTarget(queue, features: features, faults: faults)
    let initiator = SCSIInitiator(queue, events: target.events, target: address)
    initiator.timeout = 10
    let outcome = Result { try body(initiator) }
    try target.stop()
    try outcome.get()
}

@Suite struct SCSIInitiatorTests {
    @Test(arguments: featureSets) func asksATargetWhatItIs(features: VhostFeatures) throws {
        try withTarget(features) { initiator in
            #expect(try initiator.reportLUNs() == [0])
            let inquiry = try initiator.inquiry(lun: 0)
            #expect(inquiry.vendor == "RINGSIDE")
            #expect(inquiry.product == "memory target")
            #expect(inquiry.revision == "0001")
            #expect(try initiator.readCapacity(lun: 0) == SCSICapacity(blocks: 2048, blockSize: 512))
            try initiator.testUnitReady(lun: 0)
        }
    }

    @Test func repeatsACommandPastUnitAttentions() throws {
        try withTarget(faults: .init(unitAttentions: 3)) { try $0.testUnitReady(lun: 0) }
        let error = #expect(throws: OperationError.self) {
            try withTarget(faults: .init(unitAttentions: 100)) { try $0.testUnitReady(lun: 0) }
        }
        #expect(error?.cause == "UNIT ATTENTION 8 times in a row")
    }

    @Test func refusalsSpeak() throws {
        let lun = #expect(throws: OperationError.self) { try withTarget { try $0.testUnitReady(lun: 7) } }
        #expect(
            lun?.description
                == "TEST UNIT READY LUN 7 of target target 1: "
                + "CHECK CONDITION: ILLEGAL REQUEST, logical unit not supported (5h/25h/00h)"
        )
        let target = #expect(throws: OperationError.self) {
            try withTarget(address: 2) { _ = try $0.inquiry(lun: 0) }
        }
        #expect(target?.cause.hasPrefix("BAD_TARGET: ") == true)
    }

    @Test func aSilentDeviceEndsInATimeout() throws {
        let error = #expect(throws: OperationError.self) {
            try withTarget(faults: .init(isSilent: true)) { initiator in
                initiator.timeout = 0.2
                try initiator.testUnitReady(lun: 0)
            }
        }
        #expect(error?.errno == .timedOut)
    }

    @Test func isOfNoUseAfterATimeout() throws {
        try withTarget(faults: .init(isSilent: true)) { initiator in
            initiator.timeout = 0.2
            #expect(throws: OperationError.self) { try initiator.testUnitReady(lun: 0) }
            let error = #expect(throws: OperationError.self) { try initiator.testUnitReady(lun: 0) }
            #expect(error?.cause == "1 request(s) of an earlier failure are still with the device")
        }
    }

    @Test func aWedgedRingEndsInAnError() throws {
        let error = #expect(throws: OperationError.self) {
            try withTarget(faults: .init(isWedged: true)) { try $0.testUnitReady(lun: 0) }
        }
        #expect(error?.errno == .ioError)
    }

    @Test func aDeviceThatReturnsNonsenseEndsInAnError() throws {
        let error = #expect(throws: OperationError.self) {
            try withTarget(faults: .init(returnsNonsense: true)) { try $0.testUnitReady(lun: 0) }
        }
        #expect(error?.operation == "reap")
    }
}

@Suite struct SurfaceCheckTests {
    @Test(arguments: featureSets) func findsADiskThatKeepsItsData(features: VhostFeatures) throws {
        try withTarget(features, depth: 4) { initiator in
            let result = try SurfaceCheck(seed: 1).run(on: initiator, lun: 0)
            #expect(result.byteCount == 1 << 20)
        }
    }

    @Test func coversALastTransferThatIsShorter() throws {
        try withTarget(depth: 3, transferBytes: 12 << 10) { initiator in
            _ = try SurfaceCheck(seed: 9).run(on: initiator, lun: 0)
        }
    }

    @Test(arguments: [(0, 0, 0), (1_048_575, 2047, 511), (70_000, 136, 368)])
    func namesTheByteThatDiffers(byte: Int, block: Int, offset: Int) throws {
        let error = #expect(throws: OperationError.self) {
            try withTarget(depth: 4, faults: .init(rottenByte: byte)) { initiator in
                _ = try SurfaceCheck(seed: 1).run(on: initiator, lun: 0)
            }
        }
        #expect(error?.operation == "compare")
        let words = "block \(block) differs from what was written, at byte \(offset) of the block"
        #expect(error?.cause == words)
    }

    @Test func dataThatNeverCameIsNotTakenFromAnEarlierRequest() throws {
        let error = #expect(throws: OperationError.self) {
            // The whole disk fits the buffers, which still hold what was written.
            try withTarget(depth: 16, faults: .init(ignoresReads: true)) { initiator in
                _ = try SurfaceCheck(seed: 1).run(on: initiator, lun: 0)
            }
        }
        #expect(error?.cause == "block 0 differs from what was written, at byte 0 of the block")
    }

    @Test func aMediumErrorNamesTheCommandAndItsBlock() throws {
        let error = #expect(throws: OperationError.self) {
            try withTarget(depth: 4, faults: .init(badBlock: 300)) { initiator in
                _ = try SurfaceCheck(seed: 1).run(on: initiator, lun: 0)
            }
        }
        #expect(error?.operation == "WRITE(10)")
        #expect(error?.cause.hasPrefix("block 256: CHECK CONDITION: MEDIUM ERROR") == true)
    }

    @Test func dataThatWasNotTransferredIsAnError() throws {
        let error = #expect(throws: OperationError.self) {
            try withTarget(faults: .init(residual: 512)) { initiator in
                _ = try SurfaceCheck(seed: 1).run(on: initiator, lun: 0)
            }
        }
        #expect(error?.cause == "block 0: 512 bytes of the data were not transferred")
    }
}

@Suite struct ThroughputJobTests {
    @Test(arguments: ThroughputJob.Pattern.allCases, [1, 32])
    func runsAsManyRequestsAsItIsTold(pattern: ThroughputJob.Pattern, depth: Int) throws {
        try withTarget(depth: depth, transferBytes: 4096) { initiator in
            let job = ThroughputJob(pattern, blockSize: 4096, limit: .requests(1000))
            let result = try job.run(on: initiator, lun: 0)
            #expect(result.requests == 1000)
            #expect(result.depth == depth)
            #expect(result.seconds > 0)
            #expect((1...1000).contains(result.traffic.kicks))
            #expect(result.microseconds(percentile: 0) <= result.microseconds(percentile: 50))
            #expect(result.microseconds(percentile: 50) <= result.microseconds(percentile: 100))
            let expected = result.iops * 4096 / 1e6
            #expect(abs(result.megabytesPerSecond - expected) < 0.001)
        }
    }

    @Test func aRequestSlowerThanTheRangeIsCounted() {
        let job = ThroughputJob(.read, blockSize: 512, limit: .requests(2))
        var load = ThroughputLoad(job, SCSICapacity(blocks: 8, blockSize: 512), start: 0)
        let request = BlockRequest(address: 0, blocks: 1, isWrite: false)
        let words: [UInt64] = []
        for nanoseconds: UInt64 in [1000, 3_600_000_000_000] {
            load.complete(request, words.span, nanoseconds: nanoseconds)
        }
        let result = ThroughputResult(
            depth: 1,
            blockSize: 512,
            seconds: 1,
            latencies: load.latencies,
            traffic: .init(kicks: 2, interrupts: 2)
        )
        #expect(result.requests == 2)
        #expect(result.microseconds(percentile: 0) <= 1)
        #expect((59e6...61e6).contains(result.microseconds(percentile: 100)))
    }

    @Test func endsAfterItsTime() throws {
        try withTarget(depth: 4, transferBytes: 4096) { initiator in
            let result = try ThroughputJob(.read, blockSize: 4096, limit: .seconds(0.1)).run(
                on: initiator,
                lun: 0
            )
            #expect(result.seconds >= 0.1)
            #expect(result.requests > 0)
        }
    }

    @Test(arguments: [(1000, "multiple"), (8192, "at most 4096"), (0, "multiple")])
    func refusesSizesThatDoNotFit(size: Int, words: String) throws {
        let error = #expect(throws: OperationError.self) {
            try withTarget(transferBytes: 4096) { initiator in
                _ = try ThroughputJob(.read, blockSize: size, limit: .requests(1)).run(on: initiator, lun: 0)
            }
        }
        #expect(error?.cause.contains(words) == true)
    }
}

// SPDX-License-Identifier: MIT
import CVirtioLoad
import Histogram
import LinuxSystem
import SystemPackage
import Testing

@testable import VhostSCSI

/// The features that matter to the rings, on and off.
private let featureSets: [VhostFeatures] = [
    [], [.indirectDescriptors], [.eventIndex], [.indirectDescriptors, .eventIndex],
]

/// Runs `body` with an initiator on a target of this process, and compares what both sides have counted.
private func withTarget(
    _ features: VhostFeatures = .wanted,
    depth: Int = 1,
    transferBytes: Int = 64 << 10,
    queues: Int = 1,
    address: UInt8 = 1,
    faults: MemoryTarget.Faults = .init(),
    _ body: (SCSIInitiator) throws -> Void
) throws {
    let shape = try RingShape(depth: depth, transferBytes: transferBytes, queues: queues, features: features)
    let rings = try InitiatorRings(shape, features: features)
    let targets = try (0..<queues).map {
        try MemoryTarget(rings, request: $0, features: features, faults: faults)
    }
    // Nobody serves the control and the event ring.
    let unserved = try (0..<2).map { _ in
        RingEvents(kick: try EventFD(), call: try EventFD(), error: try EventFD())
    }
    let events = unserved + targets.map(\.events)
    let initiator = SCSIInitiator(rings, events: events, features: features, target: address)
    initiator.timeout = 10
    let outcome = Result { try body(initiator) }
    let kicks = try targets.map { try $0.stop() } + unserved.map { try $0.kick.drain() }
    #expect(initiator.traffic.kicks == kicks.reduce(0, +))
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
            #expect(result.traffic.kicks <= 1000)
            #expect(result.all.microseconds(percentile: 0) <= result.all.microseconds(percentile: 50))
            #expect(result.all.microseconds(percentile: 50) <= result.all.microseconds(percentile: 100))
            #expect(result.costs.ours > 0)
            #expect(result.costs.worker == nil)
            let expected = result.iops * 4096 / 1e6
            #expect(abs(result.megabytesPerSecond - expected) < 0.001)
        }
    }

    @Test(arguments: [1, 2, 3]) func everyQueueHasItsShare(queues: Int) throws {
        try withTarget(depth: 4, transferBytes: 4096, queues: queues) { initiator in
            for pattern in [ThroughputJob.Pattern.read, .randomReadWrite] {
                let result = try ThroughputJob(pattern, blockSize: 4096, limit: .requests(1000)).run(
                    on: initiator,
                    lun: 0
                )
                #expect(result.requests == 1000)
                #expect(result.queues == queues)
                #expect(result.reads.count + result.writes.count == 1000)
            }
            _ = try SurfaceCheck(seed: 3).run(on: initiator, lun: 0)
        }
    }

    @Test func theDistributionHasEachRequest() throws {
        try withTarget(depth: 8, transferBytes: 4096) { initiator in
            var job = ThroughputJob(.read, blockSize: 4096, limit: .requests(700))
            job.processors = ProcessorSet([0])
            let text = try job.run(on: initiator, lun: 0).all.percentileDistribution
            let last = text.split(separator: "\n").last { !$0.hasPrefix("#") }
            let fields = last?.split(separator: " ").map(String.init) ?? []
            #expect(fields.count == 3 && fields[2] == "700" && Double(fields[1]) == 1, "\(text)")
        }
    }

    @Test func processorsThatAreNotThereEndARunBeforeItStarts() throws {
        try withTarget(depth: 8, transferBytes: 4096) { initiator in
            var job = ThroughputJob(.read, blockSize: 4096, limit: .requests(700))
            job.processors = ProcessorSet([1023])
            let error = #expect(throws: OperationError.self) { _ = try job.run(on: initiator, lun: 0) }
            #expect(error?.operation == "bind to processors 1023" && error?.errno == .invalidArgument)
        }
    }

    @Test(arguments: [(0, 0...0), (30, 200...400), (100, 1000...1000)])
    func aMixHasItsPartOfReads(percent: Int, reads: ClosedRange<UInt64>) throws {
        try withTarget(depth: 8, transferBytes: 4096) { initiator in
            var job = ThroughputJob(.randomReadWrite, blockSize: 4096, limit: .requests(1000))
            job.readPercent = percent
            let result = try job.run(on: initiator, lun: 0)
            #expect(reads.contains(result.reads.count))
            #expect(result.requests == 1000)
        }
    }

    @Test func whatIsWrittenIsReadBack() throws {
        var job = ThroughputJob(.randomWrite, blockSize: 4096, limit: .requests(500))
        job.verifySeed = 7
        try withTarget(depth: 8, transferBytes: 4096, queues: 2) { _ = try job.run(on: $0, lun: 0) }
        let error = #expect(throws: OperationError.self) {
            try withTarget(depth: 8, transferBytes: 4096, faults: .init(ignoresReads: true)) {
                _ = try job.run(on: $0, lun: 0)
            }
        }
        #expect(error?.operation == "compare")
    }

    @Test func readsAreComparedWithWhatAnEarlierCheckLeft() throws {
        try withTarget(depth: 8, transferBytes: 4096) { initiator in
            _ = try SurfaceCheck(seed: 5).run(on: initiator, lun: 0)
            var job = ThroughputJob(.randomReadWrite, blockSize: 4096, limit: .requests(500))
            job.verifySeed = 5
            _ = try job.run(on: initiator, lun: 0)
            job.verifySeed = 6
            let error = #expect(throws: OperationError.self) { _ = try job.run(on: initiator, lun: 0) }
            #expect(error?.operation == "compare")
        }
    }

    /// HdrHistogram, which we did not write, gives the same numbers as the loop's own table.
    @Test func theLoopsTableIsThatOfHdrHistogram() throws {
        var reference = Histogram<UInt64>(
            highestTrackableValue: 1 << 36 - 1,
            numberOfSignificantValueDigits: .three
        )
        var last: UInt64 = 0
        for entry in 0..<UInt32(VLOAD_LATENCIES) {
            let least = vload_latency(entry)
            #expect(entry == 0 || least > last)
            // No entry of the table lies in two of the histogram's.
            let next = entry + 1 < UInt32(VLOAD_LATENCIES) ? vload_latency(entry + 1) : 1 << 36
            #expect(reference.lowestEquivalentForValue(least) == least)
            #expect(reference.highestEquivalentForValue(least) == next - 1)
            last = least
        }
        reference.record(last)
        #expect(reference.totalCount == 1)
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

    @Test(arguments: [true, false]) func aDeviceThatAnswersNothingEndsTheRun(isWedged: Bool) throws {
        let faults: MemoryTarget.Faults = isWedged ? .init(isWedged: true) : .init(isSilent: true)
        let error = #expect(throws: OperationError.self) {
            try withTarget(depth: 4, transferBytes: 4096, queues: 2, faults: faults) { initiator in
                initiator.timeout = isWedged ? 10 : 0.3
                var job = RequestLoad.Job()
                (job.blocks, job.step, job.block_size) = (2048, 8, 512)
                (job.places, job.count, job.duration) = (256, 100, .max)
                _ = try LoadRun([job, job], on: LoadedUnit(initiator, 0))
            }
        }
        #expect(error?.errno == (isWedged ? .ioError : .timedOut))
        #expect(error?.object.hasPrefix("the request ring") == true || error?.object == "request ring 1")
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

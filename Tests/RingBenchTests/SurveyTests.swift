// SPDX-License-Identifier: MIT
import LinuxSystem
import RingBench
import SystemPackage
import Testing

/// Every workload, for a moment: the C code compares each chain that comes back.
@Suite(.serialized) struct SurveyTests {
    private func survey(_ cases: [RingCase]) throws -> RingSurvey {
        var survey = RingSurvey(cases, on: try ProcessorPair(choosingFrom: ProcessorPair.allowed()))
        (survey.rounds, survey.slices, survey.chains) = (2, 3, 64)
        return survey
    }

    @Test(arguments: RingWorkload.allCases, [(false, false), (true, false), (true, true)])
    func measures(workload: RingWorkload, features: (eventIndex: Bool, inOrder: Bool)) throws {
        var matrix = RingMatrix()
        matrix.workloads = [workload]
        matrix.chains = ChainShape.allCases
        matrix.batches = [1, 5, 64]
        matrix.sizes = [64, 512]
        matrix.regions = 3
        (matrix.eventIndex, matrix.inOrder) = features
        let report = try survey(matrix.cases).report(of: BenchMachine(allowed: [0]))
        let order = report.figures.map(\.of).reduce(into: [RingCase]()) { if $0.last != $1 { $0.append($1) } }
        #expect(order == matrix.cases && order.count > 30)
        let hasLine = workload.hasTwoThreads && report.processors.relation != .same
        for figures in report.figures {
            #expect((figures.distance != nil) == hasLine && (figures.lineRoundTrip != nil) == hasLine)
            #expect((figures.latencyInRoundTrips != nil) == (hasLine && figures.of.depth == 1))
            let spread = figures.nanoseconds
            #expect(spread.least > 0 && spread.least <= spread.median && spread.median <= spread.most)
            #expect((figures.kicks == nil) == (workload != .notify))
            #expect((figures.instructions == nil) == (report.uncounted != nil))
        }
    }

    /// One buffer in flight: whoever waits must be woken.
    @Test(arguments: RingDesign.allCases, [false, true])
    func sleepsAndWakes(ring: RingDesign, eventIndex: Bool) throws {
        var matrix = RingMatrix()
        matrix.workloads = [.notify]
        matrix.rings = [ring]
        matrix.batches = [1]
        matrix.depth = 1
        matrix.eventIndex = eventIndex
        let report = try survey(matrix.cases).report(of: BenchMachine(allowed: [0]))
        // A device that polled just then needs no kick.
        #expect(report.figures.compactMap(\.kicks).contains { $0 > 0 && $0 <= 1000 })
    }

    @Test func packedRingsMayHaveAnySize() throws {
        var matrix = RingMatrix()
        matrix.rings = [.packed]
        matrix.sizes = [7, 100]
        matrix.batches = [2]
        let report = try survey(matrix.cases).report(of: BenchMachine(allowed: [0]))
        #expect(Set(report.figures.map(\.of)) == Set(matrix.cases) && matrix.cases.count == 8)
    }

    @Test func tellsItsProgress() throws {
        var matrix = RingMatrix()
        matrix.workloads = [.pair]
        var told: [(Int, RingCase)] = []
        _ = try survey(matrix.cases).report(of: BenchMachine(allowed: [0])) { told.append(($0, $1)) }
        #expect(told.map(\.0) == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2])
        #expect(told.suffix(4).map(\.1) == matrix.cases)
    }

    @Test func refusesACaseThatCannotBe() throws {
        var matrix = RingMatrix()
        matrix.workloads = [.device]
        var ringCase = matrix.cases[0]
        ringCase.size = 63
        let survey = try survey([ringCase])
        let machine = try BenchMachine(allowed: [0])
        let error = #expect(throws: OperationError.self) { try survey.report(of: machine) }
        #expect(error?.errno == .invalidArgument && error?.object == ringCase.name)
    }
}

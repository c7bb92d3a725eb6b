// SPDX-License-Identifier: MIT
import LinuxSystem
@testable import RingBench
import SystemPackage
import Testing

/// Reports of figures that the tests choose.
private func report(_ numbers: [(ring: RingDesign, spread: [Double])]) throws -> RingReport {
    var matrix = RingMatrix()
    matrix.workloads = [.device]
    matrix.batches = [1]
    let cases = matrix.cases
    var report = try RingSurvey([], on: ProcessorPair(driver: 0, device: 0)).report(
        of: BenchMachine(allowed: [0])
    )
    report.machine.model = "A & B <C>"
    report.figures = try numbers.map { number in
        let ringCase = try #require(cases.first { $0.ring == number.ring })
        return RingFigures(of: ringCase, nanoseconds: try #require(Spread(number.spread)))
    }
    return report
}

struct ComparisonTests {
    @Test func saysSlowerOnlyWhereSpreadsAreApart() throws {
        let then = try report([(.split, [9, 10, 11]), (.packed, [9, 10, 11])])
        let now = try report([(.split, [11.5, 12, 13]), (.packed, [10.9, 12, 13])])
        let comparisons = RingComparison.comparing(now, with: then)
        #expect(comparisons.map(\.verdict) == [.slower, .alike])
        #expect(comparisons.map(\.ratio) == [1.2, 1.2])
        #expect(comparisons.map { $0.isAbove(percent: 19) } == [true, false])
        #expect(comparisons.map { $0.isAbove(percent: 21) } == [false, false])
        #expect(RingComparison.comparing(then, with: now).map(\.verdict) == [.faster, .alike])
    }

    @Test func leavesOutWhatWasNotMeasuredThen() throws {
        let then = try report([(.packed, [10])])
        let now = try report([(.split, [10]), (.packed, [5])])
        let comparisons = RingComparison.comparing(now, with: then)
        #expect(comparisons.map(\.of.ring) == [.packed] && comparisons[0].ratio == 0.5)
    }
}

/// Rounds of a host that moved its processors meanwhile: round trips before and after, and nanoseconds of a chain that is
/// alone in flight on a packed ring.
private let recorded: [(before: Double, after: Double, nanoseconds: Double)] = [
    (82.6, 83.1, 156.5), (84.0, 337.2, 301.7), (83.8, 82.9, 153.9), (337.4, 341.0, 601.2),
    (82.5, 82.7, 166.3), (231.0, 240.5, 402.4), (344.8, 336.6, 584.0), (83.0, 84.4, 158.0),
]

struct DistanceTests {
    private func latency(depth: Int? = 1) throws -> RingCase {
        var matrix = RingMatrix()
        (matrix.workloads, matrix.rings, matrix.batches) = ([.poll], [.packed], [1])
        matrix.depth = depth
        return try #require(matrix.cases.first)
    }

    private func runs() -> [RingRun] {
        recorded.map { round in
            RingRun(
                slices: [round.nanoseconds - 9, round.nanoseconds, round.nanoseconds + 400],
                chains: 3,
                kicks: 0,
                signals: 0,
                line: LineTrips(before: round.before, after: round.after)
            )
        }
    }

    @Test func neverMixesNearRoundsWithFarOnes() throws {
        let figures = RingFigures.sorting(runs(), of: try latency())
        #expect(figures.map(\.distance) == [.near, .mid, .far])
        #expect(figures.map(\.rounds) == [4, 2, 2])
        #expect(figures.map(\.nanoseconds.least) == [153.9, 301.7, 584.0])
        #expect(figures.map(\.nanoseconds.most) == [166.3, 402.4, 601.2])
        #expect(figures.map(\.nanoseconds.median) == [157.25, (301.7 + 402.4) / 2, (584.0 + 601.2) / 2])
        #expect(figures.map { $0.name.split(separator: " ").last } == ["near", "mid", "far"])
    }

    /// Each round is divided by its own round trip.
    @Test func latencyIsInRoundTripsOfTheSameRound() throws {
        let figures = RingFigures.sorting(runs(), of: try latency())
        let near = try #require(figures.first?.latencyInRoundTrips)
        #expect(near.least == 153.9 / ((83.8 + 82.9) / 2) && near.most == 166.3 / ((82.5 + 82.7) / 2))
        let far = try #require(figures.last?.latencyInRoundTrips)
        #expect(far.least == 584.0 / ((344.8 + 336.6) / 2) && far.most == 601.2 / ((337.4 + 341.0) / 2))
        #expect(figures.last?.lineRoundTrip?.least == (337.4 + 341.0) / 2)
        let many = RingFigures.sorting(runs(), of: try latency(depth: 64))
        #expect(many.allSatisfy { $0.latencyInRoundTrips == nil && $0.lineRoundTrip != nil })
    }

    @Test func oneThreadHasNoDistance() throws {
        let plain = runs().map { run in
            var run = run
            run.line = nil
            return run
        }
        let figures = RingFigures.sorting(plain, of: try latency())
        #expect(figures.map(\.distance) == [nil] && figures[0].rounds == recorded.count)
        #expect(figures[0].lineRoundTrip == nil && figures[0].latencyInRoundTrips == nil)
    }

    @Test func comparesWithTheSameDistanceOnly() throws {
        let of = try latency()
        var then = try report([])
        var now = then
        then.figures = RingFigures.sorting(runs().filter { ($0.line?.mean ?? 0) < 100 }, of: of)
        now.figures = RingFigures.sorting(runs(), of: of)
        let comparisons = RingComparison.comparing(now, with: then)
        #expect(comparisons.map(\.distance) == [.near] && comparisons[0].ratio == 1)
        #expect(now.figures.map { comparisons[0].concerns($0) } == [true, false, false])
        #expect(RingPlot(now, baseline: comparisons).svg.contains("depth 1 far"))
    }
}

struct PlotTests {
    /// What stands in `svg` as `name="…"`, in order.
    private func attribute(_ name: String, of element: String, _ svg: String) -> [Double] {
        svg.split(separator: "<").filter { $0.hasPrefix(element + " ") }.compactMap { tag in
            let value = tag.split(separator: " \(name)=\"", maxSplits: 1).dropFirst().first
            return value.flatMap { Double($0.prefix { $0 != "\"" }) }
        }
    }

    @Test func putsTenTimesAsMuchOneStepFurther() throws {
        let svg = try RingPlot(report([(.split, [1, 10, 100]), (.packed, [100, 100, 100])])).svg
        let medians = attribute("cx", of: "circle", svg)
        let (starts, ends) = (attribute("x1", of: "line", svg), attribute("x2", of: "line", svg))
        // The grid of 1, 10 and 100 ns comes first, the legend's dots last.
        #expect(starts.prefix(3) == ends.prefix(3) && starts.count == 5)
        #expect(medians.prefix(2) == [starts[1], starts[2]])
        #expect(starts[3] == starts[0] && ends[3] == starts[2])
        #expect(starts[1] - starts[0] == starts[2] - starts[1])
    }

    @Test func isOneWholeFileWithTheBaselineInIt() throws {
        let then = try report([(.split, [20])])
        let now = try report([(.split, [10]), (.packed, [5])])
        let plain = RingPlot(now).svg
        let compared = RingPlot(now, baseline: RingComparison.comparing(now, with: then)).svg
        #expect(plain.hasPrefix("<svg xmlns=") && plain.hasSuffix("</svg>\n"))
        #expect(plain.contains("A &amp; B &lt;C&gt;") && !plain.contains("A & B"))
        #expect(!plain.contains("baseline") && compared.contains("baseline"))
        #expect(attribute("r", of: "circle", compared).filter { $0 == 6 }.count == 2)
    }
}

struct KernelFiguresTests {
    private func read(_ text: String) throws -> KernelFigures {
        let directory = try FilePath.makeTemporaryDirectory(prefix: "ringbench")
        let result = Result {
            try directory.appending("ring_selftest").write(text.utf8)
            return try KernelFigures(reading: directory.appending("ring_selftest"))
        }
        try directory.removeTree()
        return try result.get()
    }

    @Test func readsWhatTheModuleWrites() throws {
        let figures = try read("vectors: 111 passed, 0 failed\nsplit read batch 32: 10.4 ns\n")
        #expect(figures.passed == 111 && figures.failed == 0 && figures.failures.isEmpty)
        #expect(figures.figures.map(\.name) == ["split read batch 32"])
        #expect(figures.figures.map(\.nanoseconds) == [10.4])
        let failed = try read("FAILED loop of two: result\nvectors: 110 passed, 1 failed\n")
        #expect(failed.failures == ["loop of two: result"] && failed.failed == 1)
        let unmeasured = try read("vectors: 147 passed, 0 failed\ntiming: error -12\n")
        #expect(unmeasured.passed == 147 && unmeasured.timingError == 12 && unmeasured.figures.isEmpty)
    }

    @Test(arguments: ["", "vectors: many\n", "timing: error -5\n", "vectors: 1 passed, 0 failed\nx: 3 ms\n"])
    func refusesAnythingElse(text: String) {
        #expect(throws: OperationError.self) { try read(text) }
    }

    @Test func saysHowToGetTheFile() {
        let error = #expect(throws: OperationError.self) { try KernelFigures(reading: "/nonexistent") }
        #expect(error?.errno == .noSuchFileOrDirectory && error?.hint?.contains("kmod/ring_selftest") == true)
    }
}

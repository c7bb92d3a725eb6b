// SPDX-License-Identifier: MIT
import LinuxSystem
import RingBench
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

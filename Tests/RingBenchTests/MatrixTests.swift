// SPDX-License-Identifier: MIT
import RingBench
import Testing

struct MatrixTests {
    @Test func combinesAllAndNamesThemApart() {
        var matrix = RingMatrix()
        matrix.chains = ChainShape.allCases
        matrix.batches = [1, 8]
        matrix.sizes = [64, 4096]
        // Polling threads also with one chain in flight.
        #expect(matrix.cases.count == 4 * 2 * 4 * 2 * 2 + 2 * 4 * 2)
        #expect(Set(matrix.cases.map(\.name)).count == matrix.cases.count)
    }

    @Test func leavesOutWhatTheRingHasNoRoomFor() {
        var matrix = RingMatrix()
        matrix.workloads = [.pair]
        matrix.chains = [.eight, .indirect]
        matrix.batches = [8, 9, 64]
        matrix.sizes = [64]
        let cases = matrix.cases.filter { $0.ring == .packed }
        #expect(cases.map(\.batch) == [8, 8, 9, 64])
        #expect(cases.map(\.chain) == [.eight, .indirect, .indirect, .indirect])
    }

    @Test func choosesADepthForTwoThreadsOnly() {
        var matrix = RingMatrix()
        matrix.rings = [.split]
        matrix.batches = [1, 32]
        matrix.sizes = [64, 1024]
        func depths(_ workload: RingWorkload) -> [Int?] {
            matrix.cases.filter { $0.workload == workload }.map(\.depth)
        }
        // 64 entries hold 21 chains of 3 descriptors, and so no batch of 32.
        #expect(depths(.poll) == [1, 21, 1, 64, 128])
        #expect(depths(.notify) == [21, 64, 128])
        #expect(depths(.device) == [nil, nil, nil])
        matrix.depth = 32
        #expect(depths(.notify) == [32, 32])
    }
}

// SPDX-License-Identifier: MIT
import RingBench
import Testing

struct SpreadTests {
    @Test func ofOddAndEvenCounts() throws {
        let odd = try #require(Spread([5, 1, 3]))
        #expect((odd.median, odd.least, odd.most) == (3, 1, 5))
        let even = try #require(Spread([4, 1, 2, 10]))
        #expect((even.median, even.least, even.most) == (3, 1, 10))
        #expect(Spread([]) == nil)
    }

    @Test func overlapsWhereANumberCanBeInBoth() throws {
        let low = try #require(Spread([1, 2]))
        let touching = try #require(Spread([2, 3]))
        let apart = try #require(Spread([2.5, 3]))
        #expect(low.overlaps(touching) && touching.overlaps(low))
        #expect(!low.overlaps(apart) && !apart.overlaps(low))
    }
}

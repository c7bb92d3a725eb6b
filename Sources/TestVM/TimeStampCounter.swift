// SPDX-License-Identifier: MIT
import CLinux

/// The host processor's time stamp counter, which a guest under TCG reads as its own.
enum TimeStampCounter {
    /// Its rate, measured once for each boot of the host.
    static func kilohertz(cache: Cache) async throws -> UInt64 {
        UInt64(try await cache.line("counter") { "\(measured)" }) ?? measured
    }

    /// Its rate against the monotonic clock over 10 ms.
    private static var measured: UInt64 {
        let clock = ContinuousClock()
        let (startCount, start) = (ringside_rdtsc(), clock.now)
        while start.duration(to: clock.now) < .milliseconds(10) {}
        let (endCount, elapsed) = (ringside_rdtsc(), start.duration(to: clock.now))
        return (endCount - startCount) * 1_000_000 / UInt64(elapsed.components.attoseconds / 1_000_000_000)
    }
}

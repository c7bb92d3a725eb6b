// SPDX-License-Identifier: MIT
import CLinux

/// The host processor's time stamp counter, which a guest under TCG reads as its own.
enum TimeStampCounter {
    /// Its rate, measured against the monotonic clock over 10 ms.
    static var kilohertz: UInt64 {
        let clock = ContinuousClock()
        let (startCount, start) = (ringside_rdtsc(), clock.now)
        while start.duration(to: clock.now) < .milliseconds(10) {}
        let (endCount, elapsed) = (ringside_rdtsc(), start.duration(to: clock.now))
        return (endCount - startCount) * 1_000_000 / UInt64(elapsed.components.attoseconds / 1_000_000_000)
    }
}

// SPDX-License-Identifier: MIT
internal import CLinux
internal import Glibc

/// Time that only goes forward, cheap enough to read in a hot loop.
public enum MonotonicClock {
    /// Nanoseconds since some fixed moment.
    ///
    /// The corresponding C function is `clock_gettime` with `CLOCK_MONOTONIC`.
    public static var nanoseconds: UInt64 { read(CLOCK_MONOTONIC) }

    /// A clock of the kernel, in nanoseconds.
    static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        // `time` outlives the call, which cannot fail for the clocks of this module.
        _ = unsafe Glibc.clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

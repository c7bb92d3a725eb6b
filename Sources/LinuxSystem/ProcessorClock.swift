// SPDX-License-Identifier: MIT
internal import CLinux
internal import Glibc

/// The processor time that this process has taken.
public enum ProcessorClock {
    /// Nanoseconds of all its threads, user and system time.
    ///
    /// The corresponding C function is `clock_gettime` with `CLOCK_PROCESS_CPUTIME_ID`.
    public static var nanoseconds: UInt64 { MonotonicClock.read(CLOCK_PROCESS_CPUTIME_ID) }
}

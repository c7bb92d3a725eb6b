// SPDX-License-Identifier: MIT
internal import CLinux
internal import Glibc

/// Waits for a signal to arrive, instead of being ended by it.
public struct SignalWait {
    private var set = sigset_t()

    /// Blocks `signals` for this thread, and for those that it starts later; they stay blocked.
    ///
    /// The corresponding C function is `pthread_sigmask`.
    public init(_ signals: [CInt]) {
        // `set` outlives the calls, which cannot fail for valid signals.
        unsafe sigemptyset(&set)
        for signal in signals { unsafe sigaddset(&set, signal) }
        _ = unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// Waits for one of the signals.
    ///
    /// The corresponding C functions are `sigwait` and `sigtimedwait`.
    ///
    /// - Parameter seconds: how long to wait; nil for without end.
    /// - Returns: the signal, or nil where the time ended first.
    public func wait(seconds: Double?) -> CInt? {
        var set = set
        let deadline = seconds.map { MonotonicClock.nanoseconds + UInt64(max(0, $0) * 1e9) }
        while true {
            let now = MonotonicClock.nanoseconds
            // Without end means an hour, again and again.
            let left = deadline.map { $0 > now ? $0 - now : 0 } ?? 3_600_000_000_000
            var time = timespec(tv_sec: Int(left / 1_000_000_000), tv_nsec: Int(left % 1_000_000_000))
            // Both outlive the call; the signal's details are not asked for.
            let signal = unsafe sigtimedwait(&set, nil, &time)
            if signal > 0 { return signal }
            if let deadline, MonotonicClock.nanoseconds >= deadline { return nil }
        }
    }
}

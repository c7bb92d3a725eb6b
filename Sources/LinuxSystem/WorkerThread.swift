// SPDX-License-Identifier: MIT
internal import CLinux
internal import CPeerEvent
internal import Glibc
public import SystemPackage

/// A thread of its own for work that waits or spins; the corresponding C functions are `pthread_create` and
/// `pthread_join`.
@safe public final class WorkerThread: Sendable {
    private let thread: pthread_t

    /// Starts `body` on a new thread.
    ///
    /// - Parameter name: at most 15 bytes, shown by `top -H` and `perf`.
    /// - Throws: `EAGAIN` where there can be no more threads.
    public init(name: String, _ body: @escaping @Sendable () -> Void) throws(Errno) {
        let work = unsafe Unmanaged.passRetained(Work(body)).toOpaque()
        var thread = pthread_t()
        let error = unsafe pthread_create(
            &thread,
            nil,
            { work in
                peer_event_interruptible()
                // The reference that init retained for this thread.
                if let work = unsafe work {
                    unsafe Unmanaged<Work>.fromOpaque(work).takeRetainedValue().body()
                }
                return nil
            },
            work
        )
        if error != 0 {
            unsafe Unmanaged<Work>.fromOpaque(work).release()
            throw Errno(rawValue: error)
        }
        self.thread = thread
        // A name that is too long is left out; nothing depends on it.
        _ = unsafe CLinux.pthread_setname_np(thread, name)
    }

    /// Waits for the end of `body`; to be called once.
    public func join() {
        let error = pthread_join(thread, nil)
        precondition(error == 0, "a thread is joined once, and not by itself")
    }

    /// Waits for the end of `body`, and interrupts it every 10 ms while it waits in a system call for a peer that may
    /// never let it go on; to be called once.
    ///
    /// - Parameter isHeldUp: whether it does, as far as is known.
    public func join(interruptingWhile isHeldUp: () -> Bool) {
        var error = CInt(ETIMEDOUT)
        while error == ETIMEDOUT {
            var deadline = timespec()
            // Both outlive the calls.
            unsafe clock_gettime(CLOCK_REALTIME, &deadline)
            let next = deadline.tv_nsec + 10_000_000
            deadline.tv_sec += next / 1_000_000_000
            deadline.tv_nsec = next % 1_000_000_000
            error = unsafe CLinux.pthread_timedjoin_np(thread, nil, &deadline)
            if error == ETIMEDOUT && isHeldUp() { interrupt() }
        }
        precondition(error == 0, "a thread is joined once, and not by itself")
    }

    /// Ends the system call that `body` waits in, with `EINTR`; not after `join`.
    public func interrupt() { peer_event_interrupt(thread) }
}

private final class Work: Sendable {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) {
        self.body = body
    }
}

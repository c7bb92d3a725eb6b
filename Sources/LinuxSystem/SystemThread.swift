// SPDX-License-Identifier: MIT
import CLinux
import Glibc
import Synchronization
public import SystemPackage

/// A thread whose end can be seen from outside, even where the kernel killed it alone: that is what an oops does to
/// the thread that ran into it.
public struct SystemThread: Sendable {
    private final class Start: Sendable {
        let body: @Sendable () -> Void
        let identifier = Atomic<pid_t>(0)

        init(_ body: @Sendable @escaping () -> Void) { self.body = body }
    }

    private let start: Start

    /// Runs `body` in a new thread; the corresponding C functions are `pthread_create` and `pthread_detach`.
    public init(_ body: @Sendable @escaping () -> Void) throws(Errno) {
        start = Start(body)
        var thread = pthread_t()
        // The reference that is passed on is taken over by the thread.
        let argument = unsafe Unmanaged.passRetained(start).toOpaque()
        let result = unsafe pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let start = unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                start.identifier.store(gettid(), ordering: .releasing)
                start.body()
                return nil
            },
            argument
        )
        if result != 0 {
            unsafe Unmanaged<Start>.fromOpaque(argument).release()
            throw Errno(rawValue: result)
        }
        pthread_detach(thread)
    }

    /// Whether the thread has not ended yet.
    public var isAlive: Bool {
        let identifier = start.identifier.load(ordering: .acquiring)
        return identifier == 0 || FilePath("/proc/self/task/\(identifier)").exists
    }
}

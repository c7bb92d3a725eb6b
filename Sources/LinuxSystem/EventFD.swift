// SPDX-License-Identifier: MIT
internal import CLinux
internal import Glibc
public import SystemPackage

/// An eventfd: a counter in the kernel that one side adds to and the other waits for.
///
/// The descriptor is non-blocking and close-on-exec. The corresponding C functions are `eventfd`, `read`, `write`
/// and `poll`.
public struct EventFD: ~Copyable, Sendable {
    private let owner: OwnedDescriptor

    /// The descriptor's number, as ioctl payloads carry it.
    public var number: CInt { owner.number }

    /// Makes a new counter at 0.
    public init() throws(Errno) {
        let number = CLinux.eventfd(0, CInt(EFD_CLOEXEC | EFD_NONBLOCK))
        if number < 0 { throw Errno(rawValue: Glibc.errno) }
        owner = OwnedDescriptor(adopting: FileDescriptor(rawValue: number))
    }

    /// Takes over an eventfd that exists.
    public init(adopting owner: consuming OwnedDescriptor) {
        self.owner = owner
    }

    /// Adds 1 to the counter and wakes whoever waits for it.
    public func signal() throws(Errno) {
        // A full counter (EAGAIN) is a wake-up that is pending already.
        if CLinux.eventfd_write(number, 1) != 0, Glibc.errno != EAGAIN { throw Errno(rawValue: Glibc.errno) }
    }

    /// Adds 1 to the counter of an eventfd that another owner holds, which cannot fail but for a counter that is full.
    public static func signal(_ number: CInt) {
        _ = CLinux.eventfd_write(number, 1)
    }

    /// Takes the counter's value and resets it to 0, without waiting.
    ///
    /// - Returns: how often it was signalled since the last call; 0 where it was not.
    @discardableResult
    public func drain() throws(Errno) -> UInt64 {
        var count: eventfd_t = 0
        // `count` outlives the call.
        if unsafe CLinux.eventfd_read(number, &count) == 0 { return count }
        if Glibc.errno == EAGAIN { return 0 }
        throw Errno(rawValue: Glibc.errno)
    }

    /// Waits until the counter is above 0.
    ///
    /// - Parameter milliseconds: how long to wait at most; a signal handler may end the wait early.
    /// - Returns: true where the counter is above 0.
    public func wait(milliseconds: CInt) throws(Errno) -> Bool {
        var entry = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
        // `entry` outlives the call, and its count is 1.
        let ready = unsafe Glibc.poll(&entry, 1, milliseconds)
        if ready >= 0 { return ready > 0 }
        if Glibc.errno == EINTR { return false }
        throw Errno(rawValue: Glibc.errno)
    }
}

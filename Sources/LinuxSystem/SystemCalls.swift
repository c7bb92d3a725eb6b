// SPDX-License-Identifier: MIT
import CLinux
public import Glibc
public import SystemPackage

/// System calls that neither Glibc's nor swift-system's Swift interface offers safely.
public enum SystemCalls {
    /// Mounts a file system that has no device; the corresponding C function is `mount`.
    ///
    /// - Throws: `EBUSY` where it is mounted there already, `ENODEV` where the kernel does not know the type.
    public static func mount(type: String, at target: FilePath) throws(Errno) {
        try result(unsafe CLinux.mount(type, target.string, type, 0, nil))
    }

    /// Inserts the module in an open, uncompressed file; the corresponding system call is `finit_module`.
    ///
    /// - Throws: `EEXIST` where it is loaded already.
    public static func insertModule(_ file: FileDescriptor, parameters: String = "") throws(Errno) {
        try result(unsafe ringside_finit_module(file.rawValue, parameters))
    }

    /// The number of this process; the corresponding C function is `getpid`.
    public static var processID: Int32 { getpid() }

    /// A variable of this process's environment; the corresponding C function is `getenv`.
    public static func environmentValue(_ name: String) -> String? {
        // Copied at once, while nothing changes the environment: this package does so only before it starts a program.
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }

    /// Sets a variable of this process's environment, before any other thread runs; the C function is `setenv`.
    public static func setEnvironment(_ name: String, _ value: String) throws(Errno) {
        try result(unsafe setenv(name, value, 1))
    }

    /// Writes out dirty data and switches the machine off; the corresponding C functions are `sync` and `reboot`.
    public static func powerOff() throws(Errno) {
        sync()
        try result(reboot(CInt(bitPattern: UInt32(RB_POWER_OFF))))
    }

    /// Waits until one of the descriptors is ready; the corresponding C function is `poll`.
    ///
    /// - Parameter milliseconds: how long to wait at most; -1 waits for ever.
    /// - Returns: how many of `descriptors` have `revents` set; 0 after the time ran out or a signal came.
    @discardableResult
    public static func poll(_ descriptors: inout [pollfd], milliseconds: CInt) throws(Errno) -> Int {
        let ready = unsafe Glibc.poll(&descriptors, nfds_t(descriptors.count), milliseconds)
        if ready < 0 && Glibc.errno == EINTR { return 0 }
        return Int(try result(ready))
    }

    /// Waits for a while, at least until a signal comes; the corresponding C function is `usleep`.
    public static func sleep(microseconds: UInt32) { usleep(microseconds) }

    /// Makes reads and writes on a descriptor return `EAGAIN` instead of waiting; the C function is `fcntl`.
    public static func setNonBlocking(_ descriptor: FileDescriptor) throws(Errno) {
        let flags = try result(fcntl(descriptor.rawValue, F_GETFL))
        try result(fcntl(descriptor.rawValue, F_SETFL, flags | O_NONBLOCK))
    }

    /// Blocks signals for this process and gives a descriptor that becomes readable when one arrives; the corresponding
    /// C functions are `sigprocmask` and `signalfd`.
    public static func signalDescriptor(for signals: [CInt]) throws(Errno) -> FileDescriptor {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for signal in signals { unsafe sigaddset(&set, signal) }
        try result(unsafe sigprocmask(SIG_BLOCK, &set, nil))
        return FileDescriptor(
            rawValue: try result(unsafe signalfd(-1, &set, CInt(SFD_CLOEXEC | SFD_NONBLOCK)))
        )
    }

    /// A descriptor that becomes readable when the kernel announces a device or a module (`NETLINK_KOBJECT_UEVENT`).
    public static func kernelEventDescriptor() throws(Errno) -> FileDescriptor {
        let kind = CInt(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let events = try result(socket(AF_NETLINK, kind, NETLINK_KOBJECT_UEVENT))
        // Group 1 is the kernel's own announcements.
        var address = sockaddr_nl(nl_family: UInt16(AF_NETLINK), nl_pad: 0, nl_pid: 0, nl_groups: 1)
        let length = socklen_t(MemoryLayout<sockaddr_nl>.size)
        try result(
            unsafe withUnsafePointer(to: &address) { address in
                unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe bind(events, $0, length)
                }
            }
        )
        return FileDescriptor(rawValue: events)
    }

    /// Takes one ended child off the kernel's list without waiting; the corresponding C function is `waitpid`.
    ///
    /// - Returns: its process and its exit code, or 128 and the number of the signal that ended it; `nil` when no
    ///   child has ended or none is left.
    public static func reap() -> (processID: Int32, status: Int32)? {
        var status: CInt = 0
        let child = unsafe waitpid(-1, &status, WNOHANG)
        guard child > 0 else { return nil }
        let signal = status & 0x7f
        return (child, signal == 0 ? (status >> 8) & 0xff : 128 + signal)
    }

    @discardableResult
    private static func result(_ value: CInt) throws(Errno) -> CInt {
        if value < 0 { throw Errno(rawValue: Glibc.errno) }
        return value
    }
}

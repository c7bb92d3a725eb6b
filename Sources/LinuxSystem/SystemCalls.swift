// SPDX-License-Identifier: MIT
import CLinux
public import Glibc
public import SystemPackage

/// System calls that neither Glibc's nor swift-system's Swift interface offers safely.
public enum SystemCalls {
    /// Mounts a file system that has no device; the corresponding C function is `mount`.
    ///
    /// - Throws: `EBUSY` where it is mounted there already, `ENODEV` where the kernel does not know the type.
    ///
    /// - Parameters:
    ///   - source: what `/proc/mounts` shows first; the type's own name when nil.
    ///   - options: the file system's own, separated by commas.
    public static func mount(
        type: String,
        source: String? = nil,
        at target: FilePath,
        options: String = "",
        isReadOnly: Bool = false
    ) throws(Errno) {
        let flags = isReadOnly ? ringside_ms_rdonly : 0
        // The strings live as long as the call.
        try result(unsafe CLinux.mount(source ?? type, target.string, type, flags, options))
    }

    /// Shows a directory with all that is mounted in it, or a file, at a second place; the C function is `mount`.
    public static func bindMount(_ source: FilePath, at target: FilePath) throws(Errno) {
        try result(unsafe CLinux.mount(source.string, target.string, nil, ringside_ms_bind, nil))
    }

    /// Makes a directory this process's root and where it works; the C functions are `chroot` and `chdir`.
    public static func changeRoot(to directory: FilePath) throws(Errno) {
        try result(unsafe chroot(directory.string))
        try result(unsafe chdir("/"))
    }

    /// Sets the machine's clock; the corresponding C function is `clock_settime`.
    ///
    /// - Parameter nanoseconds: since 1970.
    public static func setClock(nanoseconds: UInt64) throws(Errno) {
        var time = timespec(
            tv_sec: Int(nanoseconds / 1_000_000_000),
            tv_nsec: Int(nanoseconds % 1_000_000_000)
        )
        try result(unsafe clock_settime(CLOCK_REALTIME, &time))
    }

    /// The machine's clock in nanoseconds since 1970; the corresponding C function is `clock_gettime`.
    public static func clock() throws(Errno) -> UInt64 {
        var time = timespec()
        try result(unsafe clock_gettime(CLOCK_REALTIME, &time))
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// Inserts the module in an open, uncompressed file; the corresponding system call is `finit_module`.
    ///
    /// - Throws: `EEXIST` where it is loaded already.
    public static func insertModule(_ file: FileDescriptor, parameters: String = "") throws(Errno) {
        try result(unsafe ringside_finit_module(file.rawValue, parameters))
    }

    /// The number of this process; the corresponding C function is `getpid`.
    public static var processID: Int32 { getpid() }

    /// The number of this process's user; the corresponding C function is `getuid`.
    public static var userID: UInt32 { getuid() }

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

    /// Replaces this program by another, which gets `passing` as its descriptors from 3 on, in their order.
    ///
    /// The corresponding C functions are `dup2` and `execvp`.
    ///
    /// - Throws: what `execvp` gives; descriptors from 3 on may have been replaced then.
    public static func execute(_ arguments: [String], passing: [CInt]) throws(Errno) -> Never {
        // None of them may be where another one goes.
        var copies: [CInt] = []
        for number in passing { copies.append(try result(fcntl(number, F_DUPFD, 3 + CInt(passing.count)))) }
        for (index, copy) in copies.enumerated() {
            try result(dup2(copy, 3 + CInt(index)))
            close(copy)
        }
        var strings = unsafe arguments.map { unsafe strdup($0) }
        unsafe strings.append(nil)
        guard let program = unsafe strings[0] else { throw .noMemory }
        // It returns only where it failed; the strings go with the process, which has nothing else left to do.
        _ = unsafe execvp(program, strings)
        throw Errno(rawValue: Glibc.errno)
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

    /// Makes reads and writes on a descriptor return `EAGAIN` instead of waiting, or wait; the C function is `fcntl`.
    public static func setNonBlocking(_ descriptor: FileDescriptor, _ isNonBlocking: Bool = true)
        throws(Errno)
    {
        let flags = try result(fcntl(descriptor.rawValue, F_GETFL)) & ~O_NONBLOCK
        try result(fcntl(descriptor.rawValue, F_SETFL, isNonBlocking ? flags | O_NONBLOCK : flags))
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

    /// Takes one signal from a descriptor of ``signalDescriptor(for:)``; nil where none has arrived.
    public static func nextSignal(from descriptor: FileDescriptor) throws -> CInt? {
        do {
            // struct signalfd_siginfo has 128 bytes, and the signal's number in the first four.
            let bytes = try descriptor.readBytes(upTo: 128)
            return bytes.first.map { CInt($0) }
        } catch Errno.wouldBlock {
            return nil
        }
    }

    /// Has a signal ignored by this process, and by the programs that it starts; the C function is `signal`.
    public static func ignore(_ number: CInt) { _ = signal(number, SIG_IGN) }

    /// Sends a signal to a process, or to the process group of a negative number; the C function is `kill`.
    public static func send(_ signal: CInt, to process: Int32) throws(Errno) {
        try result(kill(process, signal))
    }

    /// Takes the lock of an open file unless another open file has it; it goes with the process.
    ///
    /// The corresponding C function is `flock`.
    ///
    /// - Returns: whether it was taken.
    public static func tryLock(_ file: FileDescriptor) throws(Errno) -> Bool {
        if flock(file.rawValue, LOCK_EX | LOCK_NB) == 0 { return true }
        if Glibc.errno == EWOULDBLOCK { return false }
        throw Errno(rawValue: Glibc.errno)
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

    /// Waits for one child to end and takes it off the kernel's list; the corresponding C function is `waitpid`.
    public static func wait(for child: Int32) {
        // A signal may interrupt it; where somebody else has reaped the child, nothing is left to wait for.
        while waitpid(child, nil, 0) < 0 && Glibc.errno == EINTR {}
    }

    @discardableResult
    static func result(_ value: CInt) throws(Errno) -> CInt {
        if value < 0 { throw Errno(rawValue: Glibc.errno) }
        return value
    }
}

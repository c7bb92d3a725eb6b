// SPDX-License-Identifier: MIT
import CLinux
import Glibc
public import SystemPackage

/// A child process and the parent's ends of its three standard streams, all close-on-exec.
///
/// It leads a session and a process group of its own. Whoever spawned it closes the descriptors and reaps it.
public struct ChildProcess: Sendable {
    public var processID: Int32
    /// Written to reach its standard input.
    public var input: FileDescriptor
    /// Read to get its standard output.
    public var output: FileDescriptor
    /// Read to get its standard error.
    public var errorOutput: FileDescriptor

    /// Starts a program with a new terminal as its standard streams and its controlling terminal.
    ///
    /// Its ``input``, ``output`` and ``errorOutput`` are the terminal's other end, all with the same number.
    ///
    /// The corresponding C functions are `posix_openpt`, `grantpt`, `unlockpt` and `posix_spawnp`.
    public static func spawn(
        arguments: [String],
        environment: [String],
        terminal size: TerminalSize
    ) throws(Errno) -> ChildProcess {
        guard let program = arguments.first else { throw .invalidArgument }
        let terminal = try PseudoTerminal(size: size)
        var child: pid_t = 0
        let result = unsafe withSpawnActions(standardStreams: [], terminal: terminal.path) {
            actions,
            attributes in
            // As below.
            unsafe withCStrings(arguments) { arguments in
                unsafe withCStrings(environment) { environment in
                    unsafe posix_spawnp(&child, program, actions, attributes, arguments, environment)
                }
            }
        }
        if result != 0 {
            close([terminal.master])
            throw Errno(rawValue: result)
        }
        return ChildProcess(
            processID: child,
            input: terminal.master,
            output: terminal.master,
            errorOutput: terminal.master
        )
    }

    /// Starts a program; the corresponding C function is `posix_spawnp`.
    ///
    /// - Parameters:
    ///   - arguments: the program, looked up in the caller's `PATH` unless it holds a slash, and its arguments.
    ///   - environment: `NAME=value` strings, the whole environment.
    /// - Throws: what `pipe2` or `posix_spawnp` gives, `ENOENT` for a program that is not there.
    public static func spawn(arguments: [String], environment: [String]) throws(Errno) -> ChildProcess {
        guard let program = arguments.first else { throw .invalidArgument }
        let input = try Pipe()
        let output = try input.closedOnFailure(Pipe.init)
        let error = try input.closedOnFailure { () throws(Errno) in try output.closedOnFailure(Pipe.init) }
        var child: pid_t = 0
        let result = unsafe withSpawnActions(standardStreams: [input.reader, output.writer, error.writer]) {
            actions,
            attributes in
            // The C strings live as long as the call; posix_spawn copies what it keeps.
            unsafe withCStrings(arguments) { arguments in
                unsafe withCStrings(environment) { environment in
                    unsafe posix_spawnp(&child, program, actions, attributes, arguments, environment)
                }
            }
        }
        close([input.reader, output.writer, error.writer])
        if result != 0 {
            close([input.writer, output.reader, error.reader])
            throw Errno(rawValue: result)
        }
        return ChildProcess(
            processID: child,
            input: input.writer,
            output: output.reader,
            errorOutput: error.reader
        )
    }
}

/// Both ends of a pipe, close-on-exec.
private struct Pipe {
    let reader: FileDescriptor
    let writer: FileDescriptor

    init() throws(Errno) {
        var ends: (CInt, CInt) = (-1, -1)
        // pipe2 fills an array of two ints, which is what this pair is.
        let result = unsafe withUnsafeMutablePointer(to: &ends) { pair in
            unsafe pair.withMemoryRebound(to: CInt.self, capacity: 2) { unsafe pipe2($0, O_CLOEXEC) }
        }
        if result != 0 { throw Errno(rawValue: Glibc.errno) }
        reader = FileDescriptor(rawValue: ends.0)
        writer = FileDescriptor(rawValue: ends.1)
    }

    func closedOnFailure(_ body: () throws(Errno) -> Pipe) throws(Errno) -> Pipe {
        do {
            return try body()
        } catch {
            LinuxSystem.close([reader, writer])
            throw error
        }
    }
}

/// Closes descriptors that hold nothing unwritten, so that no error can matter.
private func close(_ descriptors: [FileDescriptor]) {
    for descriptor in descriptors { _ = Glibc.close(descriptor.rawValue) }
}

/// Calls `body` with file actions that make three descriptors the standard streams, and attributes for a session of
/// its own with no signal blocked.
private func withSpawnActions(
    standardStreams: [FileDescriptor],
    terminal: FilePath? = nil,
    _ body: (UnsafePointer<posix_spawn_file_actions_t>, UnsafePointer<posix_spawnattr_t>) -> CInt
) -> CInt {
    // Initialised and destroyed here, as the C interface demands.
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    if let terminal {
        // The first terminal that a session's leader opens controls it.
        unsafe posix_spawn_file_actions_addopen(&actions, 0, terminal.string, O_RDWR, 0)
        for number in 1...2 as ClosedRange<CInt> {
            unsafe posix_spawn_file_actions_adddup2(&actions, 0, number)
        }
    }
    for (number, descriptor) in standardStreams.enumerated() {
        unsafe posix_spawn_file_actions_adddup2(&actions, descriptor.rawValue, CInt(number))
    }
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    var noSignals = sigset_t()
    unsafe sigemptyset(&noSignals)
    unsafe posix_spawnattr_setsigmask(&attributes, &noSignals)
    // Glibc's POSIX_SPAWN_SETSID, which its header hides without _GNU_SOURCE.
    let newSession: Int16 = 0x80
    unsafe posix_spawnattr_setflags(&attributes, newSession | Int16(POSIX_SPAWN_SETSIGMASK))
    return unsafe body(&actions, &attributes)
}

/// Calls `body` with a NULL-terminated array of C strings.
private func withCStrings<Result>(
    _ strings: [String],
    _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    // Allocated, filled and freed here; the array is alive during the call.
    let array = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: strings.count + 1)
    for (index, string) in strings.enumerated() { unsafe array[index] = unsafe strdup(string) }
    unsafe array[strings.count] = nil
    defer {
        for index in strings.indices { unsafe free(array[index]) }
        unsafe array.deallocate()
    }
    return unsafe body(array)
}

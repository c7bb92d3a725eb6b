// SPDX-License-Identifier: MIT
import CLinux
import Glibc
public import SystemPackage

/// How much a terminal shows.
public struct TerminalSize: Equatable, Sendable {
    public var rows: UInt16
    public var columns: UInt16

    public init(rows: UInt16, columns: UInt16) {
        self.rows = rows
        self.columns = columns
    }
}

/// A terminal without a device: what is written to its master end is typed, what is read there is shown.
struct PseudoTerminal {
    let master: FileDescriptor
    let path: FilePath

    init(size: TerminalSize) throws(Errno) {
        let number = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)
        if number < 0 { throw Errno(rawValue: Glibc.errno) }
        var name = [CChar](repeating: 0, count: 64)
        // The name's buffer outlives the call, and its size is told.
        guard grantpt(number) == 0, unlockpt(number) == 0, unsafe ptsname_r(number, &name, name.count) == 0
        else {
            let error = Errno(rawValue: Glibc.errno)
            _ = Glibc.close(number)
            throw error
        }
        master = FileDescriptor(rawValue: number)
        path = FilePath(String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self))
        try master.setTerminalSize(size)
    }
}

extension FileDescriptor {
    /// Whether it is a terminal; the corresponding C function is `isatty`.
    public var isTerminal: Bool { isatty(rawValue) == 1 }

    /// How much the terminal shows; the corresponding ioctl is `TIOCGWINSZ`.
    public func terminalSize() throws(Errno) -> TerminalSize {
        var size = winsize()
        // The kernel fills the struct that the request is defined for.
        if unsafe ioctl(rawValue, UInt(TIOCGWINSZ), &size) != 0 { throw Errno(rawValue: Glibc.errno) }
        return TerminalSize(rows: size.ws_row, columns: size.ws_col)
    }

    /// Tells the terminal how much it shows; the corresponding ioctl is `TIOCSWINSZ`.
    public func setTerminalSize(_ size: TerminalSize) throws(Errno) {
        var size = winsize(ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0)
        if unsafe ioctl(rawValue, UInt(TIOCSWINSZ), &size) != 0 { throw Errno(rawValue: Glibc.errno) }
    }
}

/// A terminal that passes every key on as it is, until this is ended.
///
/// The corresponding C functions are `tcgetattr`, `cfmakeraw` and `tcsetattr`.
public struct RawTerminal {
    private let descriptor: FileDescriptor
    private var before = termios()

    public init(_ descriptor: FileDescriptor) throws(Errno) {
        self.descriptor = descriptor
        // Both structs outlive their calls.
        if unsafe tcgetattr(descriptor.rawValue, &before) != 0 { throw Errno(rawValue: Glibc.errno) }
        var raw = before
        unsafe cfmakeraw(&raw)
        if unsafe tcsetattr(descriptor.rawValue, TCSADRAIN, &raw) != 0 { throw Errno(rawValue: Glibc.errno) }
    }

    /// Makes the terminal what it was before.
    public func end() {
        var before = before
        // A terminal that is gone needs nothing any more.
        _ = unsafe tcsetattr(descriptor.rawValue, TCSADRAIN, &before)
    }
}

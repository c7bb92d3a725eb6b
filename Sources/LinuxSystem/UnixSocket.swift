// SPDX-License-Identifier: MIT
internal import CLinux
internal import Glibc
public import SystemPackage

/// A UNIX stream socket: bytes, and open descriptors beside them.
///
/// The corresponding C functions are `socket`, `bind`, `connect`, `recvmsg` and `sendmsg`.
public final class UnixSocket: Sendable {
    private let owner: OwnedDescriptor

    /// The socket's descriptor, for `poll`.
    public var descriptor: FileDescriptor { owner.descriptor }

    /// Takes over a socket that exists.
    public init(adopting owner: consuming OwnedDescriptor) {
        self.owner = owner
    }

    /// Connects to whoever listens at `path`.
    ///
    /// - Throws: `ENAMETOOLONG` for more than 107 bytes; `ENOENT`; `ECONNREFUSED` where nobody listens.
    public init(connectingTo path: FilePath) throws(Errno) {
        owner = try Self.make()
        try unsafe Self.withAddress(path) { address, length in
            unsafe Glibc.connect(owner.number, address, length)
        }
    }

    /// Listens at `path`, a new name in the file system that `permissions` apply to from the start.
    ///
    /// - Throws: `EADDRINUSE` where the name is taken; `ENAMETOOLONG` for more than 107 bytes.
    public init(listeningAt path: FilePath, permissions: FilePermissions) throws(Errno) {
        owner = try Self.make()
        // The mask is the process's: nobody else makes files while a server starts.
        let mask = umask(~permissions.rawValue & 0o777)
        defer { umask(mask) }
        try unsafe Self.withAddress(path) { address, length in
            unsafe Glibc.bind(owner.number, address, length)
        }
        if Glibc.listen(owner.number, 16) != 0 { throw Errno(rawValue: Glibc.errno) }
    }

    /// The next connection; `EAGAIN` where there is none.
    public func accept() throws(Errno) -> UnixSocket {
        let number = CLinux.accept4(
            owner.number,
            nil,
            nil,
            CInt(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        )
        if number < 0 { throw Errno(rawValue: Glibc.errno) }
        return UnixSocket(adopting: OwnedDescriptor(adopting: FileDescriptor(rawValue: number)))
    }

    /// Two sockets that are connected with each other.
    public static func pair() throws(Errno) -> (UnixSocket, UnixSocket) {
        var ends: [CInt] = [-1, -1]
        let kind = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        // Room for two.
        if unsafe socketpair(AF_UNIX, kind, 0, &ends) != 0 { throw Errno(rawValue: Glibc.errno) }
        return (
            UnixSocket(adopting: OwnedDescriptor(adopting: FileDescriptor(rawValue: ends[0]))),
            UnixSocket(adopting: OwnedDescriptor(adopting: FileDescriptor(rawValue: ends[1])))
        )
    }

    /// Receives what is there, up to `count` bytes, and the descriptors that came with it.
    ///
    /// - Returns: no byte at the end of the connection.
    /// - Throws: `EAGAIN` where there is nothing yet; `EMSGSIZE` for more than 32 descriptors, which are closed.
    public func receive(upTo count: Int) throws(Errno) -> (bytes: [UInt8], rights: [PassedDescriptor]) {
        var bytes = [UInt8](repeating: 0, count: count)
        var numbers = [CInt](repeating: -1, count: Int(RINGSIDE_RIGHTS_MAX))
        var found: CInt = 0
        // Both arrays have the room that is told.
        let result = unsafe ringside_receive(owner.number, &bytes, UInt(count), &numbers, &found)
        if result < 0 { throw Errno(rawValue: Glibc.errno) }
        let rights = numbers.prefix(Int(found)).map { number in
            PassedDescriptor(OwnedDescriptor(adopting: FileDescriptor(rawValue: number)))
        }
        return (Array(bytes.prefix(result)), rights)
    }

    /// Sends all of `bytes`, and with the first of them up to 32 descriptors, which stay open here too.
    ///
    /// - Throws: `EPIPE` where the other side is gone; `EAGAIN` where a non-blocking socket is full.
    public func send(_ bytes: [UInt8], rights: [CInt] = []) throws(Errno) {
        var rest = bytes[...]
        var rights = rights
        while !rest.isEmpty {
            // The pointers do not outlive the call.
            let sent = unsafe rest.withUnsafeBytes { bytes in
                unsafe rights.withUnsafeBufferPointer { rights in
                    unsafe ringside_send(
                        owner.number,
                        bytes.baseAddress,
                        UInt(bytes.count),
                        rights.baseAddress,
                        CInt(rights.count)
                    )
                }
            }
            if sent < 0 && Glibc.errno == EINTR { continue }
            if sent < 0 { throw Errno(rawValue: Glibc.errno) }
            rights = []
            rest = rest.dropFirst(sent)
        }
    }

    private static func make() throws(Errno) -> OwnedDescriptor {
        let number = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        if number < 0 { throw Errno(rawValue: Glibc.errno) }
        return OwnedDescriptor(adopting: FileDescriptor(rawValue: number))
    }

    private static func withAddress(
        _ path: FilePath,
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt
    ) throws(Errno) {
        var address = sockaddr_un()
        // A longer path is refused before it is copied.
        if unsafe ringside_unix_name(&address, path.string) != 0 { throw Errno(rawValue: Glibc.errno) }
        let length = socklen_t(MemoryLayout<sockaddr_un>.size)
        let result = unsafe withUnsafePointer(to: &address) { address in
            unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, length) }
        }
        if result != 0 { throw Errno(rawValue: Glibc.errno) }
    }
}

/// An open descriptor that several may hold, closed when the last lets go of it.
public final class PassedDescriptor: Sendable {
    /// The descriptor with its owner.
    public let owner: OwnedDescriptor

    public init(_ owner: consuming OwnedDescriptor) {
        self.owner = owner
    }

    /// The descriptor's number.
    public var number: CInt { owner.number }

    /// What kind of file it is, as `/proc/self/fd` names those that have no path: `anon_inode:[eventfd]`.
    public func kind() throws(Errno) -> String {
        var target = [CChar](repeating: 0, count: 256)
        // One byte of the room stays 0.
        let length = unsafe readlink("/proc/self/fd/\(number)", &target, target.count - 1)
        if length < 0 { throw Errno(rawValue: Glibc.errno) }
        return String(decoding: target.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The size of the file behind it, where it is one that has a size.
    public func regularFileSize() throws(Errno) -> UInt64? {
        var status = Glibc.stat()
        if unsafe fstat(number, &status) != 0 { throw Errno(rawValue: Glibc.errno) }
        return status.st_mode & S_IFMT == S_IFREG ? UInt64(status.st_size) : nil
    }
}

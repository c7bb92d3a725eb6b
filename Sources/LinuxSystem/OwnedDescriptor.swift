// SPDX-License-Identifier: MIT
internal import Glibc
public import SystemPackage

/// A file descriptor with one owner, closed when the owner goes out of scope.
public struct OwnedDescriptor: ~Copyable, Sendable {
    /// The descriptor, valid while the owner lives.
    public let descriptor: FileDescriptor

    /// The number that ioctl payloads and `/proc/self/fd` carry.
    public var number: CInt { descriptor.rawValue }

    /// Takes over a descriptor that the caller no longer closes.
    public init(adopting descriptor: FileDescriptor) {
        self.descriptor = descriptor
    }

    /// Opens `path` with close-on-exec set.
    ///
    /// The corresponding C function is `open`.
    public init(opening path: FilePath, _ mode: FileDescriptor.AccessMode) throws(Errno) {
        descriptor = try Errno.narrow { try FileDescriptor.open(path, mode, options: .closeOnExec) }
    }

    /// A second descriptor of the file that `number` names; `number` itself stays with its owner.
    ///
    /// The corresponding C function is `fcntl` with `F_DUPFD_CLOEXEC`.
    ///
    /// - Parameters:
    ///   - number: an open descriptor; `EBADF` otherwise.
    ///   - lowest: the lowest number that the new descriptor may get.
    public init(duplicating number: CInt, lowest: CInt = 0) throws(Errno) {
        let copy = Glibc.fcntl(number, F_DUPFD_CLOEXEC, lowest)
        if copy < 0 { throw Errno(rawValue: Glibc.errno) }
        descriptor = FileDescriptor(rawValue: copy)
    }

    deinit {
        // Nobody is left to act on a failure, and Linux has released the number whatever close reports.
        _ = Glibc.close(descriptor.rawValue)
    }
}

extension FileDescriptor {
    /// True where this number is open in this process.
    ///
    /// The corresponding C function is `fcntl` with `F_GETFD`.
    public var isOpen: Bool { Glibc.fcntl(rawValue, F_GETFD) >= 0 }
}

extension Errno {
    /// Runs `body`, which throws nothing but `Errno`, with that type in its signature.
    ///
    /// System's own functions throw untyped errors of this one type.
    package static func narrow<Value: ~Copyable>(_ body: () throws -> Value) throws(Errno) -> Value {
        do {
            return try body()
        } catch let error as Errno {
            throw error
        } catch {
            fatalError("a system call threw \(type(of: error)) instead of Errno")
        }
    }
}

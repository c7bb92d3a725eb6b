// SPDX-License-Identifier: MIT
public import SystemPackage

/// A failure that names what was done, to what, and why it failed.
///
/// Every module above floor 1 throws it. It prints as `operation object: cause`, with the errno's symbol in front
/// of the cause where the kernel gave one, and the next step for the user on a line of its own where there is one:
///
///     write vhost/naa.500140500000001/tpgt_1/nexus: EEXIST: a nexus is set already
///     drop it with: …
public struct OperationError: Error, Equatable, CustomStringConvertible, Sendable {
    /// What was attempted, as a verb: `write`, `load`, `open`.
    public var operation: String
    /// What it was attempted on: a path, a module, a device.
    public var object: String
    /// The error number that the kernel or a library gave, where there was one.
    public var errno: Errno?
    /// The cause in words.
    public var cause: String
    /// What a program that fails for this reason ends with.
    public var exitStatus: Int32 = 1
    /// What the user can do next, where that is known.
    public var hint: String?

    public init(
        _ operation: String,
        _ object: String,
        errno: Errno? = nil,
        cause: String? = nil,
        hint: String? = nil
    ) {
        self.operation = operation
        self.object = object
        self.errno = errno
        self.cause = cause ?? errno?.description ?? "unknown cause"
        self.hint = hint
    }

    public var description: String {
        let symbol = errno.map { "\($0.symbol): " } ?? ""
        let next = hint.map { "\n\($0)" } ?? ""
        return "\(operation) \(object): \(symbol)\(cause)\(next)"
    }
}

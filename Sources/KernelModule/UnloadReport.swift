// SPDX-License-Identifier: MIT

/// How to unload.
public struct UnloadOptions: Sendable {
    /// Find out what would be unloaded, and unload nothing.
    public var isDryRun = false
    /// Unload the modules that use it first.
    public var includesDependents = false
    /// Unload its dependencies afterwards, as far as nobody uses them, as `modprobe -r` does.
    public var includesUnusedDependencies = false
    /// How long to wait for its other users to go.
    public var patience = Duration.zero
    /// Unload it although it has users or no exit function, where the kernel allows that; it may crash.
    public var isForced = false

    public init() {}
}

/// What an unload did.
public struct UnloadReport: Equatable, Encodable, Sendable {
    /// What is gone, in the order in which it went.
    public var unloaded: [String] = []
    /// After a dry run: the dependencies that would go as well if nobody used them then.
    public var candidates: [String] = []
    /// What the kernel logged meanwhile.
    public var kernelMessages: [String] = []
}

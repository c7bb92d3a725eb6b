// SPDX-License-Identifier: MIT

/// How to load.
public struct LoadOptions: Sendable {
    /// Find out what would be loaded, and load nothing.
    public var isDryRun = false
    /// Load what modprobe.d blacklists.
    public var ignoresBlacklist = false
    /// Let the kernel ignore parameters that the module does not have, as modprobe does.
    public var allowsUnknownParameters = false
    /// Fail when what was asked for is loaded already.
    public var mustBeNew = false
    /// Ignore version magic and symbol versions, which taints the kernel and may crash it.
    public var isForced = false

    public init() {}
}

/// What a load did.
public struct LoadReport: Equatable, Encodable, Sendable {
    /// A module that was not there before.
    public struct Loaded: Equatable, Encodable, Sendable {
        public var name: String
        /// Its file; nil for one that the kernel or another program loaded meanwhile.
        public var file: String?
        /// The parameters that it was given, those of modprobe.d first.
        public var parameters: String
    }

    /// A soft dependency that was left out.
    public struct Skipped: Equatable, Encodable, Sendable {
        public var name: String
        public var cause: String
    }

    /// The modules that the names given stand for.
    public var requested: [String] = []
    /// What is loaded now and was not before, in the order in which it was loaded.
    public var loaded: [Loaded] = []
    /// What was loaded already, dependencies among them.
    public var alreadyLoaded: [String] = []
    /// What is part of the kernel itself.
    public var builtin: [String] = []
    public var skipped: [Skipped] = []
    /// What the kernel logged meanwhile.
    public var kernelMessages: [String] = []

    /// What this load itself inserted, in order.
    public var inserted: [String] { loaded.filter { $0.file != nil }.map(\.name) }
}

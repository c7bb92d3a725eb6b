// SPDX-License-Identifier: MIT

/// How to load and unload a module again and again.
public struct CycleOptions: Sendable {
    /// How often.
    public var rounds = 100
    /// `NAME=VALUE` for the module, after those of modprobe.d.
    public var parameters: [String] = []
    /// Measure memory exactly after each so many rounds, besides the rough look after each and the exact one at the end.
    public var measureInterval = 10
    /// How long the module's users may take to go before an unload has failed.
    public var patience = Duration.seconds(1)
    /// How long a load or an unload may take before it counts as hung.
    public var timeLimit = Duration.seconds(30)
    /// Cycle a module that modprobe.d blacklists.
    public var ignoresBlacklist = false

    public init() {}
}

/// What is wrong with a round.
public struct CycleFault: Equatable, Encodable, Sendable {
    public enum Kind: String, Encodable, Sendable {
        /// The module did not load, or did not become live.
        case load
        /// The module did not go.
        case unload
        /// The kernel's log tells of trouble.
        case kernel
        /// Memory was not given back.
        case leak
        /// The kernel killed the thread that was loading or unloading.
        case killed
        /// A load or an unload did not end.
        case hang
    }

    public var kind: Kind
    /// The first bad round, from 1.
    public var round: Int
    /// For a leak, the last round after which memory was known to be right.
    public var lastGoodRound: Int
    public var cause: String
    /// What was done when it happened: `load` or `unload`.
    public var phase: String
    /// What the kernel logged in that round.
    public var kernelMessages: [String] = []
    public var growth: [MemoryGrowth] = []
    /// What the module is left in: `loading`, `live`, `unloading`, or `absent`.
    public var moduleState = "absent"
}

/// The time that one step of the rounds took, in microseconds.
public struct CycleTimes: Equatable, Encodable, Sendable {
    public var minimum = 0
    public var median = 0
    public var maximum = 0

    init(nanoseconds: [UInt64]) {
        let sorted = nanoseconds.sorted().map { Int($0 / 1000) }
        guard let first = sorted.first, let last = sorted.last else { return }
        (minimum, median, maximum) = (first, sorted[sorted.count / 2], last)
    }
}

/// What came of loading and unloading a module again and again.
public struct CycleReport: Equatable, Encodable, Sendable {
    public var module: String
    /// Its file.
    public var file: String
    public var requestedRounds: Int
    /// How many rounds were without fault.
    public var goodRounds = 0
    public var load = CycleTimes(nanoseconds: [])
    public var unload = CycleTimes(nanoseconds: [])
    /// Load, unload and all checks.
    public var round = CycleTimes(nanoseconds: [])
    /// How long all rounds took, in microseconds.
    public var allRounds = 0
    /// How long all took, in microseconds, the modules that it depends on included.
    public var total = 0
    /// Modules that were loaded for it before the first round and unloaded after the last one.
    public var dependencies: [String] = []
    /// Why memory was not compared with what it was; nil when it was.
    public var memoryUnwatched: String?
    /// Modules that the rounds left loaded.
    public var leftLoaded: [String] = []
    /// What ended it early.
    public var fault: CycleFault?
}

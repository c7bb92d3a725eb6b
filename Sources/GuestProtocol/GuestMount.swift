// SPDX-License-Identifier: MIT

/// A directory of the host that the guest mounts.
public struct GuestMount: Equatable, Sendable {
    /// The 9p device's mount tag.
    public var tag: String
    /// Where it appears in the guest; made if it is not there.
    public var target: String
    public var isWritable: Bool
    /// The guest's commands live in it, under `/`; what they write there stays in memory.
    public var isRoot: Bool

    public init(tag: String, target: String, isWritable: Bool = false, isRoot: Bool = false) {
        self.tag = tag
        self.target = target
        self.isWritable = isWritable
        self.isRoot = isRoot
    }

    /// What its payload's first byte holds.
    static let writableFlag: UInt8 = 1
    static let rootFlag: UInt8 = 2

    var flags: UInt8 { (isWritable ? Self.writableFlag : 0) | (isRoot ? Self.rootFlag : 0) }
}

/// What a guest that was asleep in a file has to learn about the world.
public struct GuestWake: Equatable, Sendable {
    /// Nanoseconds since 1970.
    public var time: UInt64
    /// For the kernel's random numbers, which would be those of every other guest from the same file.
    public var seed: [UInt8]

    public init(time: UInt64, seed: [UInt8]) {
        self.time = time
        self.seed = seed
    }
}

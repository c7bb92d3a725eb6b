// SPDX-License-Identifier: MIT
import Glibc
import SystemPackage

/// Watches the kernel's memory while rounds go by that should leave it as it was.
struct MemoryWatch: ~Copyable {
    private let source: KernelMemory.Source
    private let roughMemory: RoughMemory
    private let caches: Set<String>
    private let processors = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    /// The lowest counts so far: only those are sure, any other may hold free objects.
    private var lowest: KernelMemory
    /// What is above them, and since when.
    private var trends: [String: Trend] = [:]
    /// How much more of it has to be there before a cache that gave its growth back is worth another wait.
    private var noise: [String: Int] = [:]
    private var lastLook: Int
    /// The rough size after the last round, and from where on it is worth an exact look, in KiB.
    private var rough: Int
    private var roughLimit: Int
    /// How much the rough size rose in the last round.
    private var roughRise = 0

    private struct Trend {
        /// The last round after which nothing had grown.
        var since: Int
        var objects = 0
        /// In how many looks it rose.
        var rises = 0
    }

    /// How far the rough size may rise before it is worth a look, in KiB.
    private static let slack = 192
    /// Growth that no cache needs for itself, in bytes; below it, it has to go on before it counts.
    private static let certain = 64 << 10

    /// Takes the counts that later ones are compared with.
    ///
    /// - Parameter round: the last one before; what the first one leaves for those that follow is no leak.
    init(source: KernelMemory.Source, after round: Int) throws {
        let roughMemory = try RoughMemory(source)
        let caches = try source.watchedCaches()
        source.shrink(caches)
        let (lowest, rough) = (try source.read(caches), try roughMemory.size())
        self.source = source
        self.roughMemory = roughMemory
        self.caches = caches
        self.lowest = lowest
        self.rough = rough
        roughLimit = rough + Self.slack
        lastLook = round
    }

    /// Whether enough was allocated since the last exact look to have another one; called after each round.
    mutating func isSuspicious() throws(Errno) -> Bool {
        let size = try roughMemory.size()
        (rough, roughRise) = (size, size - rough)
        return size > roughLimit
    }

    /// An exact look: what has grown for sure and stays so.
    ///
    /// - Returns: the growth, largest first, and the last round that was without it.
    mutating func growth(after round: Int, isLast: Bool) throws -> (lastGoodRound: Int, [MemoryGrowth]) {
        let grown = try settledGrowth(isLast: isLast)
        let names = Set(grown.map(\.name))
        trends = trends.filter { names.contains($0.key) }
        var proven: [MemoryGrowth] = []
        for growth in grown {
            var trend = trends[growth.name] ?? Trend(since: lastLook)
            if growth.objects > trend.objects { trend.rises += 1 }
            trend.objects = growth.objects
            trends[growth.name] = trend
            if growth.bytes >= Self.certain || trend.rises > 1 || isLast { proven.append(growth) }
        }
        lastLook = round
        roughLimit = try roughMemory.size() + Self.slack
        let since = proven.compactMap { trends[$0.name]?.since }.min() ?? round
        // Seen for the first time, and most of it came in this round.
        let isNew = proven.allSatisfy { trends[$0.name]?.rises == 1 }
        let isSudden = isNew && roughRise * 2048 > proven.reduce(0) { $0 + $1.bytes }
        return (isSudden ? round - 1 : since, proven)
    }

    private mutating func settledGrowth(isLast: Bool) throws -> [MemoryGrowth] {
        let first = try look().filter { isLast || $0.objects > noise[$0.name] ?? 0 }
        var grown = first
        // What waits for a grace period or for a worker thread is gone after a moment.
        for delay in [5_000, 50_000, 200_000, 500_000] as [UInt32] where !grown.isEmpty {
            source.reclaimSlabs()
            usleep(delay)
            // Of all caches, because each one's shrinking allocates in others; and at last of those that are doubted,
            // because other programs soon have a new stock of free objects in them.
            source.shrink(caches)
            let names = Set(grown.map(\.name))
            source.shrink(names)
            // What is lost is there at each look.
            grown = try look().filter { names.contains($0.name) }
        }
        let names = Set(grown.map(\.name))
        for growth in first where !names.contains(growth.name) { noise[growth.name] = growth.objects * 2 }
        return grown
    }

    private mutating func look() throws -> [MemoryGrowth] {
        let now = try source.read(caches)
        defer { lowest = lowest.lowest(with: now) }
        return now.growth(since: lowest, processors: processors)
    }
}

extension KernelMemory {
    /// The lower count of each cache; a cache that is new counts as empty before.
    fileprivate func lowest(with now: KernelMemory) -> KernelMemory {
        var memory = self
        for (name, cache) in caches {
            memory.caches[name]?.objects = min(cache.objects, now.caches[name]?.objects ?? 0)
        }
        if now.orphanBytes < orphanBytes {
            (memory.orphans, memory.orphanBytes) = (now.orphans, now.orphanBytes)
        }
        return memory
    }
}

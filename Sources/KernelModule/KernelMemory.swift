// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

/// One kind of kernel memory that grew.
public struct MemoryGrowth: Equatable, Encodable, Sendable {
    /// A slab cache such as `kmalloc-4k`, or `vmalloc`.
    public var name: String
    /// How many objects more there are.
    public var objects: Int
    /// How many bytes they take.
    public var bytes: Int
}

/// What the kernel has allocated and cannot give back by itself.
struct KernelMemory: Equatable {
    struct Cache: Equatable {
        var objects: Int
        var objectSize: Int
        /// How many objects a slab holds: as many count as allocated for each processor that has one at hand.
        var slabObjects: Int
    }

    var caches: [String: Cache] = [:]
    /// Mappings that were made by code which is not there any more.
    var orphans = 0
    var orphanBytes = 0

    /// Where the kernel tells about it.
    struct Source: Sendable {
        var slabs: FilePath = "/proc/slabinfo"
        var slabDirectory: FilePath = "/sys/kernel/slab"
        var mappings: FilePath = "/proc/vmallocinfo"
        var summary: FilePath = "/proc/meminfo"
        var reclaim: FilePath = "/proc/sys/vm/drop_caches"
    }

    /// Caches that follow the number of processes, files and sockets, or what somebody looks at in `/proc` and `/sys`.
    fileprivate static let busy: Set<String> = [
        "anon_vma", "anon_vma_chain", "cred_jar", "files_cache", "filp", "fs_cache", "kernfs_iattrs_cache",
        "kernfs_node_cache", "lsm_file_cache", "lsm_inode_cache", "maple_node", "mm_struct", "names_cache",
        "pde_opener", "pid", "seq_file",
        "sighand_cache", "signal_cache", "skbuff_fclone_cache", "skbuff_head_cache", "sock_inode_cache",
        "task_delay_info", "task_struct", "vm_area_struct", "vmap_area",
    ]

    /// What grew since `earlier`, the largest first: caches by more than a slab for each processor, which is as exact
    /// as their counts are.
    func growth(since earlier: KernelMemory, processors: Int) -> [MemoryGrowth] {
        let slabs = caches.compactMap { name, cache -> MemoryGrowth? in
            let objects = cache.objects - (earlier.caches[name]?.objects ?? 0)
            guard objects > cache.slabObjects * processors else { return nil }
            return MemoryGrowth(name: name, objects: objects, bytes: objects * cache.objectSize)
        }
        let mappings = MemoryGrowth(
            name: "vmalloc",
            objects: orphans - earlier.orphans,
            bytes: orphanBytes - earlier.orphanBytes
        )
        return (slabs + (mappings.objects > 0 ? [mappings] : [])).sorted { $0.bytes > $1.bytes }
    }
}

extension KernelMemory.Source {
    /// KiB that slabs and mappings take: quick to read, and too coarse to prove anything.
    func roughSize() throws -> Int {
        try lines(of: summary).reduce(0) { sum, line in
            let isWanted = Self.roughFields.contains { line.starts(with: $0) }
            return isWanted ? sum + (words(of: line).dropFirst().first.flatMap(number) ?? 0) : sum
        }
    }

    private static let roughFields = ["SUnreclaim:", "VmallocUsed:", "Percpu:"].map { Array($0.utf8) }

    /// What is allocated; each processor's stock of free objects counts as allocated until its cache is shrunk.
    func read() throws -> KernelMemory {
        var memory = KernelMemory()
        for line in try lines(of: slabs).dropFirst(2) {
            let words = words(of: line, atMost: 5)
            guard words.count > 4, let objects = number(words[1]), let size = number(words[3]),
                let slab = number(words[4])
            else { continue }
            let name = String(decoding: words[0], as: UTF8.self)
            memory.caches[name] = .init(objects: objects, objectSize: size, slabObjects: slab)
        }
        for line in try lines(of: mappings) {
            // The kernel prints the caller's address alone where it knows no symbol for it any more.
            let words = words(of: line, atMost: 3)
            guard words.count > 2, words[2].starts(with: "0x".utf8), let size = number(words[1]) else {
                continue
            }
            memory.orphans += 1
            memory.orphanBytes += size
        }
        return memory
    }

    /// The caches that a module's leak can show in: not those that the kernel empties when it needs memory.
    func watchedCaches() throws -> [String] {
        try read().caches.keys.filter { name in
            let file = slabDirectory.appending(name).appending("reclaim_account")
            return !KernelMemory.busy.contains(name) && file.linesIfReadable().first != "1"
        }
    }

    /// Has the kernel free what it only keeps, among it what it was told to free later.
    func reclaimSlabs() {
        // Where it cannot be asked, what is left over takes longer to go.
        _ = Result { try reclaim.write("2".utf8) }
    }

    /// Gives the free objects of each processor's stock back, so that only what is allocated counts.
    func shrink(_ caches: some Sequence<String>) {
        for name in caches {
            // Where it cannot be shrunk, its count is only less exact.
            _ = Result { try slabDirectory.appending(name).appending("shrink").write("1".utf8) }
        }
    }
}

// Bytes, because characters cost an emulated processor milliseconds in each round.

/// The lines of one of the kernel's tables.
private func lines(of file: FilePath) throws -> [ArraySlice<UInt8>] {
    try file.readAll().split(separator: UInt8(ascii: "\n"))
}

/// The first words of a line.
private func words(of line: ArraySlice<UInt8>, atMost count: Int = 2) -> [ArraySlice<UInt8>] {
    Array(line.split(separator: UInt8(ascii: " "), maxSplits: count).prefix(count))
}

private func number(_ word: ArraySlice<UInt8>) -> Int? { Int(String(decoding: word, as: UTF8.self)) }

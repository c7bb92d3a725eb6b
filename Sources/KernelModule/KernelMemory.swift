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
        "kernfs_node_cache", "maple_node", "mm_struct", "names_cache", "pde_opener", "pid", "seq_file",
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
        let wanted = ["SUnreclaim:", "VmallocUsed:", "Percpu:"]
        return try summary.readText().split(separator: "\n").reduce(0) { sum, line in
            let words = line.split(separator: " ")
            return wanted.contains { $0 == words[0] } ? sum + (Int(words[1]) ?? 0) : sum
        }
    }

    /// What is allocated; each processor's stock of free objects counts as allocated until its cache is shrunk.
    func read() throws -> KernelMemory {
        var memory = KernelMemory()
        for line in try slabs.readText().split(separator: "\n").dropFirst(2) {
            let words = line.split(separator: " ", maxSplits: 5)
            guard words.count > 5, let objects = Int(words[1]), let size = Int(words[3]),
                let slab = Int(words[4])
            else { continue }
            memory.caches[String(words[0])] = .init(objects: objects, objectSize: size, slabObjects: slab)
        }
        for line in try mappings.readText().split(separator: "\n") {
            // The kernel prints the caller's address alone where it knows no symbol for it any more.
            let words = line.split(separator: " ", maxSplits: 3)
            guard words.count > 2, words[2].hasPrefix("0x"), let size = Int(words[1]) else { continue }
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

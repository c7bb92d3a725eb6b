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

/// How much memory the kernel has in use, in one number: quick to read, and too coarse to prove anything.
struct RoughMemory: ~Copyable {
    private let summary: OwnedDescriptor

    /// More than the summary is long.
    private static let sizeLimit = 8192
    private static let fields = ["SUnreclaim:", "VmallocUsed:", "Percpu:"].map { Array($0.utf8) }

    init(_ source: KernelMemory.Source) throws(Errno) {
        summary = try OwnedDescriptor(opening: source.summary, .readOnly)
    }

    /// KiB that slabs, mappings and each processor's variables take.
    func size() throws(Errno) -> Int {
        var table = KernelTable(try summary.descriptor.readSome(upTo: Self.sizeLimit, at: 0))
        var sum = 0
        while table.nextLine() {
            if Self.fields.contains(where: { table.skip($0) }) { sum += table.number() ?? 0 }
        }
        return sum
    }
}

extension KernelMemory.Source {
    /// What is allocated; each processor's stock of free objects counts as allocated until its cache is shrunk.
    ///
    /// - Parameter wanted: which caches; all when nil.
    func read(_ wanted: Set<String>? = nil) throws -> KernelMemory {
        var memory = KernelMemory()
        var table = KernelTable(try slabs.readAll())
        while table.nextLine() {
            let name = table.word()
            guard wanted?.contains(name) ?? true, let objects = table.number(), table.number() != nil,
                let size = table.number(), let slab = table.number()
            else { continue }
            memory.caches[name] = .init(objects: objects, objectSize: size, slabObjects: slab)
        }
        table = KernelTable(try mappings.readAll())
        while table.nextLine() {
            table.skipWord()
            // The kernel prints the caller's address alone where it knows no symbol for it any more.
            guard let size = table.number(), table.skip(Self.addressMark) else { continue }
            memory.orphans += 1
            memory.orphanBytes += size
        }
        return memory
    }

    private static let addressMark = Array("0x".utf8)

    /// The caches that a module's leak can show in: not those that the kernel empties when it needs memory.
    func watchedCaches() throws -> Set<String> {
        Set(
            try read().caches.keys.filter { name in
                let file = slabDirectory.appending(name).appending("reclaim_account")
                return !KernelMemory.busy.contains(name) && file.linesIfReadable().first != "1"
            }
        )
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

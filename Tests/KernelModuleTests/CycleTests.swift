// SPDX-License-Identifier: MIT
import Glibc
import LinuxSystem
import SystemPackage
import Testing

@testable import KernelModule

/// What a cycle knows without a kernel: trouble in messages, growth of memory, types of parameters.
@Suite struct CycleTests {
    @Test func theWorstKindOfTroubleIsFound() {
        #expect(KernelTrouble("WARNING: CPU: 0 PID: 1 at x.c:3 f+0x1/0x2 [m]") == .warning)
        #expect(KernelTrouble("WARNING: possible recursive locking detected") == .lockdep)
        #expect(KernelTrouble("BUG: kernel NULL pointer dereference, address: 0000000000000008") == .oops)
        #expect(
            KernelTrouble("BUG t_cache (Tainted: G): Objects remaining in t_cache on shutdown") == .leftover
        )
        #expect(
            KernelTrouble("BUG kmalloc-64 (Tainted: G): Right Redzone overwritten") == .corruption
        )
        #expect(KernelTrouble("INFO: task insmod:77 blocked for more than 120 seconds.") == .stall)
        #expect(KernelTrouble("vhost_scsi: loaded") == nil)
        let messages = ["WARNING: CPU: 0", "ordinary", "Oops: 0002 [#1] PREEMPT SMP"]
        #expect(messages.trouble == "the kernel had an oops: Oops: 0002 [#1] PREEMPT SMP")
        #expect(["ordinary"].trouble == nil)
    }

    @Test func onlyGrowthBeyondASlabForEachProcessorCounts() {
        let before = KernelMemory(caches: [
            "a": .init(objects: 10, objectSize: 64, slabObjects: 64),
            "b": .init(objects: 10, objectSize: 4096, slabObjects: 8),
        ])
        var after = before
        after.caches["a"]?.objects = 138
        #expect(after.growth(since: before, processors: 2).isEmpty)
        after.caches["a"]?.objects = 139
        #expect(after.growth(since: before, processors: 2) == [.init(name: "a", objects: 129, bytes: 8256)])
        after.caches["b"]?.objects = 19
        after.orphans = 1
        after.orphanBytes = 16384
        #expect(after.growth(since: before, processors: 1).map(\.name) == ["b", "vmalloc", "a"])
    }

    @Test func muchGrowthCountsAtOnceAndLittleWhenItGoesOn() throws {
        try withTables { source in
            try source.write(objects: 24, unreclaimable: 300)
            var watch = try MemoryWatch(source: source, after: 1)
            for (size, isSuspicious) in [(300, false), (400, false), (600, true)] {
                try source.write(objects: 24 + (size == 300 ? 0 : 400), unreclaimable: size)
                let found = try watch.isSuspicious()
                #expect(found == isSuspicious)
            }
            var (lastGoodRound, growth) = try watch.growth(after: 2, isLast: false)
            #expect(growth == [.init(name: "kmalloc-192", objects: 400, bytes: 76_800)])
            #expect(lastGoodRound == 1)

            try source.write(objects: 24, unreclaimable: 300)
            watch = try MemoryWatch(source: source, after: 1)
            let perProcessor = 21 * max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
            let steps = [
                (0, false), (perProcessor, false), (perProcessor + 1, false), (perProcessor + 1, false),
            ]
            for (place, (more, isProven)) in steps.enumerated() {
                try source.write(objects: 24 + more, unreclaimable: 300)
                (_, growth) = try watch.growth(after: 10 * (place + 1), isLast: false)
                #expect(growth.isEmpty == !isProven)
            }
            try source.write(objects: 26 + perProcessor, unreclaimable: 300)
            (lastGoodRound, growth) = try watch.growth(after: 50, isLast: false)
            #expect(growth.map(\.objects) == [perProcessor + 2])
            #expect(lastGoodRound == 20)
        }
    }

    @Test func memoryIsReadFromTheKernelsTables() throws {
        try withTables { source in
            try source.write(objects: 24, unreclaimable: 300)
            let memory = try source.read()
            #expect(
                memory.caches["kmalloc-192"] == .init(objects: 24, objectSize: 192, slabObjects: 21)
            )
            #expect(memory.orphans == 1)
            #expect(memory.orphanBytes == 1_052_672)
            #expect(try RoughMemory(source).size() == 320)
            #expect(try source.watchedCaches() == ["kmalloc-192"])
        }
    }

    private func withTables(_ body: (KernelMemory.Source) throws -> Void) throws {
        let directory = try FilePath.makeTemporaryDirectory(prefix: "cycle")
        defer { _ = Result { () throws(Errno) in try directory.removeTree() } }
        var source = KernelMemory.Source()
        source.slabs = directory.appending("slabinfo")
        source.mappings = directory.appending("vmallocinfo")
        source.summary = directory.appending("meminfo")
        source.reclaim = directory.appending("drop_caches")
        source.slabDirectory = directory.appending("slab")
        try source.mappings.write(
            """
            0xffffc90000000000-0xffffc90000005000   20480 unpurged vm_area
            0xffffc90000001000-0xffffc90000102000 1052672 0xffffffffc0370021 pages=256 vmalloc
            0xffffc90000201000-0xffffc90000206000   20480 dup_task_struct+0x5b/0x1b0 pages=4 vmalloc

            """.utf8
        )
        try body(source)
    }

    @Test(
        arguments: [
            ("int", "-5", nil), ("int", "0x7fffffff", nil), ("int", "017", nil),
            ("int", "2147483648", "out of range: -2147483648 to 2147483647"),
            ("int", "many", "not a whole number"), ("int", "", "not a whole number"),
            ("int", "1 2", "not a whole number"), ("ushort", "65536", "out of range: 0 to 65535"),
            ("ulong", "18446744073709551615", nil), ("byte", "-1", "out of range: 0 to 255"),
            ("bool", "Y", nil), ("bool", "off", nil),
            ("bool", "2", "not a truth value: y, n, 1, 0, on or off"),
            ("charp", "anything at all", nil), ("array of int", "1,2,3", nil),
            ("array of int", "1,x", "not a whole number"),
        ] as [(String, String, String?)]
    )
    func valuesAreCheckedAgainstTheirTypes(type: String, value: String, fault: String?) throws {
        #expect(try #require(ParameterType(type)).fault(in: value) == fault)
    }

    @Test func typesThatModulesMakeThemselvesAreUnknown() { #expect(ParameterType("dmabuf_limit") == nil) }
}

extension KernelMemory.Source {
    /// Writes tables in which one cache is of interest.
    fileprivate func write(objects: Int, unreclaimable: Int) throws {
        try slabs.write(
            """
            slabinfo - version: 2.1
            # name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables
            task_struct          90     95   7680    4    8 : tunables    0    0    0 : slabdata
            kmalloc-192          \(objects)     99    192   21    1 : tunables    0    0    0 : slabdata

            """.utf8
        )
        try summary.write("MemTotal: 9 kB\nSUnreclaim:     \(unreclaimable) kB\nVmallocUsed:    20 kB\n".utf8)
    }
}

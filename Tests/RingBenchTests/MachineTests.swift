// SPDX-License-Identifier: MIT
import LinuxSystem
import RingBench
import SystemPackage
import Testing

/// Trees like those of procfs and sysfs, removed when the test is done.
private final class Tree {
    let root: FilePath

    init(_ files: [String: String]) throws {
        root = try FilePath.makeTemporaryDirectory(prefix: "ringbench")
        for (path, text) in files {
            let file = root.appending(path)
            try file.removingLastComponent().makeDirectories()
            try file.write(text.utf8)
        }
    }

    deinit {
        do { try root.removeTree() } catch { Issue.record(error) }
    }
}

struct MachineTests {
    @Test func readsProcfs() throws {
        let tree = try Tree([
            "cpuinfo": "processor\t: 0\nmodel name\t: Some   CPU @ 3GHz\nflags\t\t: fpu hypervisor sse2\n",
            "sys/kernel/osrelease": "6.1.0-9-amd64\n",
            "self/status": "Name:\tx\nCpus_allowed:\t7\nCpus_allowed_list:\t0-1,5\n",
        ])
        let allowed = try ProcessorPair.allowed(procfs: tree.root)
        #expect(allowed == [0, 1, 5])
        let machine = try BenchMachine(procfs: tree.root, allowed: allowed)
        #expect(machine.model == "Some CPU @ 3GHz" && machine.kernel == "6.1.0-9-amd64")
        #expect(machine.processors == 3 && machine.isVirtual)
        #expect(!machine.compiler.isEmpty)
        #expect(machine.summary.contains("3 processors of a virtual machine, Linux 6.1.0-9-amd64"))
    }

    @Test func saysThatThereIsOneProcessorOnly() throws {
        let tree = try Tree(["cpuinfo": "", "sys/kernel/osrelease": "6\n"])
        let machine = try BenchMachine(procfs: tree.root, allowed: [0])
        #expect(machine.summary.hasPrefix("unknown processor, one processor only, Linux 6, "))
    }

    @Test func prefersAnotherCoreToASibling() throws {
        let topology = "devices/system/cpu/cpu0/topology/thread_siblings_list"
        let siblings = try Tree([topology: "0-1\n"])
        let chosen = try ProcessorPair(choosingFrom: [0, 1, 2], sysfs: siblings.root)
        #expect(chosen.device == 2 && chosen.relation == .separateCores)
        let forced = try ProcessorPair(choosingFrom: [0, 1], sysfs: siblings.root)
        #expect(forced.device == 1 && forced.relation == .siblings)
        let alone = try ProcessorPair(choosingFrom: [0], sysfs: siblings.root)
        #expect(alone.device == 0 && alone.relation == .same)
        let unknown = try ProcessorPair(driver: 3, device: 1, sysfs: siblings.root)
        #expect(unknown.relation == .unknown)
    }
}

// SPDX-License-Identifier: MIT
import Glibc
import TestVM
import Testing

/// The minidump driver, its simulated shared memory and a client in a real kernel.
@Suite(
    .enabled(if: ModuleFixtures.obstacle == nil, Comment(rawValue: ModuleFixtures.obstacle ?? "")),
    .serialized
)
struct MinidumpModuleTests {
    private static let enabled: UInt32 = 0x454e_424c

    /// Cycles of loading and unloading; a thousand on request.
    private static var cycles: Int {
        unsafe getenv("RINGSIDE_MINIDUMP_CYCLES").flatMap { unsafe Int(String(cString: $0)) } ?? 20
    }

    @Test func memoryOfEveryKindIsInTheTable() async throws {
        let log = try await MinidumpModules.boot(processors: 2) { host in
            #expect(try await host.insert("smem_sim", "qcom_minidump", "minidump_client").status == 0)
            let regions = try await host.minidumpRegions()
            let names = Set(regions.map { $0[0] })
            #expect(regions.first?[0] == "KELF_HEADER")
            #expect(
                names.isSuperset(of: [
                    "KKMALLOC0", "KKMALLOC1", "KKMALLOC2", "KVMALLOC_A", "KVMALLOC_B", "KVMAP", "KMODULE",
                    "KPERCPU0", "KPERCPU1", "KLOGTEXT", "KPRB_TEXT",
                ])
            )
            // Contiguous for the kernel, and each page before the last in memory: four pieces.
            let pieces = regions.filter { $0[0].hasPrefix("KVMAP") }
            #expect(pieces.map { $0[0] } == ["KVMAP", "KVMAP1", "KVMAP2", "KVMAP3"])
            #expect(pieces.map { $0[2] } == pieces.map { $0[2] }.sorted(by: >))
            #expect(pieces.allSatisfy { $0[3] == "4096" })

            // The linear map's offset, which virt_to_phys() subtracts from any address, is right for kmalloc alone.
            #expect(try self.mappingOffset("KKMALLOC1", regions) == self.mappingOffset("KKMALLOC2", regions))
            for name in ["KVMALLOC_A", "KVMAP", "KMODULE"] {
                #expect(try self.mappingOffset(name, regions) != self.mappingOffset("KKMALLOC1", regions))
            }

            let table = try await host.sharedMemory(at: MinidumpModules.tableAddress + 16, words: 8)
            #expect(table.count == 8 && table[1] == Self.enabled && table[4] == UInt32(regions.count))

            #expect(try await host.run("rmmod minidump_client").status == 0)
            #expect(try await host.minidumpRegions().map { $0[0] } == ["KELF_HEADER"])
            #expect(try await host.run("rmmod qcom_minidump").status == 0)
            let left = try await host.sharedMemory(at: MinidumpModules.tableAddress + 16, words: 8)
            #expect(left == Array(repeating: 0, count: 8))
            #expect(try await host.run("rmmod smem_sim").status == 0)
        }
        #expect(log.trouble.isEmpty)
    }

    @Test func whatSharedMemoryLacksIsToldApartAndNothingIsRemembered() async throws {
        let log = try await MinidumpModules.boot { host in
            #expect(try await host.insert("smem_sim mode=defer", "qcom_minidump").status == 0)
            for (mode, cause) in [
                ("defer", "error -517"), ("absent", "error -19"), ("uninitialised", "error -22"),
                ("short", "error -22"),
            ] {
                try await self.rebind(host, mode: mode)
                #expect(try await host.insert("minidump_client").status != 0)
                #expect(try await host.run("dmesg | tail -1").output.contains(cause))
                try await self.rebind(host, mode: "normal")
                #expect(try await host.insert("minidump_client").status == 0, "after \(mode)")
                #expect(try await host.run("rmmod minidump_client").status == 0)
            }
            #expect(try await host.run("rmmod qcom_minidump smem_sim").status == 0)
            // No entry for this kernel; a capacity that no header can have; memory that is the kernel's.
            _ = try await host.insert("smem_sim subsystems=0", "qcom_minidump")
            #expect(try await host.insert("minidump_client").status != 0)
            _ = try await host.run("rmmod qcom_minidump smem_sim")
            _ = try await host.insert("smem_sim", "qcom_minidump capacity=65001")
            #expect(try await host.insert("minidump_client").status != 0)
            _ = try await host.run("rmmod qcom_minidump smem_sim")
            // There is memory for the region table, and none for the header: nothing of either may be left.
            _ = try await host.insert("smem_sim", "qcom_minidump capacity=65000")
            #expect(try await host.insert("minidump_client").status != 0)
            #expect(try await host.run("dmesg | tail -1").output.contains("error -12"))
            let entry = try await host.sharedMemory(at: MinidumpModules.tableAddress + 16, words: 8)
            #expect(entry == Array(repeating: 0, count: 8))
            _ = try await host.run("rmmod qcom_minidump")
            #expect(try await host.insert("qcom_minidump capacity=20000", "minidump_client").status == 0)
            _ = try await host.run("rmmod minidump_client qcom_minidump smem_sim")
            #expect(try await host.insert("smem_sim base=0x1000000").error.contains("busy"))
        }
        #expect(log.trouble.isEmpty)
    }

    @Test func aDeviceMayGoWhileClientsHoldRegions() async throws {
        let log = try await MinidumpModules.boot { host in
            #expect(
                try await host.insert("smem_sim", "qcom_minidump capacity=10000", "minidump_client").status
                    == 0
            )
            #expect(try await host.run("echo 50 >/sys/module/minidump_client/parameters/storm").status == 0)
            #expect(try await host.run("rmmod smem_sim").status == 0)
            #expect(try await host.minidumpRegions().isEmpty)
            let storm = try await host.run("echo 1 >/sys/module/minidump_client/parameters/storm")
            #expect(storm.status != 0)
            #expect(try await host.run("rmmod minidump_client qcom_minidump").status == 0)
        }
        #expect(log.trouble.isEmpty)
    }

    @Test func loadingAndUnloadingLeavesNothing() async throws {
        let cycles = Self.cycles
        let log = try await MinidumpModules.boot(
            append: ["slab_nomerge"],
            deadline: .seconds(300 + cycles)
        ) { host in
            try await self.cycle(host, count: 30)
            let before = try await self.unreclaimable(host)
            try await self.cycle(host, count: cycles)
            let after = try await self.unreclaimable(host)
            // A lost byte per cycle would be a page of slab in 4,096 of them; a lost region table is seen at once.
            #expect(after - before < 512, "\(before) KiB before \(cycles) cycles, \(after) KiB after")
        }
        #expect(log.trouble.isEmpty)
    }

    @Test func thePanicIsTheClients() async throws {
        let outcome = try await Host.run(
            ["vm", "run", "--append", MinidumpModules.reservation]
                + MinidumpModules.files().flatMap { ["--module", $0] }
                + [
                    "--", "sh", "-c",
                    """
                    cd /lib/modules/*/updates && insmod smem_sim.ko && insmod qcom_minidump.ko &&
                    insmod minidump_client.ko crash
                    """,
                ]
        )
        #expect(outcome.status == 1)
        #expect(outcome.error.contains("minidump_client: as requested"))
    }

    /// Virtual less physical address of a region.
    private func mappingOffset(_ name: String, _ regions: [[String]]) throws -> UInt64 {
        let region = try #require(regions.first { $0[0] == name })
        let (virt, phys) = (
            UInt64(region[1].dropFirst(2), radix: 16), UInt64(region[2].dropFirst(2), radix: 16)
        )
        return try #require(virt) - #require(phys)
    }

    /// Takes the driver off its device, changes what shared memory is like, and lets the driver try again.
    private func rebind(_ host: VirtualHost, mode: String) async throws {
        _ = try await host.run(
            """
            cd /sys/bus/platform/drivers/qcom-minidump
            [ ! -e qcom-minidump ] || echo qcom-minidump >unbind
            echo \(mode) >/sys/module/smem_sim/parameters/mode
            echo qcom-minidump >bind
            """
        )
    }

    private func cycle(_ host: VirtualHost, count: Int) async throws {
        let outcome = try await host.run(
            """
            cd /lib/modules/*/updates
            i=0
            while [ $i -lt \(count) ]; do
                insmod smem_sim.ko && insmod qcom_minidump.ko && insmod minidump_client.ko storm=3 &&
                rmmod minidump_client qcom_minidump smem_sim || exit 1
                i=$((i + 1))
            done
            """
        )
        #expect(outcome.status == 0, "\(outcome.error)")
    }

    /// KiB of slab that nothing can give back.
    private func unreclaimable(_ host: VirtualHost) async throws -> Int {
        let outcome = try await host.run(
            """
            for _ in 1 2; do
                echo 3 >/proc/sys/vm/drop_caches
                for cache in /sys/kernel/slab/*/shrink; do echo 1 >"$cache"; done 2>/dev/null
                sleep 1
            done
            sed -n 's/^SUnreclaim: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo
            """
        )
        return try #require(Int(outcome.output.filter(\.isNumber)))
    }
}

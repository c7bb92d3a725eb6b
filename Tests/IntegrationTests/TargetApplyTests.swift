// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import TestVM
import Testing

private let name = "naa.5001405c0ffee00"

/// `ringside target apply` and what goes with it, against the real configfs.
@Suite(.needsTestVM, .serialized) struct TargetApplyTests {
    /// Everything that the file can say.
    private let configuration = """
        backstores:
          disk: {source: "file:/tmp/disk.img,size=8M", attributes: {emulate_tpu: 1, block_size: 4096}, serial: abc-1}
          cached: {source: "file:/tmp/cached.img,size=1M,buffered", vendor_id: ACME, product_id: Fast disk, revision: "1"}
          direct: file:/tmp/direct.img,size=1M,direct
          loop: block:/dev/loop0,readonly
          null: ramdisk:1M,nullio
          shared: {source: ramdisk:1M, alua_groups: {gold: 5}}
        targets:
          \(name)1:
            1:
              nexus: naa.5001405000000001
              fabric_prot_type: 1
              luns: {0: name:disk, 1: name:cached, 2: name:direct, 3: name:loop, 4: name:null, 16383: ramdisk:1M}
            255:
              luns: {0: {source: name:shared, alua_group: gold}}
          iqn.2003-01.org.x:t1: {0: {luns: {0: {source: ramdisk:1M, attributes: {pi_prot_type: 1}}}}}
          fc.2100000000000001: {1: {nexus: fc.2100000000000002, luns: {0: name:shared}}}
        """

    @Test func whatWasExportedMakesItAgain() async throws {
        try await VirtualHost.bootForTargets { host in
            let empty = try await host.expectSuccess("ls -R /sys/kernel/config/target")
            try await host.expectSuccess("truncate -s 4M /tmp/l; losetup /dev/loop0 /tmp/l")
            try await host.expectSuccess("ringside target apply - <<'END'\n\(configuration)\nEND")
            try await host.expectSuccess("ringside target export /tmp/one.yaml")
            try await host.expectSuccess("ringside target diff /tmp/one.yaml --prune")
            let shown = try await host.run("ringside backstore show disk").output
            #expect(shown.contains("serial abc-1, vendor_id LIO-ORG, product_id FILEIO, revision 4.0\n"))
            #expect(shown.contains("block_size"), "\(shown)")
            try await host.expectSuccess("ringside target export --saveconfig /tmp/s.json")
            try await host.expectSuccess("ringside target diff /tmp/s.json --prune")
            try await host.expectSuccess("ringside target clear")
            #expect(try await host.expectSuccess("ls -R /sys/kernel/config/target") == empty)
            try await host.expectSuccess("ringside target apply /tmp/one.yaml")
            try await host.expectSuccess(
                "ringside target export /tmp/two.yaml; cmp /tmp/one.yaml /tmp/two.yaml"
            )
            try await host.expectSuccess("ringside target export --json /tmp/two.json")
            try await host.expectSuccess("ringside target diff /tmp/two.json --prune")
            // The LUN has to let go of it for that, and comes back into its ALUA group.
            let more = ["attributes: {block_size: 4096}", "product_id: Slow disk"]
            let change = "sed" + more.map { " -e '/^  shared:/a\\    \($0)'" }.joined() + " /tmp/one.yaml"
            try await host.expectSuccess("\(change) >/tmp/three.yaml; ringside target apply /tmp/three.yaml")
            try await host.expectSuccess("ringside target diff /tmp/three.yaml --prune")
        }
    }

    /// What a session offers tells only a driver: a write with protection information.
    @Test func aChangedProtectionTypeReachesTheDriver() async throws {
        try await VirtualHost.bootForTargets(modules: ["vhost_scsi"]) { host in
            for (type, sign) in [(0, "invalid field"), (1, "wrong reference tag"), (0, "invalid field")] {
                let group = "{fabric_prot_type: \(type), luns: {0: ramdisk:1M}}"
                try await host.expectSuccess(
                    "echo 'targets: {\(name)1: {1: \(group)}}' | ringside target apply -"
                )
                let device = "id=a,wwpn=\(name)1,tpgt=1,t10_pi=on"
                let outcome = try await host.run("ringside vhost verify --write --protection \(device)")
                #expect((outcome.output + outcome.error).contains(sign), "\(type): \(outcome.error)")
            }
            try await host.expectSuccess("ringside target clear")
        }
    }

    /// What the kernel would answer in one word is known before anything is changed.
    @Test func valuesThatTheKernelRefusesAreRefusedBefore() async throws {
        let modules = VirtualHost.targetModules + ["scsi_debug", "sd_mod"]
        let (file, memory, loop, disk) = (
            "file:/tmp/d,size=1M", "ramdisk:1M", "block:/dev/loop0", "block:/dev/sda"
        )
        let cases = [
            (file, "queue_depth", "hw_queue_depth"), (file, "optimal_sectors", "hw_max_sectors"),
            (memory, "queue_depth", "hw_queue_depth"), (memory, "optimal_sectors", "hw_max_sectors"),
            (memory, "unmap_zeroes_data", nil), (loop, "emulate_write_cache", nil),
            (loop, "queue_depth", "hw_queue_depth"), (loop, "optimal_sectors", "hw_max_sectors"),
            (disk, "emulate_tpu", nil), (disk, "emulate_tpws", nil), (disk, "unmap_zeroes_data", nil),
        ]
        try await VirtualHost.bootForTargets(modules: modules) { host in
            try await host.expectSuccess("truncate -s 4M /tmp/l; losetup /dev/loop0 /tmp/l")
            let before = try await host.expectSuccess("ls -R /sys/kernel/config/target")
            for (source, attribute, limit) in cases {
                try await host.expectSuccess("ringside backstore create d \(source)")
                let directory = "cd /sys/kernel/config/target/core/*_0/d/attrib"
                let most =
                    limit == nil ? "" : try await host.expectSuccess("\(directory); cat \(limit ?? "")")
                let number = Int(most.dropLast())
                let value = number.map { $0 + 1 } ?? 1
                let kernel = try await host.run("\(directory); printf \(value) >\(attribute)")
                #expect(kernel.status != 0, "\(source) \(attribute)")
                let apply = """
                    ringside target apply - <<'END'
                    backstores: {d: {source: "\(source)", attributes: {\(attribute): \(value)}}}
                    END
                    """
                let message = "\(attribute) is \(value), " + (number.map { "above the \($0) of " } ?? "but ")
                for isThere in [true, false] {
                    if !isThere { try await host.expectSuccess("ringside backstore delete d") }
                    let outcome = try await host.run(apply)
                    #expect(outcome.status == 1 && outcome.error.contains(message), "\(outcome.error)")
                }
                #expect(try await host.expectSuccess("ls -R /sys/kernel/config/target") == before)
            }
        }
    }

    @Test func aChangeLeavesTheRestAlone() async throws {
        try await VirtualHost.bootForTargets { host in
            try await host.expectSuccess("ringside backstore create disk ramdisk:1M")
            try await host.expectSuccess(
                "ringside target create \(name)1 --lun 0=name:disk --lun 1=ramdisk:1M"
            )
            try await host.expectSuccess("ringside target create \(name)2 --lun 0=ramdisk:1M")
            try await host.openEndpoint("\(name)2", tpgt: 1)
            try await host.expectSuccess(
                "ringside target export /tmp/now.yaml"
            )
            let change =
                "sed 's/source: ramdisk:1M/&\\n    attributes: {block_size: 4096}/' /tmp/now.yaml >/tmp/new.yaml"
            try await host.expectSuccess(change)
            let dry = try await host.run("ringside target apply /tmp/new.yaml --dry-run").output
            #expect(dry.contains("change   backstore disk  block_size 512 -> 4096\n"), "\(dry)")
            #expect(dry.hasSuffix("1 to change, 9 to keep\n"), "\(dry)")
            // The endpoint of the other target stays set all the while.
            try await host.expectSuccess("ringside target apply /tmp/new.yaml")
            let block = try await host.run("cat /sys/kernel/config/target/core/*/disk/attrib/block_size")
            #expect(block.output == "4096\n")
            let held = try await host.run("ringside target show \(name)2 --endpoint")
            #expect(held.output.contains(", endpoint set (pid "), "\(held.output)\(held.error)")
            #expect(held.output.contains(", ringside)"))
            let free = try await host.run("ringside target show \(name)1 --endpoint")
            #expect(free.output.contains(", no endpoint set"), "\(free.output)\(free.error)")
            let before = try await host.tree()
            let clear = try await host.run("ringside target clear")
            #expect(
                clear.error.contains("EBUSY: it is claimed by an open vhost-scsi endpoint (pid "),
                "\(clear.error)"
            )
            #expect(try await host.tree() == before)
            try await host.closeEndpoint()
            try await host.expectSuccess("ringside target clear")
        }
    }

    @Test func aPlanThatChangesNothingWritesNothing() async throws {
        try await VirtualHost.bootForTargets(modules: ["vhost_scsi"], programs: ["/usr/bin/strace"]) { host in
            try await host.expectSuccess(
                """
                { echo targets:; for i in $(seq 100 130); do
                echo "  naa.5001405c0ffee$i: {1: {luns: {0: ramdisk:64K, 1: ramdisk:64K}}}"; done; } >/tmp/t.yaml
                ringside target apply /tmp/t.yaml --workers 16
                """
            )
            let calls = "mkdir,rmdir,unlink,symlink,rename,write,openat,creat,link,mknod,truncate"
            try await host.expectSuccess(
                "strace -f -o /tmp/trace -e trace=\(calls) ringside target apply /tmp/t.yaml"
            )
            let writes = try await host.run(
                "grep -vE 'O_RDONLY|write\\(1, \"keep |^[0-9]+ +(\\+\\+\\+|---)' /tmp/trace"
            )
            #expect(writes.output == "", "\(writes.output)")
            let traced = try await host.run("wc -l </tmp/trace").output.split(separator: "\n").first ?? ""
            #expect((Int(traced) ?? 0) > 100)
            try await host.expectSuccess("ringside target clear --workers 16")
        }
    }

    /// A disk of the kernel's own test driver, and a backstore whose handler is not there.
    @Test func whatIsPassedThroughIsKeptToo() async throws {
        let configuration = """
            backstores:
              disk: pscsi:/dev/sda
              pool: {source: "user:rbd/pool/image,size=64M", attributes: {cmd_time_out: 1}}
            targets: {\(name)1: {1: {luns: {0: name:disk, 1: name:pool}}}}
            """
        let modules = ["vhost_scsi", "target_core_pscsi", "target_core_user", "scsi_debug", "sd_mod"]
        try await VirtualHost.bootForTargets(modules: modules) { host in
            let empty = try await host.expectSuccess("ls -R /sys/kernel/config/target")
            try await host.expectSuccess("ringside target apply - <<'END'\n\(configuration)\nEND")
            let device = "id=a,wwpn=\(name)1,tpgt=1"
            try await host.expectSuccess("ringside vhost verify \(device) --lun 0 --write")
            // The disk answers for itself; nobody answers for the other.
            let probe = try await host.run("ringside vhost probe \(device)")
            #expect(probe.status == 1, "\(probe.output)\(probe.error)")
            try await host.expectSuccess("ringside target export /tmp/one.yaml")
            try await host.expectSuccess("ringside target diff /tmp/one.yaml --prune")
            let saved = try await host.expectSuccess("cat /tmp/one.yaml")
            #expect(saved.contains("cmd_time_out: 1\n") && !saved.contains("serial"), "\(saved)")
            try await host.expectSuccess("ringside target clear")
            #expect(try await host.expectSuccess("ls -R /sys/kernel/config/target") == empty)
            try await host.expectSuccess("ringside target apply /tmp/one.yaml")
            try await host.expectSuccess(
                "ringside target export /tmp/two.yaml; cmp /tmp/one.yaml /tmp/two.yaml; ringside target clear"
            )
        }
    }

    @Test func aLUNsWorkIsCounted() async throws {
        try await VirtualHost.bootForTargets(modules: ["vhost_scsi"]) { host in
            try await host.expectSuccess("ringside target create \(name)1 --lun 0=ramdisk:8M")
            try await host.expectSuccess("ringside vhost verify id=a,wwpn=\(name)1,tpgt=1 --lun 0 --write")
            let shown = try await host.run("ringside target show").output
            #expect(shown.contains("M read, ") && shown.contains("commands"), "\(shown)")
            let watched = try await host.run("ringside target watch --interval 0.2 --count 2 --json").output
            #expect(watched.split(separator: "\n").count == 2, "\(watched)")
            #expect(watched.contains(#""lun":"vhost/naa.5001405c0ffee001/tpgt_1/lun/lun_0""#), "\(watched)")
            // What the shells' completions ask for, as those of bash do.
            for (command, found) in [("target delete", "\(name)1"), ("backstore show", "\(name)1:1:0")] {
                let line = "ringside ---completion \(command) -- positional@0 3 0 ringside \(command) n"
                #expect(try await host.expectSuccess(line) == "\(found)\n")
            }
            try await host.expectSuccess("ringside target delete \(name)1 --recursive")
        }
    }

    /// Fails and kills an apply at every so manieth system call; `Scripts/check` does it at every one that changes
    /// something, and at some of all the others.
    @Test(arguments: [("changes", 17), ("all", 211)])
    func theTreeIsTheOneBeforeOrTheOneAskedFor(_ calls: String, _ usual: Int) async throws {
        let script = FilePath(#filePath).removingLastComponent().appending("Guest").appending(
            "target_faults.sh"
        )
        let given = SystemCalls.environmentValue("RINGSIDE_FAULT_STEP").flatMap { Int($0) }
        // A full run through all of them takes more than an hour.
        let step = given.map { calls == "all" ? $0 * 13 : $0 } ?? usual
        try await VirtualHost.bootForTargets(
            modules: ["vhost_scsi", "target_core_file"],
            programs: ["/usr/bin/strace"],
            files: [(script, "/target_faults.sh")],
            deadline: .seconds(given == nil ? 600 : 3600)
        ) { host in
            let counts = try await host.expectSuccess("sh /target_faults.sh \(step) \(calls)")
            print(counts)
            #expect(counts.split(separator: "\n").count == 4 && !counts.contains(": 0 cases"), "\(counts)")
        }
    }
}

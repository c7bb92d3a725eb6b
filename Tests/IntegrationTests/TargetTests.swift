// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import TestVM
import Testing

private let name = "naa.5001405c0ffee001"

/// `ringside target` and `ringside backstore` against the real configfs.
@Suite(.needsTestVM, .serialized) struct TargetTests {
    /// The unit tests' fake is held against the same file: where this fails, the fake is wrong too.
    @Test func theKernelAnswersAsTheFakeDoes() async throws {
        let file = FilePath(#filePath).removingLastComponent().removingLastComponent()
            .appending("TargetConfigTests").appending("kernel-answers.txt")
        let answers = try await Host.shell("cat '\(file)'").output
        let program = Host.ringside.removingLastComponent().appending("ConfigReplay")
        try await VirtualHost.bootForTargets(files: [
            (file, "/kernel-answers.txt"), (program, "/usr/bin/ConfigReplay"),
        ]) { host in
            let replay = try await host.run("ConfigReplay /kernel-answers.txt")
            let lines = zip(replay.output.split(separator: "\n"), answers.split(separator: "\n"))
            for (seen, expected) in lines { #expect(seen == expected) }
            #expect(replay.output == answers)
        }
    }

    @Test(arguments: [
        "backstore create", "backstore delete", "backstore list", "backstore show", "target apply",
        "target clear",
        "target create", "target delete", "target diff", "target export", "target list", "target name",
        "target recover", "target show", "target watch",
    ])
    func everyCommandHasExamples(_ command: String) async throws {
        let help = try await Host.shell("'\(Host.ringside)' \(command) --help").output
        #expect(help.contains("Examples:\n  ringside \(command)"))
    }

    @Test func makesShowsAndRemovesATarget() async throws {
        try await VirtualHost.bootForTargets { host in
            let empty = try await host.tree()
            let luns = "--lun 0=ramdisk:8M --lun 300=file:/tmp/disk.img,size=8M"
            let made = try await host.run("ringside target create \(name) --tpgt 1 \(luns)")
            let drawing = """
                vhost/\(name)
                └─ tpgt_1
                   ├─ nexus naa.500140506621473c
                   ├─ lun_0 -> core/rd_mcp_0/\(name):1:0 (ramdisk 8M)
                   └─ lun_300 -> core/fileio_0/\(name):1:300 (file 8M /tmp/disk.img)

                """
            #expect(made == Outcome(status: 0, output: drawing, error: ""))
            #expect(try await host.run("ringside target show").output == drawing)
            #expect(try await host.run("stat -c '%a %s' /tmp/disk.img").output == "600 8388608\n")
            let again = try await host.run("ringside target create \(name) --tpgt 1 --lun 0=ramdisk:1M")
            #expect(again.error.contains("EEXIST: the target is there already"))
            #expect(try await host.run("ringside target show").output == drawing)
            #expect(try await host.run("ringside target delete \(name)").status == 0)
            #expect(try await host.tree() == empty)
            #expect(
                try await host.run("test -f /tmp/disk.img && ringside module unload vhost_scsi").status == 0
            )
        }
    }

    @Test func protocolsAndDevices() async throws {
        try await VirtualHost.bootForTargets(modules: VirtualHost.targetModules + ["ext4"]) { host in
            let empty = try await host.tree()
            for wwpn in ["fc.2100000000000001", "iqn.2003-01.org.x:t1"] {
                let made = try await host.run(
                    "ringside target create \(wwpn) --tpgt 255 --lun 16383=ramdisk:1M"
                )
                #expect(made.status == 0, "\(made.error)")
                let probe = try await host.run("ringside vhost probe id=a,wwpn=\(wwpn),tpgt=255")
                #expect(probe.status == 0, "\(probe.error)")
                #expect(probe.output.contains("RAMDISK-MCP"))
                #expect(try await host.run("ringside target delete \(wwpn)").status == 0)
            }
            try await host.expectSuccess("truncate -s 4M /tmp/l; losetup /dev/loop0 /tmp/l")
            try await host.expectSuccess("ringside target create \(name) --lun 0=block:/dev/loop0")
            let twice = try await host.run("ringside backstore create again block:/dev/loop0")
            #expect(twice.error.contains("EBUSY: the backstore \(name):1:0 uses it already"))
            try await host.expectSuccess("ringside target delete \(name)")
            try await host.expectSuccess(
                "mke2fs /dev/loop0 && mkdir -p /mnt && mount -t ext4 /dev/loop0 /mnt"
            )
            let mounted = try await host.run("ringside backstore create b block:/dev/loop0")
            #expect(mounted.error.contains("EBUSY: it is mounted, or something else has claimed it"))
            #expect(try await host.tree() == empty)
        }
    }

    @Test func aClaimedTargetIsLeftAsItIs() async throws {
        try await VirtualHost.bootForTargets { host in
            try await host.expectSuccess("ringside target create \(name) --lun 0=ramdisk:1M")
            let before = try await host.tree()
            try await host.openEndpoint(name, tpgt: 1)
            let held = try await host.run("ringside target delete \(name)")
            #expect(held.status == 1)
            let cause =
                "delete vhost/\(name)/tpgt_1: EBUSY: it is claimed by an open vhost-scsi endpoint (pid "
            #expect(held.error.contains(cause), "\(held.error)")
            #expect(held.error.contains(", ringside)"))
            #expect(try await host.tree() == before)
            try await host.closeEndpoint()
            try await host.expectSuccess("ringside target delete \(name)")
        }
    }

    /// A group without LUNs cannot be asked beforehand: what was removed before it comes back, nexus and LUNs.
    @Test func aLateRefusalPutsEverythingBack() async throws {
        try await VirtualHost.bootForTargets { host in
            try await host.expectSuccess("ringside target create \(name) --tpgt 2")
            try await host.openEndpoint(name, tpgt: 2)
            try await host.expectSuccess(
                "ringside target create \(name) --tpgt 1 --lun 0=ramdisk:1M --lun 3=ramdisk:1M"
            )
            let before = try await host.tree()
            let refused = try await host.run("ringside target delete \(name)")
            #expect(refused.error.contains("write vhost/\(name)/tpgt_2/nexus: EBUSY: it is claimed by"))
            #expect(refused.error.contains("all 6 steps before it were undone"))
            #expect(try await host.tree() == before)
        }
    }

    @Test func absenceOfConfigfsOrRightsIsExplained() async throws {
        let log = try await VirtualHost.boot(modules: ["vhost_scsi"], programs: ["/usr/bin/setpriv"]) {
            host in
            let none = try await host.run("ringside target list")
            #expect(none.error.contains("ENOENT: configfs is not mounted there\nmount it with: "))
            try await host.expectSuccess("modprobe configfs")
            let core = try await host.run("ringside target create \(name)")
            #expect(core.error.contains("ENOENT: target_core_mod is not loaded"))
            try await host.expectSuccess("modprobe target_core_mod")
            let fabric = try await host.run("ringside target create \(name) --lun 0=ramdisk:1M")
            #expect(
                fabric.error.contains(
                    "mkdir vhost: EINVAL: the kernel has no vhost fabric: vhost_scsi is not"
                )
            )
            try await host.expectSuccess("modprobe vhost_scsi")
            let someone = "/usr/bin/setpriv --reuid 1000 --regid 1000 --clear-groups ringside"
            let rights = try await host.run("\(someone) target create \(name)")
            #expect(rights.error.contains("EACCES: only root may change targets"), "\(rights.error)")
            #expect(try await host.run("\(someone) target list").status == 0)
        }
        #expect(log.trouble.map(\.text) == [])
    }

    @Test func twoOfThemDoNotInterleave() async throws {
        try await VirtualHost.bootForTargets(programs: ["/usr/bin/flock"]) { host in
            try await host.expectSuccess(
                """
                cd /sys/kernel/config
                /usr/bin/flock target sleep 30 & while /usr/bin/flock -n target true; do sleep 0.1; done
                """
            )
            let locked = try await host.run("ringside target create \(name)")
            #expect(
                locked.error.contains(
                    "lock /sys/kernel/config/target: EAGAIN: another process has been changing"
                )
            )
            let asked = try await host.run("ringside target show --endpoint")
            #expect(asked.error.contains("another process has been changing targets for 1 s"), "\(asked)")
            try await host.expectSuccess("kill $(pidof sleep)")
            let wwpns = (0..<6).map { "naa.5001405c0ffee10\($0)" }.joined(separator: " ")
            try await host.expectSuccess(
                """
                set -e
                for w in \(wwpns); do ringside target create $w --lun 0=ramdisk:1M & done; wait
                test $(ringside target list | wc -l) = 7
                for w in \(wwpns); do ringside target delete $w & done; wait
                test "$(ringside target list)" = 'no targets'
                """
            )
            // While LUN 0 becomes LUN 1 the groups are empty for a while.
            try await host.expectSuccess(
                """
                set -e
                for lun in 0 1; do
                    { echo 'backstores: {d: ramdisk:64K}'; echo targets:
                    for i in $(seq 100 119); do echo "  naa.5001405c0ffee$i: {1: {luns: {$lun: name:d}}}"; done; } >/tmp/$lun
                done
                ringside target apply /tmp/0
                while ! [ -e /tmp/stop ]; do ringside target show --endpoint >/dev/null 2>&1 || true; done &
                for lun in 1 0 1; do ringside target apply /tmp/$lun --prune; done
                touch /tmp/stop
                wait
                ringside target diff /tmp/1 --prune
                ringside target show --endpoint | grep -c 'no endpoint set' | grep 20
                ringside target clear
                """
            )
        }
    }
}

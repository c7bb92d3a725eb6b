// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import TestVM
import Testing

private let name = "naa.5001405c0ffee001"
private let backstoreModules = ["vhost_scsi", "target_core_file", "target_core_iblock", "loop"]

/// `ringside target` and `ringside backstore` against the real configfs.
@Suite(.needsTestVM, .serialized) struct TargetTests {
    /// The unit tests' fake is held against the same file: where this fails, the fake is wrong too.
    @Test func theKernelAnswersAsTheFakeDoes() async throws {
        let file = FilePath(#filePath).removingLastComponent().removingLastComponent()
            .appending("TargetConfigTests").appending("kernel-answers.txt")
        let answers = try await Host.shell("cat '\(file)'").output
        let program = Host.ringside.removingLastComponent().appending("ConfigReplay")
        try await boot(files: [(file, "/kernel-answers.txt"), (program, "/usr/bin/ConfigReplay")]) { host in
            let replay = try await host.run("ConfigReplay /kernel-answers.txt")
            let lines = zip(replay.output.split(separator: "\n"), answers.split(separator: "\n"))
            for (seen, expected) in lines { #expect(seen == expected) }
            #expect(replay.output == answers)
        }
    }

    @Test(arguments: [
        "backstore create", "backstore delete", "backstore list", "target create", "target delete",
        "target list", "target show",
    ])
    func everyCommandHasExamples(_ command: String) async throws {
        let help = try await Host.shell("'\(Host.ringside)' \(command) --help").output
        #expect(help.contains("Examples:\n  ringside \(command)"))
    }

    @Test func makesShowsAndRemovesATarget() async throws {
        try await boot { host in
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
        try await boot(modules: backstoreModules + ["ext4"]) { host in
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
        try await boot { host in
            try await host.expectSuccess("ringside target create \(name) --lun 0=ramdisk:1M")
            let before = try await host.tree()
            try await host.expectSuccess(
                "ringside vhost open id=a,wwpn=\(name),tpgt=1 >/tmp/open 2>&1 & sleep 2"
            )
            let held = try await host.run("ringside target delete \(name)")
            #expect(held.status == 1)
            let cause =
                "delete vhost/\(name)/tpgt_1: EBUSY: it is claimed by an open vhost-scsi endpoint (pid "
            #expect(held.error.contains(cause), "\(held.error)")
            #expect(held.error.contains(", ringside)"))
            #expect(try await host.tree() == before)
            try await host.expectSuccess("kill $(pidof ringside); sleep 1; ringside target delete \(name)")
        }
    }

    /// A group without LUNs cannot be asked beforehand: what was removed before it comes back, nexus and LUNs.
    @Test func aLateRefusalPutsEverythingBack() async throws {
        try await boot { host in
            try await host.expectSuccess("ringside target create \(name) --tpgt 2")
            try await host.expectSuccess(
                "ringside vhost open id=a,wwpn=\(name),tpgt=2 >/tmp/open 2>&1 & sleep 2"
            )
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

    /// Each is one clear error, and none changes anything.
    @Test func misuseChangesNothing() async throws {
        try await boot(modules: ["vhost_scsi", "loop"]) { host in
            try await host.expectSuccess("ringside target create \(name) --tpgt 1 --lun 0=ramdisk:1M")
            let before = try await host.tree()
            for (arguments, status, message) in misuse {
                let outcome = try await host.run("ringside \(arguments)")
                #expect(outcome.status == status, "\(arguments): \(outcome.error)")
                #expect(outcome.error.contains(message), "\(arguments): \(outcome.error)")
                #expect(outcome.output == "", "\(arguments)")
                #expect(try await host.tree() == before, "\(arguments)")
            }
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
        try await boot(programs: ["/usr/bin/flock"]) { host in
            try await host.expectSuccess("/usr/bin/flock /sys/kernel/config/target sleep 30 & sleep 1")
            let locked = try await host.run("ringside target create \(name)")
            #expect(
                locked.error.contains(
                    "lock /sys/kernel/config/target: EAGAIN: another process has been changing"
                )
            )
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
        }
    }
}

/// Arguments, exit status, and what the error says, with one target that has LUN 0.
private let misuse: [(String, Int32, String)] = [
    ("target create foo", 2, "begins with none of naa., fc. and iqn."),
    ("target create naa.zzzz", 2, "'z' is not a hexadecimal digit"),
    ("target create x.naa.5001405c0ffee001", 2, "begins with none of naa., fc. and iqn."),
    ("target create 'naa.5001405 c0ffee01'", 2, "' ' is not a hexadecimal digit"),
    ("target create \(name) --tpgt 256", 2, "is above 255"),
    ("target create \(name) --tpgt 65536", 2, "does not fit the 16 bits of the vhost ABI"),
    ("target create \(name) --tpgt 2 --lun 0=ramdisk:1M --lun 0=ramdisk:1M", 2, "LUN 0 is given twice"),
    ("target create \(name) --tpgt 2 --lun 16384=ramdisk:1M", 2, "is above 16383"),
    ("target create \(name) --tpgt 2 --lun 0=ramdisk:1000", 2, "1000 is not a multiple of 4096"),
    ("target create \(name) --tpgt 2 --lun 0=file:/a,b,size=1M", 2, "'b' is no option of file"),
    ("target create \(name) --tpgt 2 --nexus fc.2100000000000001", 2, "is of another protocol"),
    ("target create \(name) --tpgt 1 --lun 0=ramdisk:1M", 1, "EEXIST: the target is there already"),
    ("target create \(name) --tpgt 2 --lun 0=ramdisk:100G", 1, "ENOMEM: only "),
    ("target create \(name) --tpgt 2 --lun 0=name:none", 1, "there is no such backstore"),
    ("target create \(name) --tpgt 2 --lun 0=file:/tmp/none", 1, "ENOENT: the file does not exist"),
    (
        "target create \(name) --tpgt 2 --lun 0=file:/tmp/n,size=1M --lun 1=file:/tmp/./n,size=1M", 1,
        "EBUSY: it is given twice, first for \(name):2:0"
    ),
    ("target create \(name) --tpgt 2 --lun 0=block:/dev/null", 1, "ENOTBLK: it is no block device"),
    (
        "target create \(name) --tpgt 2 --lun 0=ramdisk:1M --lun 1=file:/tmp/new,size=1M", 1,
        "mkdir core/fileio_0: EINVAL: the kernel has no such backstore plugin: target_core_file is not loaded\n"
            + "all 6 steps before it were undone\nload it with: ringside module load target_core_file"
    ),
    (
        "target create \(name) --tpgt 2 --lun 0=ramdisk:1M --lun 1=file:/proc/new,size=1M", 1,
        "create /proc/new: ENOENT: No such file or directory\nall 5 steps before it were undone"
    ),
    ("target delete naa.5001405c0ffee009", 1, "ENOENT: there is no such target"),
    ("target delete \(name) --tpgt 9", 1, "ENOENT: the target has no such portal group"),
    ("target show naa.5001405c0ffee009", 1, "the targets are \(name)"),
    ("target list --configfs /tmp", 1, "open /tmp: ENOENT: configfs is not mounted there"),
    ("backstore create a:b ramdisk:1M", 2, "is not 1 to 200 letters"),
    ("backstore create a disk:1M", 2, "'disk' is no kind of backstore"),
    ("backstore delete none", 1, "ENOENT: there is no such backstore"),
    ("backstore delete \(name):1:0", 1, "EBUSY: it is exported by vhost/\(name)/tpgt_1/lun/lun_0"),
]

/// A machine with configfs and the modules loaded, whose kernel has nothing to report afterwards.
private func boot(
    modules: [String] = backstoreModules,
    programs: [String] = [],
    files: [(host: FilePath, guest: FilePath)] = [],
    _ body: @Sendable @escaping (VirtualHost) async throws -> Void
) async throws {
    let log = try await VirtualHost.boot(modules: modules, programs: programs, files: files) { host in
        for module in modules { try await host.expectSuccess("ringside module load \(module)") }
        try await body(host)
    }
    #expect(log.trouble.map(\.text) == [])
}

extension VirtualHost {
    fileprivate func expectSuccess(_ line: String) async throws {
        let outcome = try await run(line)
        #expect(outcome.status == 0, "\(line): \(outcome.output)\(outcome.error)")
    }

    /// Every path of the target's configfs with each link's end and each nexus, and the files made for backstores.
    fileprivate func tree() async throws -> String {
        try await run(
            """
            cd /sys/kernel/config/target && find . | sort
            for f in $(find . -type l -o -name nexus | sort); do echo $f $(readlink $f || cat $f 2>/dev/null); done
            ls /tmp | grep -v '^open$\\|^l$\\|^disk'
            """
        ).output
    }
}

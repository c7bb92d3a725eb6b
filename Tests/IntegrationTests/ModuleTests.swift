// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import TestVM
import Testing

/// `ringside module` against a real kernel.
@Suite(.needsModuleFixtures, .serialized) struct ModuleTests {
    @Test func loadsWithDependenciesAndUnloadsThemAgain() async throws {
        try await boot(modules: ["vhost_scsi"]) { host in
            let before = try await host.run("cut -d' ' -f1 /proc/modules | sort")
            let load = try await host.module("load tcm_vhost")
            #expect(load.status == 0)
            for name in ["configfs", "vhost", "crct10dif_generic", "target_core_mod", "vhost_scsi"] {
                #expect(load.output.contains("\n\(name) "), "\(load.output)")
            }
            #expect(try await host.module("load vhost-scsi").output == "vhost_scsi is loaded already\n")
            #expect(
                try await host.module("load --first-time vhost_scsi").error.contains(
                    "EEXIST: it is loaded already"
                )
            )
            let held = try await host.module("unload vhost")
            #expect(held.status == 1)
            #expect(held.error.hasPrefix("ringside: unload vhost: EAGAIN: it is used by vhost_scsi\n"))
            let list = try await host.module("list --json vhost")
            #expect(
                list.output.contains("\"holders\" : [\n        \"vhost_scsi\"\n      ]"),
                "\(list.output)"
            )
            let unload = try await host.module("unload --recursive vhost_scsi")
            #expect(unload.output.hasPrefix("unloaded vhost_scsi, target_core_mod, "))
            // Mounted, as on every host, configfs is in use and stays.
            #expect(try await host.module("list configfs").status == 0)
            _ = try await host.run("umount /sys/kernel/config; ringside module unload configfs")
            let after = try await host.run("cut -d' ' -f1 /proc/modules | sort")
            #expect(after == before)
        }
    }

    @Test func namesThatAreNoModulesAreExplained() async throws {
        try await boot(modules: ["vhost_scsi"]) { host in
            let unknown = try await host.module("load vhost_scsy")
            #expect(unknown.status == 1)
            #expect(unknown.error.contains("ENOENT: no module or alias of that name"))
            #expect(unknown.error.contains("did you mean vhost_scsi?"))
            #expect(
                try await host.module("load serio")
                    == Outcome(status: 0, output: "serio is built into the kernel\n", error: "")
            )
            #expect(try await host.module("unload serio").error.contains("built into the kernel"))
            #expect(try await host.module("unload vhost_scsi").error.contains("ENOENT: it is not loaded"))
            #expect(try await host.module("load n=5").status == 2)
            #expect(try await host.module("load").status == 2)
        }
    }

    @Test func parametersReachTheModuleOrAreRefused() async throws {
        try await boot { host in
            #expect(try await host.module("load /modules/t_hello.ko n=5 text='two words' flag=1").status == 0)
            let values = try await host.run("cd /sys/module/t_hello/parameters; cat n flag text")
            #expect(values.output == "5\nY\ntwo words\n")
            #expect(try await host.module("unload t_hello").output.hasPrefix("unloaded t_hello\n"))
            let bad = try await host.module("load /modules/t_hello.ko n=abc")
            #expect(bad.status == 1)
            #expect(bad.error.contains("load t_hello: EINVAL: 'abc' is invalid for parameter n"))
            let unknown = try await host.module("load /modules/t_hello.ko bogus=1")
            #expect(unknown.error.contains("it has no parameter bogus"))
            #expect(try await host.module("list t_hello").status == 1)
            #expect(
                try await host.module("load --allow-unknown-parameters /modules/t_hello.ko bogus=1").status
                    == 0
            )
        }
    }

    @Test func aFailedLoadLeavesNothing() async throws {
        try await boot { host in
            let before = try await host.run("cut -d' ' -f1 /proc/modules")
            let late = try await host.module("load /modules/t_cons.ko err=5")
            #expect(late.status == 1)
            #expect(
                late.error.contains("load t_cons: EIO: its init function returned EIO (Input/output error)")
            )
            #expect(late.error.contains("unloaded again: t_hello, t_prov"))
            let exists = try await host.module("load /modules/t_fail.ko err=17")
            #expect(exists.status == 1)
            #expect(exists.error.contains("its init function returned EEXIST, and it is not loaded"))
            #expect(
                try await host.module("load /modules/t_fail.ko err=2").error.contains(
                    "its init function returned ENOENT"
                )
            )
            #expect(try await host.run("cut -d' ' -f1 /proc/modules") == before)
        }
    }

    @Test func whatTheKernelRefusesIsExplained() async throws {
        try await boot(modules: ["vhost"]) { host in
            let symbol = try await host.module("load /modules/t_bare.ko")
            #expect(
                symbol.error.contains(
                    "ENOENT: unknown symbol vhost_has_work (provided by vhost)\nload first: vhost"
                )
            )
            let magic = try await host.module("load /modules/t_magic.ko")
            #expect(magic.error.contains("ENOEXEC: it was built for '"))
            #expect(magic.error.contains(" XMP preempt mod_unload modversions', the running kernel is '"))
            #expect(
                try await host.module("load /modules/t_short.ko").error.contains(
                    "EINVAL: not a kernel module"
                )
            )
            #expect(try await host.module("load /modules/absent.ko").error.contains("ENOENT"))
            _ = try await host.run("mkdir /lonely; cp /modules/t_cons.ko /lonely")
            let missing = try await host.module("load /lonely/t_cons.ko")
            #expect(
                missing.error.contains(
                    "it depends on t_prov, which is neither beside it nor in /lib/modules/"
                )
            )
            _ = try await host.run("echo 1 >/proc/sys/kernel/modules_disabled")
            #expect(
                try await host.module("load /modules/t_hello.ko").error.contains(
                    "EPERM: loading and unloading is switched off"
                )
            )
        }
    }

    @Test func signaturesAreAskedForWhereTheKernelInsists() async throws {
        try await boot(append: ["module.sig_enforce=1"]) { host in
            let unsigned = try await host.module("load /modules/t_hello.ko")
            #expect(unsigned.status == 1)
            #expect(unsigned.error.contains("EKEYREJECTED: its signature is missing, broken, or of a key"))
        }
    }

    @Test func lockdownAndTheCommandLineAreNamed() async throws {
        try await boot(modules: ["vhost"], append: ["lockdown=integrity", "module_blacklist=vhost"]) { host in
            let unsigned = try await host.module("load /modules/t_hello.ko")
            #expect(unsigned.error.contains("EPERM: the kernel is locked down and takes signed modules only"))
            let forbidden = try await host.module("load vhost")
            #expect(forbidden.error.contains("load vhost: EPERM: the kernel command line forbids it"))
            #expect(forbidden.error.contains("unloaded again: vhost_iotlb\n"))
        }
    }

    @Test func modulesInUseStayUntilTheirUsersAreGone() async throws {
        try await boot { host in
            #expect(
                try await host.module(
                    "load /modules/t_cons.ko /modules/t_hold.ko.xz /modules/t_noexit.ko.zst"
                ).status == 0
            )
            #expect(try await host.module("unload t_prov").error.contains("it is used by t_cons\n"))
            #expect(try await host.module("unload --dependents t_prov").output == "unloaded t_cons, t_prov\n")
            #expect(try await host.module("unload t_noexit").error.contains("EBUSY: it has no exit function"))
            _ = try await host.run("sleep 2 </proc/t_hold >/dev/null 2>&1 &")
            #expect(
                try await host.module("unload t_hold").error.contains("EAGAIN: it is in use: use count 1")
            )
            #expect(try await host.module("unload --wait 20 t_hold").output == "unloaded t_hold\n")
        }
    }

    @Test func withoutRootItSaysSo() async throws {
        try await boot(modules: ["vhost"], programs: ["/usr/bin/setpriv"]) { host in
            let anyone = "setpriv --reuid 65534 --clear-groups -- ringside module"
            let load = try await host.run("\(anyone) load vhost")
            #expect(load.status == 1)
            #expect(load.error.contains("EPERM: it needs root (CAP_SYS_MODULE)\nrun it with sudo"))
            #expect(try await host.module("load vhost").status == 0)
            #expect(try await host.run("\(anyone) unload vhost").error.contains("EPERM: it needs root"))
            #expect(try await host.run("\(anyone) list vhost").status == 0)
            #expect(try await host.run("\(anyone) info --field license vhost").output == "GPL v2\n")
        }
    }

    @Test func aRenamedFileKeepsItsModulesName() async throws {
        try await boot { host in
            let load = try await host.module("load /modules/t_renamed.ko")
            #expect(load.output.contains("\nt_hello "))
            #expect(
                try await host.module("load /modules/t_renamed.ko").output == "t_hello is loaded already\n"
            )
            #expect(try await host.module("unload /modules/t_renamed.ko").output == "unloaded t_hello\n")
        }
    }

    @Test func modprobeConfigurationIsHonoured() async throws {
        try await boot(modules: ["vhost_scsi"]) { host in
            _ = try await host.run(
                """
                mkdir -p /etc/modprobe.d
                printf '# none\\nblacklist vhost-scsi\\noptions t_hello n=7\\ninstall t_prov /bin/true\\n' >/etc/modprobe.d/x.conf
                """
            )
            let refused = try await host.module("load vhost_scsi")
            #expect(refused.status == 1)
            #expect(refused.error.contains("it is blacklisted in /etc/modprobe.d/x.conf:2\n"))
            #expect(try await host.module("load --ignore-blacklist vhost_scsi").status == 0)
            #expect(try await host.module("load /modules/t_hello.ko flag=1").status == 0)
            #expect(try await host.run("cat /sys/module/t_hello/parameters/n").output == "7\n")
            let command = try await host.module("load /modules/t_prov.ko")
            #expect(command.error.contains("modprobe.d has a command in its place, which ended with 0"))
            for (line, status) in [("/bin/true", 0), ("false", 1), ("kill -9 $$", 137)] {
                _ = try await host.run("echo 'remove vhost_scsi \(line)' >/etc/modprobe.d/x.conf")
                let kept = try await host.module("unload vhost_scsi")
                #expect(kept.status == 1)
                #expect(kept.error.contains("which ended with \(status) and did not unload it: \(line)"))
            }
        }
    }

    private func boot(
        modules: [String] = [],
        programs: [String] = [],
        append: [String] = [],
        _ body: @Sendable @escaping (VirtualHost) async throws -> Void
    ) async throws {
        let files = try await ModuleFixtures.files()
        let log = try await VirtualHost.boot(
            modules: modules,
            programs: programs,
            files: files,
            append: append,
            body
        )
        #expect(log.trouble.isEmpty)
    }
}

extension VirtualHost {
    /// Runs `ringside module` with a line of arguments.
    func module(_ arguments: String) async throws -> Outcome { try await run("ringside module \(arguments)") }
}

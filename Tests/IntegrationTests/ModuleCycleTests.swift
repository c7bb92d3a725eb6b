// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import TestVM
import Testing

/// `ringside module cycle|deps|params` against a real kernel.
@Suite(.needsModuleFixtures, .serialized) struct ModuleCycleTests {
    @Test func aSoundModulePassesAllRounds() async throws {
        let log = try await boot(modules: ["vhost_scsi"]) { host in
            let before = try await host.run(
                "cut -d' ' -f1 /proc/modules | sort; cat /sys/kernel/rcu_expedited"
            )
            let cycle = try await host.module("cycle vhost_scsi -n 200 max_io_vqs=16")
            #expect(cycle.status == 0, "\(cycle.error)")
            #expect(cycle.output.hasPrefix("vhost_scsi: 200 rounds without fault, "))
            #expect(cycle.output.contains("\nmemory: no growth"))
            let line = "ringside module cycle vhost_scsi -n 1000000 --meanwhile 'cat /proc/uptime'"
            let ended = try await host.run("\(line) & sleep 3; kill -TERM $!; wait $!; echo $?")
            #expect(ended.output.contains(" of 1000000 rounds without fault, "), "\(ended)")
            #expect(ended.output.hasSuffix("\n143\n"), "\(ended)")
            let users = "pgrep -af [/]proc/uptime"
            #expect(try await host.run("\(users); cat /sys/kernel/rcu_expedited").output == "0\n")
            let tree = "cycle /modules/t_hello.ko -n 1000000 --meanwhile 'cat /proc/uptime'"
            _ = try await host.run("ringside module \(tree) & sleep 2; kill -KILL $!")
            #expect(try await host.run("sleep 1; \(users)").output == "")
            _ = try await host.run("echo 0 >/sys/kernel/rcu_expedited; rmmod t_hello")
            let plan = try await host.module("cycle --dry-run vhost_scsi -n 7")
            #expect(plan.output.hasPrefix("would load "))
            #expect(plan.output.contains("would load and unload vhost_scsi ("))
            let json = try await host.module("cycle --json /modules/t_hello.ko -n 500 n=3")
            #expect(json.output.contains("\"goodRounds\" : 500"), "\(json.output)\(json.error)")
            let one = try await host.module("cycle /modules/t_hello.ko -n 1")
            #expect(one.output.contains("\nmemory was not compared: one round has "), "\(one)")
            let single = try await host.module("cycle --json /modules/t_hello.ko -n 1")
            #expect(single.output.contains("\"memoryUnwatched\" : \"one round"), "\(single)")
            let unknown = try await host.module("cycle vhost_scsi no_such=1")
            #expect(unknown.error.contains("it has no parameter no_such"))
            let builtin = try await host.module("cycle serio")
            #expect(builtin.error.contains("built into the kernel"))
            #expect(try await host.module("cycle vhost_scsi -n 0").status == 2)
            _ = try await host.run("umount /sys/kernel/config; ringside module unload configfs")
            let after = try await host.run(
                "cut -d' ' -f1 /proc/modules | sort; cat /sys/kernel/rcu_expedited"
            )
            #expect(before == after)
            #expect(try await host.module("load /modules/t_hello.ko").status == 0)
            let loaded = try await host.module("cycle /modules/t_hello.ko")
            #expect(loaded.error.contains("cycle t_hello: it is loaded already\nunload it first: "))
        }
        #expect(log.trouble.isEmpty)
    }

    @Test(
        arguments: [
            ("leak", 5, "round 5 of 40, at its unload: memory was not given back: ", "kmalloc-4k ("),
            (
                "vmalloc", 4, "round 4 of 40, at its unload: memory was not given back: ",
                "1 × vmalloc (1028 KiB)"
            ),
            (
                "leak-small", 7, "rounds 2 to 20 of 40, at its unload: memory was not given back: ",
                "kmalloc-192 ("
            ),
            ("fail", 3, "round 3 of 40, at its load: its init function returned EIO", ""),
            ("warn", 6, "round 6 of 40, at its load: the kernel warned: WARNING: CPU: 0 PID: ", "t_fault"),
            (
                "warn-exit", 2, "round 2 of 40, at its unload: the kernel warned: WARNING: CPU: 0 PID: ",
                "t_fault"
            ),
        ] as [(String, Int, String, String)]
    )
    func aBadRoundIsCaught(fault: String, round: Int, message: String, name: String) async throws {
        try await boot { host in
            let cycle = try await host.module("cycle /modules/t_fault.ko -n 40 fault=\(fault) at=\(round)")
            #expect(cycle.status == 1)
            let line = try #require(cycle.error.split(separator: "\n").first)
            #expect(line.contains("cycle t_fault: \(message)"), "\(cycle.output)\(cycle.error)")
            #expect(line.contains(name), "\(line)")
        }
    }

    @Test func aKilledLoadIsReportedAtItsRound() async throws {
        try await boot { host in
            let cycle = try await host.module("cycle /modules/t_fault.ko -n 20 fault=oops at=9")
            #expect(cycle.status == 1)
            let words =
                "round 9 of 20, at its load: the kernel had an oops: BUG: kernel NULL pointer dereference"
            #expect(cycle.error.contains(words), "\(cycle.output)\(cycle.error)")
            #expect(cycle.error.contains("\nt_fault is left loading\n"))
        }
        try await boot { host in
            let cycle = try await host.module("cycle --json /modules/t_fault.ko -n 20 fault=divide-exit at=2")
            #expect(cycle.status == 1)
            #expect(cycle.output.contains("\"kind\" : \"killed\""), "\(cycle.output)\(cycle.error)")
            #expect(cycle.output.contains("\"cause\" : \"the kernel had an oops: divide error: 0000 [#"))
            #expect(cycle.output.contains("\"moduleState\" : \"unloading\""))
        }
    }

    @Test func aSmallLeakIsCaughtAtItsRoundWhereEachIsMeasured() async throws {
        try await boot { host in
            let line = "cycle --measure-every 1 /modules/t_fault.ko -n 20 fault=leak-small at=3"
            let cycle = try await host.module(line)
            #expect(cycle.error.contains("rounds 3 to 4 of 20, at its unload: memory"), "\(cycle.error)")
        }
    }

    @Test func aHangIsReported() async throws {
        try await boot { host in
            let line = "ringside module cycle --timeout 2 /modules/t_fault.ko fault=hang at=2"
            let wait = "until grep -q 'left loading' /tmp/cycle; do sleep 0.2; done"
            let cycle = try await host.run("\(line) >/tmp/cycle 2>&1 & \(wait); cat /tmp/cycle")
            #expect(cycle.output.contains("round 2 of 100, at its load: the load did not end within 2 s"))
            #expect(cycle.output.contains("t_fault is left loading"))
        }
    }

    @Test func usersMayComeAndGoMeanwhile() async throws {
        try await boot { host in
            let cycle = try await host.module(
                "cycle /modules/t_hold.ko.xz -n 30 --meanwhile 'cat /proc/t_hold; echo >>/tmp/count'"
            )
            #expect(cycle.status == 0, "\(cycle.error)")
            #expect(try await host.run("test $(wc -l </tmp/count) -gt 5; echo $?").output == "0\n")
            #expect(try await host.run("sleep 0.2; pgrep -af [/]proc/t_hold").output == "")
        }
    }

    @Test func needsAndParametersAreShownAndChanged() async throws {
        let log = try await boot(modules: ["vhost_scsi"]) { host in
            let needs = try await host.module("deps vhost_scsi")
            #expect(needs.output.hasPrefix("MODULE "))
            #expect(needs.output.contains("requested   /lib/modules/"), "\(needs.output)")
            #expect(try await host.module("deps --reverse vhost_iotlb").output == "vhost\nvhost_scsi\n")
            #expect(try await host.module("deps no_such").status == 1)
            #expect(try await host.module("load /modules/t_rounds.ko rounds=3").status == 0)
            let shown = """
                PARAMETER  TYPE  MODE  VALUE
                rounds     int   rw        3

                """
            #expect(try await host.module("params /modules/t_rounds.ko").output == shown)
            #expect(try await host.module("params t_rounds rounds=0x10").status == 0)
            #expect(try await host.run("cat /sys/module/t_rounds/parameters/rounds").output == "16\n")
            let bad = try await host.module("params /modules/t_rounds.ko rounds=5 rounds=many")
            #expect(bad.status == 1)
            #expect(bad.error.contains("rounds: EINVAL: 'many' is not a whole number"), "\(bad.error)")
            #expect(try await host.run("cat /sys/module/t_rounds/parameters/rounds").output == "16\n")
            #expect(try await host.module("params t_rounds none=1").error.contains("it has: rounds"))
            #expect(try await host.module("params t_hold").error.contains("t_hold is not loaded"))
            #expect(try await host.module("params t_rounds rounds").status == 2)
        }
        #expect(log.trouble.isEmpty)
    }

    @discardableResult
    private func boot(
        modules: [String] = [],
        _ body: @Sendable @escaping (VirtualHost) async throws -> Void
    ) async throws -> KernelLog {
        try await VirtualHost.boot(modules: modules, files: ModuleFixtures.files(), body)
    }
}

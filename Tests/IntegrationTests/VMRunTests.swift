// SPDX-License-Identifier: MIT
import Glibc
import LinuxSystem
import Subprocess
import SystemPackage
import TestVM
import Testing

@Suite(.needsTestVM, .serialized) struct VMRunTests {
    @Test func aCommandsOutputAndStatusAreItsOwn() async throws {
        let outcome = try await Host.run("vm", "run", "--", "sh", "-c", "uname -r; echo problem >&2; exit 7")
        #expect(outcome.status == 7)
        #expect(outcome.output == "\(try KernelImage.find().release)\n")
        #expect(outcome.error == "problem\n")
    }

    @Test func jsonHoldsBothStreamsAndTheMachine() async throws {
        let outcome = try await Host.run(
            "vm",
            "run",
            "--json",
            "--cpus",
            "2",
            "--",
            "sh",
            "-c",
            "nproc; echo e >&2"
        )
        #expect(outcome.status == 0)
        #expect(outcome.output.contains(#""stdout" : "2\n""#))
        #expect(outcome.output.contains(#""stderr" : "e\n""#))
        #expect(outcome.output.contains("\"trouble\" : [\n\n  ]"))
    }

    @Test func kvmThatDoesNotBootFallsBackOnce() async throws {
        let cache = try FilePath.makeTemporaryDirectory(prefix: "cache")
        let identifier = try FilePath("/proc/sys/kernel/random/boot_id").readText().filter(\.isHexDigit)
        try cache.appending("ringside").makeDirectory()
        try cache.appending("ringside/acceleration-\(identifier)").write("kvm 100000".utf8)
        let outcome = try await Host.run(
            ["vm", "run", "--env", "A=b c", "--", "sh", "-c", "echo $A"],
            environment: ["XDG_CACHE_HOME": cache.string, "TMPDIR": cache.string]
        )
        let others = try await Host.shell(
            """
            export XDG_CACHE_HOME=\(cache) TMPDIR=\(cache)
            \(Host.ringside) vm crash --keep \(cache)/dump >/dev/null && ls \(cache)/dump
            \(Host.ringside) quickstart --json | grep -c KVM.failed
            """
        )
        try cache.removeTree()
        if Acceleration.probe().name == "tcg" {
            #expect(others.output == "console.log\nguest.ram\nkernel.log\nvmcore\n1\n", "\(others.error)")
            let words = "KVM does not work here, trying TCG: "
            #expect(others.error.ranges(of: words).count == 2, "\(others.error)")
        }
        #expect(outcome.status == 0)
        #expect(outcome.output == "b c\n")
        // On real hardware KVM boots and nothing is said.
        if Acceleration.probe().name == "tcg" {
            #expect(outcome.error.hasPrefix("ringside: KVM does not work here, trying TCG: "))
        }
    }

    @Test func killingTheProgramLeavesNothing() async throws {
        let outcome = try await Host.shell(
            """
            export TMPDIR=$(mktemp -d)
            timeout -s KILL 3 \(Host.ringside) vm run --append ringside.mark=killed -- sleep 100
            sleep 1
            pgrep -af '[q]emu.*mark=killed'
            ls "$TMPDIR"
            rmdir "$TMPDIR"
            """
        )
        #expect(outcome.output.isEmpty, "\(outcome.output)")
        #expect(outcome.status == 0)
    }

    @Test func inputAndSignalsReachTheCommand() async throws {
        try await VirtualHost.boot { host in
            let text = String(repeating: "a line of input\n", count: 20_000)
            #expect(
                try await host.run("md5sum", input: text)
                    == host.run("yes 'a line of input' | head -20000 | md5sum")
            )
            async let sleeper = host.run("trap 'exit 9' TERM; echo >/tmp/ready; while :; do sleep 0.1; done")
            try await host.expectSuccess("until [ -e /tmp/ready ]; do sleep 0.1; done")
            try await host.guest.signalAll(SIGTERM)
            #expect(try await sleeper.status == 9)
        }
    }

    @Test func aPausedReaderMakesTheCommandWait() async throws {
        let outcome = try await Host.shell(
            """
            \(Host.ringside) vm run --append ringside.mark=paused -- head -c 300000000 /dev/zero | (sleep 9; wc -c) & sleep 8
            awk '/VmHWM/ { print $2 }' /proc/$(pgrep -of '^[^ ]*ringside vm run.*mark=paused')/status; wait
            """
        )
        let lines = outcome.output.split(separator: "\n")
        #expect(lines.last == "300000000", "\(outcome)")
        let kilobytes = try #require(lines.first.flatMap { Int($0) })
        #expect(kilobytes < 200_000)
    }

    @Test func aMachineThatHangsIsKilledAtItsDeadline() async throws {
        let start = ContinuousClock.now
        let outcome = try await Host.run("vm", "run", "--timeout", "20", "--", "sleep", "100")
        #expect(start.duration(to: .now) < .seconds(60))
        #expect(outcome.status == 1)
        #expect(outcome.error.hasPrefix("ringside: run VM with kernel "))
        #expect(outcome.error.contains("ETIMEDOUT: killed after 20 s; it was running"))
        try expectKeptLogs(outcome)
    }

    /// Whether it starts over, which ends the emulator, or stays for somebody to look at.
    @Test(arguments: ["panic=-1", "panic=0"])
    func aKernelThatPanicsIsAnErrorWithItsLastWords(then: String) async throws {
        let outcome = try await Host.run(
            "vm",
            "run",
            "--append",
            then,
            "--",
            "sh",
            "-c",
            "echo before; sleep 1; echo c >/proc/sysrq-trigger"
        )
        #expect(outcome.status == 1)
        #expect(outcome.output == "before\n")
        #expect(outcome.error.contains("the kernel panicked: "))
        #expect(outcome.error.contains("sysrq triggered crash"))
        try expectKeptLogs(outcome)
    }

    @Test func troubleInTheKernelLogIsAFailure() async throws {
        let outcome = try await Host.run("vm", "run", "--", "sh", "-c", "echo 'BUG: invented' >/dev/kmsg")
        #expect(outcome.status == 1)
        #expect(outcome.error.hasPrefix("the kernel reported:\n  BUG: invented\nthe guest's logs are in /"))
        try expectKeptLogs(outcome)
        let allowed = try await Host.run(
            "vm",
            "run",
            "--allow-warn",
            "--",
            "sh",
            "-c",
            "echo 'BUG: invented' >/dev/kmsg; echo 640 >/proc/sys/kernel/tainted"
        )
        #expect(allowed.status == 0)
        let words = "  BUG: invented\n  taint W: the kernel warned\n"
        #expect(allowed.error == "the kernel reported (it is tainted: DW):\n\(words)")
    }

    @Test func aTerminalIsPassedThrough() async throws {
        let outcome = try await Host.shell(
            """
            export D=$(mktemp -d); cd $D
            cat >job <<'end'
            tty; stty size; echo ready; read word; echo "got $word"; exit 3
            end
            (until grep -q ready typescript; do sleep 0.2; done; printf 'it\\r'; sleep 1) 2>/dev/null |
                script -qefc 'stty rows 33 cols 99; \(Host.ringside) vm run --include job --tty -- sh $D/job' typescript
            echo $?; cd /; rm -rf $D
            """
        )
        let lines = outcome.output.split(whereSeparator: \.isNewline)
        #expect(lines == ["/dev/pts/0", "33 99", "ready", "it", "got it", "3"], "\(outcome.output)")
    }

    @Test(
        arguments: [
            (["--", "no-such-program-anywhere/x"], 1, "no-such-program-anywhere/x: ENOENT"),
            (
                ["--kernel", "9.9.9", "--", "true"], 1,
                "find kernel 9.9.9: ENOENT: no such image; there are: "
            ),
            (["--module", "no_such_module", "--", "true"], 1, "no_such_module"),
            (["--module", "/no/such.ko", "--", "true"], 1, "/no/such.ko"),
            (["--module", "/etc/passwd", "--", "true"], 1, "read /etc/passwd: "),
            ([], 2, "no command: put it behind --"),
            (["--cpus", "0", "--", "true"], 2, "--cpus 0: not between 1 and 64"),
            (["--memory", "1M", "--", "true"], 2, "--memory 1M: a machine needs at least 128M"),
            (["--memory", "many", "--", "true"], 2, "many"),
            (["--timeout", "0", "--", "true"], 2, "--timeout 0: not between 1 second and a day"),
            (["--timeout", "9223372036854775807", "--", "true"], 2, "not between 1 second and a day"),
            (["--qemu", "/no/qemu", "--", "true"], 1, "start /no/qemu: ENOENT: QEMU is not installed"),
            (["--env", "A", "--", "true"], 2, "--env A: not NAME=VALUE"),
            (["--accel", "magic", "--", "true"], 2, "magic"),
        ] as [([String], Int32, String)]
    )
    func misuseIsOneClearError(arguments: [String], status: Int32, message: String) async throws {
        let outcome = try await Host.run(["vm", "run"] + arguments)
        #expect(outcome.status == status)
        #expect(outcome.error.contains(message), "\(outcome.error)")
        #expect(outcome.output.isEmpty)
    }

    @Test func noEmulatorAndNoKernelNameThePackageToInstall() async throws {
        #expect { try KernelImage.find(root: "/nonexistent") } throws: { error in
            "\(error)" == """
                find kernel image: no /nonexistent/boot/vmlinuz-*
                install one, as root: apt-get install linux-image-amd64
                """
        }
        var options = MachineOptions(agent: "/nonexistent")
        options.emulator = "qemu-system-none"
        await #expect {
            try await Machine(options)
        } throws: { error in
            "\(error)" == """
                start qemu-system-none: ENOENT: QEMU is not installed
                install it, as root: apt-get install qemu-system-x86
                """
        }
    }

    @Test func aMachineThatDoesNotBootSaysHowFarItCame() async throws {
        let silent = try await Host.run(
            "vm",
            "run",
            "--append",
            "rdinit=/bin/cat",
            "--timeout",
            "8",
            "--",
            "true"
        )
        #expect(silent.status == 1)
        #expect(silent.error.contains("ETIMEDOUT: killed after 8 s; it had not booted"), "\(silent.error)")
        try expectKeptLogs(silent, kernelLog: "")
        let deaf = try await Host.run(
            "vm",
            "run",
            "--append",
            "module_blacklist=virtio_console",
            "--",
            "true"
        )
        #expect(deaf.status == 1)
        #expect(deaf.error.contains("ringside agent: insert module"), "\(deaf.error)")
        try expectKeptLogs(deaf, kernelLog: "")
    }

    @Test func aScriptIsFoundWhereItIsPacked() async throws {
        let directory = try FilePath.makeTemporaryDirectory(prefix: "ringside-test")
        try directory.appending("say").write(
            "#!/bin/sh\necho \"$0 $1\"\n".utf8,
            permissions: [.ownerReadWriteExecute]
        )
        let outcome = try await Host.shell("cd \(directory) && \(Host.ringside) vm run -- ./say hello")
        try directory.removeTree()
        #expect(outcome.output == "\(directory)/say hello\n", "\(outcome.error)")
        #expect(outcome.status == 0)
    }

    @Test func interruptedMachinesLeaveNothing() async throws {
        let outcome = try await Host.shell(
            """
            exec timeout --signal=TERM 4 \(Host.ringside) vm run --append ringside.mark=interrupt -- sleep 100
            """
        )
        #expect(outcome.status == 124)
        let directory = try FilePath.makeTemporaryDirectory(prefix: "ringside-test")
        for seconds in ["0.5", "1.5", "4"] {
            let line = "TMPDIR=\(directory) timeout --preserve-status --signal=INT \(seconds)"
            #expect(try await Host.shell("\(line) \(Host.ringside) vm run -- sleep 100").status == 130)
        }
        let read =
            "TMPDIR=\(directory) \(Host.ringside) vm run -- sh -c 'while :; do echo y; done' | head -n 1"
        #expect(try await Host.shell(read).output == "y\n")
        #expect(try directory.entryNames() == [])
        try directory.removeTree()
        #expect(try await Host.shell("pgrep -f [r]ingside.mark=interrupt").status == 1)
    }

    private func expectKeptLogs(_ outcome: Outcome, kernelLog: String = "Linux version") throws {
        let line = try #require(outcome.error.split(separator: "\n").last)
        let directory = FilePath(String(try #require(line.split(separator: " ").last)))
        let log = try directory.appending("kernel.log").readText()
        #expect(kernelLog.isEmpty ? log.isEmpty : log.contains(kernelLog))
        #expect(directory.appending("console.log").exists)
        try directory.removeTree()
    }
}

// SPDX-License-Identifier: MIT
import Glibc
import LinuxSystem
import Subprocess
import SystemPackage
import TestVM
import Testing

/// `ringside vm start|exec|list|stop`, each test with a state directory of its own.
@Suite(.needsTestVM, .serialized) struct VMStartTests {
    @Test func aMachineStaysUpUntilItIsStopped() async throws {
        try await withState { state in
            #expect(try await state.vm("list").output == "no machine is running\n")
            let start = try await state.vm("start", "lab")
            #expect(start.status == 0, "\(start.error)")
            #expect(start.output.hasPrefix("lab is running: kernel \(try KernelImage.find().release), "))
            let exec = try await state.vm(
                "exec",
                "lab",
                "--env",
                "A=b",
                "--",
                "sh",
                "-c",
                "echo $A; echo e >&2; exit 7"
            )
            #expect(exec == Outcome(status: 7, output: "b\n", error: "e\n"))
            let piped = try await state.shell(
                "head -c 1000000 /dev/urandom >$D/in; $R vm exec lab -- cat <$D/in | cmp - $D/in"
            )
            #expect(piped.status == 0, "\(piped.error)")
            let kept = try await state.shell("$R vm exec lab -- touch /tmp/a && $R vm exec lab -- ls /tmp/a")
            #expect(kept.output == "/tmp/a\n")
            #expect(try await state.vm("list", "--json").output.contains("\"state\" : \"running\""))
            #expect(
                try await state.vm("start", "lab").error.contains("EEXIST: a machine of that name is running")
            )
            let absent = try await state.vm("exec", "lab", "--", "/no/such")
            #expect(absent.error.contains("start /no/such in the VM: ENOENT"))
            let trouble = try await state.vm(
                "exec",
                "lab",
                "--",
                "sh",
                "-c",
                "echo 'BUG: invented' >/dev/kmsg"
            )
            let log = "its log is in \(state.machines)/lab/kernel.log\n"
            let report = "the kernel reported:\n  BUG: invented\n\(log)"
            #expect(trouble == Outcome(status: 1, output: "", error: report))
            let taint = "echo 128 >/proc/sys/kernel/tainted"
            let died = "the kernel reported:\n  taint D: a task died in the kernel\n\(log)"
            #expect(try await state.vm("exec", "lab", "--", "sh", "-c", taint).error == died)
            #expect(try await state.vm("exec", "lab", "--", "true").status == 0)
            let word = "a=$(head -c 100000 /dev/zero | tr '\\0' a)"
            let words = "$a $a $a $a $a $a $a $a $a $a $a"
            let long = try await state.shell("\(word); $R vm exec lab -- echo \(words)")
            #expect(long.status == 1)
            #expect(long.error.contains("E2BIG: its arguments and environment are longer"), "\(long.error)")
            #expect(try await state.vm("stop", "--all", "--dry-run").output == "would stop lab\n")
            #expect(try await state.vm("stop", "lab").output == "stopped lab\n")
            #expect(try await state.vm("stop", "lab", "--dry-run").error.contains("ENOENT: no such machine"))
            #expect(try await state.vm("stop", "lab").error.contains("ENOENT: no such machine is running"))
            #expect(try await state.leftovers() == "")
        }
    }

    @Test func commandsRunSideBySideAndHeedSignals() async throws {
        try await withState { state in
            #expect(try await state.vm("start", "lab").status == 0)
            let both = try await state.shell(
                "for i in 1 2 3; do $R vm exec lab -- sh -c \"sleep 1; echo $i\" & done; wait"
            )
            #expect(both.output.split(separator: "\n").sorted() == ["1", "2", "3"])
            // More than any buffer on the way holds.
            let paused = try await state.shell(
                """
                ($R vm exec lab -- head -c 100000000 /dev/zero; echo $? >&2) | (sleep 6; wc -c) & sleep 1
                timeout 4 $R vm exec lab -- echo meanwhile; wait
                """
            )
            #expect(paused == Outcome(status: 0, output: "meanwhile\n100000000\n", error: "0\n"))
            let signalled = try await state.shell("timeout 1 $R vm exec lab -- sleep 100")
            #expect(signalled.status == 124)
            let killed = try await state.shell(
                "timeout -s KILL 1 $R vm exec lab -- sleep 77; sleep 1; $R vm exec lab -- pgrep -f 'sleep 77'"
            )
            #expect(killed.status == 1)
            let terminal = try await state.shell(
                "printf 'tty; exit 3\\n' | script -qec \"$R vm exec --tty lab -- sh\" /dev/null"
            )
            #expect(terminal.status == 3)
            #expect(terminal.output.contains("/dev/pts/0"), "\(terminal.output)")
            #expect(try await state.vm("stop", "--all").status == 0)
        }
    }

    @Test func killingAnyProcessLeavesNothing() async throws {
        try await withState { state in
            #expect(try await state.vm("start", "lab").status == 0)
            let facts = try #require(NamedMachine("lab", in: state.machines)).readFacts()
            _ = try await state.shell("kill -9 \(facts["supervisor"] ?? ""); sleep 1")
            #expect(try await state.leftovers() == "")
            #expect(
                try await state.vm("exec", "lab", "--", "true").error.contains("no such machine is running")
            )
            #expect(try await state.vm("list").output == "no machine is running\n")

            #expect(try await state.vm("start", "lab").status == 0)
            _ = try await state.shell("pkill -9 -f '[p]ath=\(state.machines)/lab/console.log'; sleep 1")
            let list = try await state.vm("list")
            #expect(list.output.contains("stopped"), "\(list.output)")
            #expect(try await state.vm("stop", "lab").status == 0)
            #expect(try await state.leftovers() == "")
        }
    }

    @Test func aSupervisorThatDoesNotAnswerHoldsNobodyUp() async throws {
        try await withState { state in
            #expect(try await state.vm("start", "lab").status == 0)
            let facts = try #require(NamedMachine("lab", in: state.machines)).readFacts()
            let supervisor = facts["supervisor"] ?? ""
            let exec = try await state.shell(
                """
                kill -STOP \(supervisor)
                $R vm exec lab -- true & sleep 0.3; kill -INT $!; sleep 0.1; kill -INT $!; wait $!; echo $?
                kill -CONT \(supervisor)
                """
            )
            #expect(exec.output == "130\n", "\(exec.error)")
            #expect(try await state.vm("exec", "lab", "--", "true").status == 0)
        }
    }

    @Test func aWarmStartIsAsNewAndRemembersTheBootsLog() async throws {
        try await withState { state in
            for _ in 1...2 {
                let start = try await state.shell("XDG_CACHE_HOME=$D $R vm start --warm lab")
                #expect(start.status == 0, "\(start.error)")
                let exec = try await state.vm(
                    "exec",
                    "lab",
                    "--",
                    "sh",
                    "-c",
                    "cat /tmp/mark; echo a >/tmp/mark"
                )
                #expect(exec.error.contains("can't open '/tmp/mark'"), "\(exec.error)")
                let log = try state.machines.appending("lab/kernel.log").readText()
                #expect(log.contains("Linux version"))
                #expect(try await state.vm("stop", "lab").status == 0)
            }
            let damaged = try await state.shell(
                ": >$(echo $D/ringside/state-*/devices); XDG_CACHE_HOME=$D $R vm start --warm lab; ls $D/ringside"
            )
            #expect(damaged.output.contains("lab is running"), "\(damaged.error)")
            #expect(!damaged.output.contains("state-"), "\(damaged.output)")
        }
    }

    @Test func aGuestThatDoesNotAnswerIsStoppedAllTheSame() async throws {
        try await withState { state in
            #expect(try await state.vm("start", "lab").status == 0)
            _ = try await state.shell("pkill -STOP -f '[p]ath=\(state.machines)/lab/console.log'")
            #expect(try await state.vm("stop", "lab").status == 0)
        }
    }

    @Test func whoIsKilledDuringTheBootLeavesNothing() async throws {
        try await withState { state in
            _ = try await state.shell("timeout -s KILL 1 $R vm start lab; sleep 1")
            #expect(try await state.leftovers() == "")
            let killed = try await state.shell(
                """
                (sleep 1; kill -9 $(pgrep -f '[v]m supervise lab --directory \(state.machines)')) &
                $R vm start lab; S=$?; sleep 1; exit $S
                """
            )
            #expect(killed.status == 1)
            #expect(killed.error.contains("boot VM lab: "), "\(killed.error)")
            #expect(try await state.leftovers() == "")
        }
    }

    @Test func aDirectoryThatNobodyKeepsIsNoMachine() async throws {
        try await withState { state in
            let lab = state.machines.appending("lab")
            for command in [["list"], ["stop", "lab"], ["stop", "--all"]] {
                try lab.makeDirectories()
                let run = try await Host.run(
                    ["vm"] + command,
                    environment: ["XDG_RUNTIME_DIR": state.directory.string]
                )
                #expect(run.status == 0, "\(run.error)")
                #expect(try state.machines.entryNames() == [])
            }
            let full = try await state.shell(
                """
                unshare -m sh -c 'mkdir -p $D/full; mount -t tmpfs -o size=64K none $D/full; export XDG_RUNTIME_DIR=$D/full
                    mkdir -p $D/full/ringside/vm; head -c 1M /dev/zero >$D/full/fill
                    $R vm start lab; ls $D/full/ringside/vm'
                """
            )
            #expect(full.error.contains("ENOSPC: No space left on device"), "\(full.error)")
            #expect(full.output == "")
            try lab.makeDirectories()
            #expect(try await state.vm("start", "lab").status == 0)
            #expect(try await state.vm("stop", "--all").output == "stopped lab\n")
        }
    }

    @Test func aMachineThatPanicsTellsWhyAndKeepsItsLogs() async throws {
        try await withState { state in
            #expect(try await state.vm("start", "lab").status == 0)
            let panic = try await state.vm("exec", "lab", "--", "sh", "-c", "echo c >/proc/sysrq-trigger")
            #expect(panic.status == 1)
            #expect(panic.error.contains("run in VM lab: the kernel panicked: "), "\(panic.error)")
            let late = try await state.vm("exec", "lab", "--", "true")
            #expect(late.error.contains("its logs are in \(state.machines)/lab"), "\(late.error)")
            let log = state.machines.appending("lab/kernel.log")
            #expect(try log.readText().contains("Linux version"))
            #expect(try await state.vm("start", "lab").status == 0)
            #expect(try await state.vm("stop", "lab").status == 0)
        }
    }

    @Test func aMachineThatDoesNotBootIsAnError() async throws {
        try await withState { state in
            let slow = try await state.vm("start", "lab", "--timeout", "1", "--append", "rdinit=/none")
            #expect(slow.status == 1)
            #expect(slow.error.contains("boot VM lab: "), "\(slow.error)")
            #expect(try await state.vm("stop", "lab").status == 0)
            #expect(try await state.vm("start", "-x").status == 2)
            #expect(try await state.vm("start", "a/b").status == 2)
            #expect(try await state.vm("exec", "lab").status == 2)
            #expect(try await state.vm("stop").status == 2)
            #expect(try await state.vm("exec", "none", "--", "true").status == 1)
        }
    }

    private func withState(_ body: (MachineState) async throws -> Void) async throws {
        let state = MachineState(directory: try FilePath.makeTemporaryDirectory(prefix: "vm-state"))
        do {
            try await body(state)
        } catch {
            _ = try await state.vm("stop", "--all")
            try state.directory.removeTree()
            throw error
        }
        _ = try await state.vm("stop", "--all")
        try state.directory.removeTree()
    }
}

/// A state directory that no other test uses.
private struct MachineState {
    let directory: FilePath

    var machines: FilePath { directory.appending("ringside/vm") }

    func vm(_ arguments: String...) async throws -> Outcome {
        try await Host.run(["vm"] + arguments, environment: ["XDG_RUNTIME_DIR": directory.string])
    }

    /// A line of shell in which `$R` is the program and `$D` a directory.
    func shell(_ line: String) async throws -> Outcome {
        try await Host.shell("export XDG_RUNTIME_DIR=\(directory) D=\(directory) R=\(Host.ringside); \(line)")
    }

    /// Processes and files of machines that are still there.
    func leftovers() async throws -> String {
        try await shell("pgrep -af '[/]\(directory.lastComponent?.string ?? "")/ringside'; ls $D/ringside/vm")
            .output
    }
}

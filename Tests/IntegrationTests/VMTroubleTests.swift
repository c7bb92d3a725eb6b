// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing

/// Hosts and guests without room.
@Suite(.needsTestVM, .serialized) struct VMTroubleTests {
    /// A line of a call trace.
    private static var frame: Regex<Substring> { #/\+0x[0-9a-f]+/0x[0-9a-f]+ \[t_fault\]/# }

    @Test func aGuestThatRunsOutOfMemorySaysWho() async throws {
        let outcome = try await Host.shell(
            """
            export TMPDIR=$(mktemp -d)
            \(Host.ringside) vm run --memory 192M -- tail /dev/zero; echo $?; ls $TMPDIR/*; rm -r $TMPDIR
            """
        )
        #expect(outcome.output == "137\ncommands.log\nconsole.log\nkernel.log\n")
        #expect(outcome.error.contains("Out of memory: Killed process"), "\(outcome.error)")
        #expect(outcome.error.contains("(tail)"))
    }

    @Test(.needsModuleFixtures) func aCheckedSlabAllocatorSeesAByteTooMany() async throws {
        let modules = try await ModuleFixtures.options("t_fault", "t_rounds")
        let outcome = try await Host.shell(
            """
            export TMPDIR=$(mktemp -d)
            \(Host.ringside) vm run --profile debug \(modules) -- sh -c '
                cd /proc/sys/kernel; cat hung_task_timeout_secs hung_task_check_interval_secs
                ringside module cycle t_fault fault=overrun at=3 -n 5 >/dev/null 2>/tmp/cycle; head -1 /tmp/cycle'
            echo $?; cat $TMPDIR/*/kernel.log; rm -r $TMPDIR
            """
        )
        let fault = #/BUG kmalloc-64 \(Tainted: .*\): Right Redzone overwritten/#
        let lines = outcome.output.split(separator: "\n").map(String.init)
        try #require(lines.count > 100, "\(outcome.error)")
        #expect(lines[0...1] == ["60", "10"])
        #expect(lines[2].contains("round 3 of 5, at its load: the kernel found corruption: BUG kmalloc-64"))
        #expect(lines[3] == "1")
        #expect(lines.dropFirst(4).contains { $0.contains(fault) })
        let report = outcome.error.split(separator: "\n").map(String.init)
        #expect(report.first == "the kernel reported (it is tainted: BOE):", "\(outcome.error)")
        #expect(report.dropFirst().first?.contains(fault) == true)
        #expect(report.contains { $0.contains(Self.frame) }, "\(outcome.error)")
        #expect(report.last?.hasPrefix("the guest's logs are in ") == true)
    }

    @Test(.needsModuleFixtures) func anOopsIsPrintedWithItsTraceAndKept() async throws {
        let modules = try await ModuleFixtures.options("t_fault", "t_rounds")
        let outcome = try await Host.shell(
            """
            D=$(mktemp -d); export TMPDIR=$D
            \(Host.ringside) vm run \(modules) -- sh -c 'ringside module load t_fault fault=oops; true'
            cat $D/*/kernel.log | grep -c 'Linux version'
            printf 'command: ringside module load t_fault fault=oops; true\\n' >$D/matrix
            \(Host.ringside) vm matrix $D/matrix \(modules) --junit $D/junit >/dev/null; cat $D/junit; rm -r $D
            """
        )
        for marks in [outcome.error, outcome.output] {
            for words in ["RIP: 0010:", "Call Trace:", "---[ end trace"] {
                #expect(marks.contains(words), "\(marks)")
            }
            #expect(marks.contains(Self.frame))
        }
        #expect(outcome.output.hasPrefix("1\n"))
        let message = "message=\"the kernel reported: BUG: kernel NULL pointer dereference"
        #expect(outcome.output.contains(message))
    }

    @Test(.needsModuleFixtures) func aHungTaskIsReported() async throws {
        let modules = try await ModuleFixtures.options("t_fault", "t_rounds")
        let outcome = try await Host.shell(
            """
            export TMPDIR=$(mktemp -d) W=sysctl.kernel.hung_task_timeout_secs=2
            load='ringside module load t_fault fault=hang'
            \(Host.ringside) vm run --append $W \(modules) -- sh -c "$load >/dev/null 2>&1 & sleep 9"; echo $?
            \(Host.ringside) vm run --append $W --timeout 20 \(modules) -- $load; echo $?
            rm -r $TMPDIR
            """
        )
        #expect(outcome.output == "1\n1\n")
        let reports = outcome.error.split(separator: "ringside: run VM ")
        try #require(reports.count == 2, "\(outcome.error)")
        #expect(reports[1].contains("killed after 20 s; it was running\nthe kernel reported:\n"))
        for report in reports {
            #expect(report.contains("blocked for more than "), "\(report)")
            #expect(report.contains(Self.frame), "\(report)")
        }
    }

    @Test func anInitramfsThatDoesNotFitIsNamed() async throws {
        let outcome = try await Host.shell(
            """
            D=$(mktemp -d); export TMPDIR=$D XDG_CACHE_HOME=$D
            head -c 150M /dev/urandom >$D/large
            \(Host.ringside) vm run --memory 160M --timeout 60 --include $D/large -- true
            echo $? >&2; rm -rf $D
            """
        )
        #expect(
            outcome.error.contains("160 MiB of memory do not hold what is packed for it"),
            "\(outcome.error)"
        )
        #expect(outcome.error.hasSuffix("\n1\n"))
    }

    @Test func aFullDiskIsNamedAndLeavesNothing() async throws {
        let outcome = try await Host.shell(
            """
            D=$(mktemp -d); export D
            unshare -m sh -c '
                mount -t tmpfs -o size=4M none $D; mkdir $D/tmp $D/cache
                XDG_CACHE_HOME=$D/cache \(Host.ringside) vm run -- true; find $D/cache -type f ! -name "acceleration*"
                \(Host.ringside) vm run --memory-file $D/tmp/memory -- true; find $D/tmp -type f'
            rmdir $D
            """
        )
        #expect(outcome.error.contains("No space left on device"), "\(outcome.error)")
        #expect(outcome.error.contains("it takes 512 MiB, and "), "\(outcome.error)")
        #expect(!outcome.output.contains("/tmp/"), "\(outcome.output)")
    }
}

// SPDX-License-Identifier: MIT
import LinuxSystem
import TestVM
import Testing

@Suite struct KernelLogTests {
    @Test func printsAsDmesgDoes() {
        let log = KernelLog([record(6, "first", at: 42), record(4, "second", at: 12_345_678)])
        #expect(log.text == "[    0.000042] first\n[   12.345678] second\n")
        #expect(log.warnings.map(\.text) == ["second"])
    }

    @Test(arguments: [
        "WARNING: CPU: 0 PID: 1 at kernel/x.c:12 f+0x1/0x2",
        "BUG: kernel NULL pointer dereference, address: 0000000000000000",
        "kernel BUG at lib/list_debug.c:26!", "Oops: 0002 [#1] PREEMPT SMP NOPTI",
        "INFO: task cat:12 blocked for more than 120 seconds.",
        "watchdog: BUG: soft lockup - CPU#0 stuck for 22s!",
        "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
        "WARNING: possible circular locking dependency detected", "refcount_t: underflow; use-after-free.",
        "divide error: 0000 [#1] PREEMPT SMP NOPTI", "int3: 0000 [#12] SMP", "stack segment: 0000 [#1]",
        "general protection fault, probably for non-canonical address 0xdead000000000100: 0000 [#1] PREEMPT SMP",
        "Internal error: synchronous external abort: 0000000096000010 [#1] SMP",
        "BUG kmalloc-64 (Tainted: G           OE     ): Right Redzone overwritten",
        "BUG dentry (Not tainted): Poison overwritten", "INFO: trying to register non-static key.",
        "kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
        "do_init_module: 't_odd'->init suspiciously returned 5, it should follow 0/-E convention",
    ]) func troubleIsSeen(text: String) {
        #expect(KernelLog([record(4, text)]).trouble.count == 1)
    }

    @Test(arguments: [
        "tcm: loading out-of-tree module taints kernel.", "PCI: Fatal: No config space access function found",
        "random: crng init done", "vhost_scsi: no BUG here, nor an Oops or WARNING",
        "traps: gpf[81] general protection fault ip:401136 sp:7ffd1c2b5a30 error:0 in gpf[401000+1000]",
        "traps: a: 0000 [#1][81] trap divide error ip:401136 sp:7ffd1c2b5a30 error:0",
        "kmemleak: Kernel memory leak detector initialized (mem pool available: 15678)",
        "BUG kmalloc-64 (Tainted", "BUG trackers (see above): none",
        "note: 12 [#1]", "note: 0000 [#]", "note: 0000 [#1", "note 0000 [#1]", "[#1]", "[#",
    ]) func ordinaryRecordsAreNoTrouble(text: String) {
        #expect(KernelLog([record(4, text)]).trouble.isEmpty)
    }

    @Test func aTaintNeedsNoRecord() {
        let odd = KernelTaint(rawValue: 1 << 12)
        let words = [
            "taint D: a task died in the kernel", "taint W: the kernel warned",
            "taint B: memory was found damaged",
        ]
        #expect(KernelLog().trouble(of: odd) == [])
        #expect(KernelLog().trouble(of: [.damaged, .died, .warned, odd]) == words)
        let slab = KernelLog([record(3, "BUG t_cache (Not tainted): Poison overwritten")])
        #expect(slab.trouble(of: .damaged) == slab.trouble.map(\.text))
        let warned = KernelLog([record(4, "WARNING: CPU: 0 PID: 1 at x.c:1 f+0x1/0x2")])
        #expect(warned.trouble(of: .warned) == warned.trouble.map(\.text))
        #expect(warned.trouble(of: [.died, .warned]).dropFirst() == [words[0]])
        let died = KernelLog([record(0, "divide error: 0000 [#1] SMP")])
        #expect(died.trouble(of: .died) == ["divide error: 0000 [#1] SMP"])
    }

    @Test func aReportGoesToTheEndOfItsTrace() {
        let oops = [
            "BUG: kernel NULL pointer dereference, address: 0000000000000008", "Oops: 0002 [#1] PREEMPT SMP",
            "RIP: 0010:misbehave+0x8/0x10 [t_fault]", "Call Trace:", " fault_init+0x20/0x30 [t_fault]",
            "---[ end trace 0000000000000000 ]---",
        ]
        let other = ["INFO: task cat:12 blocked for more than 60 seconds.", "Call Trace:"]
        let texts = ["before"] + oops + ["RIP: 0010:misbehave+0x8/0x10"] + other
        let log = KernelLog(texts.map { record(4, $0) } + [record(6, "later", at: 600_000)])
        #expect(log.report(of: .died) == oops + other)
        #expect(
            log.report(of: [.died, .warned], limit: 2).dropFirst(2) == [
                "[6 more lines]", "taint W: the kernel warned",
            ]
        )
        var own = record(4, "BUG: invented")
        own.facility = 1
        #expect(KernelLog([own, record(6, "clocksource: tsc")]).report(of: []) == ["BUG: invented"])
        let endless = [record(4, "WARNING: x")] + (0..<500).map { record(6, "\($0)") }
        #expect(KernelLog(endless).report(of: []).count == 120)
    }

    private func record(_ level: Int, _ text: String, at microseconds: Int = 1) -> KernelLogRecord {
        KernelLogRecord(level: level, sequence: 1, timestamp: microseconds, text: text)
    }
}

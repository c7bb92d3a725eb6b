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
        "do_init_module: 't_odd'->init suspiciously returned 5, it should follow 0/-E convention",
    ]) func troubleIsSeen(text: String) {
        #expect(KernelLog([record(4, text)]).trouble.count == 1)
    }

    @Test(arguments: [
        "tcm: loading out-of-tree module taints kernel.", "PCI: Fatal: No config space access function found",
        "random: crng init done", "vhost_scsi: no BUG here, nor an Oops or WARNING",
    ]) func ordinaryRecordsAreNoTrouble(text: String) {
        #expect(KernelLog([record(4, text)]).trouble.isEmpty)
    }

    private func record(_ level: Int, _ text: String, at microseconds: Int = 1) -> KernelLogRecord {
        KernelLogRecord(level: level, sequence: 1, timestamp: microseconds, text: text)
    }
}

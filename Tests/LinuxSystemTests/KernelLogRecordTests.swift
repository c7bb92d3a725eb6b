// SPDX-License-Identifier: MIT
import LinuxSystem
import Testing

@Suite struct KernelLogRecordTests {
    @Test func readsARecordOfKmsg() throws {
        // Priority 30 is facility 3 (daemon), level 6.
        let record = try #require(KernelLogRecord("30,339,5140900,-;NET: Registered; PF_INET"))
        #expect(record.level == 6)
        #expect(record.facility == 3)
        #expect(record.sequence == 339)
        #expect(record.timestamp == 5_140_900)
        #expect(record.text == "NET: Registered; PF_INET")
    }

    @Test(arguments: ["", "6,1,2", "6,1;text", "a,1,2,-;text"]) func whatIsNoRecordIsNone(line: String) {
        #expect(KernelLogRecord(line) == nil)
    }

    @Test func leavesTheDictionaryOut() {
        #expect(KernelLogRecord("6,1,2,-;text; more\n SUBSYSTEM=pci\n")?.text == "text; more")
    }
}

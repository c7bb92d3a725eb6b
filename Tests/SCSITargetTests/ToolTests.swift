// SPDX-License-Identifier: MIT
import SCSITarget
import SystemPackage
import Testing

/// What programs that others wrote for SCSI disks make of the unit.
@Suite(.serialized) struct ToolTests {
    private let device = "/dev/sg-ringside0"

    private func unit() throws -> TargetDevice {
        let target = TargetDevice()
        let identity = UnitIdentity(product: "test disk", revision: "0042", serial: "serial-1")
        target.attach(LogicalUnit(store: try RAMStore(byteCount: 64 << 20), identity: identity), at: 0)
        return target
    }

    /// Command lines of sg3-utils, in this order, with lines that they must print.
    private var session: [(line: String, status: Int32, lines: [String])] {
        [
            ("sg_turs", 6, ["Additional sense: Power on, reset, or bus device reset occurred"]),
            ("sg_turs", 0, []),
            (
                "sg_inq", 0,
                [
                    "PQual=0  PDT=0  RMB=0  LU_CONG=0  hot_pluggable=0  version=0x06  [SPC-4]",
                    "Vendor identification: RINGSIDE", "Product identification: test disk",
                    "Product revision level: 0042", "Unit serial number: serial-1",
                ]
            ),
            (
                "sg_inq -d", 0,
                ["SAM-5 (no version claimed)", "SPC-4 (no version claimed)", "SBC-3 (no version claimed)"]
            ),
            (
                "sg_vpd", 0,
                [
                    "Unit serial number [sn]", "Device identification [di]", "Extended inquiry data [ei]",
                    "Block limits (SBC) [bl]", "Block device characteristics (SBC) [bdc]",
                    "Logical block provisioning (SBC) [lbpv]",
                ]
            ),
            (
                "sg_vpd -p di", 0,
                [
                    "designator type: NAA,  code set: Binary", "vendor id: RINGSIDE",
                    "vendor specific: test disk serial-1",
                    "designator type: SCSI name string,  code set: UTF-8",
                    "Relative target port: 0x1", "Target port group: 0x1",
                ]
            ),
            (
                "sg_vpd -p bl", 0,
                [
                    "Write same non-zero (WSNZ): 1", "Maximum compare and write length: 255 blocks",
                    "Optimal transfer length granularity: 8 blocks", "Maximum transfer length: 32768 blocks",
                    "Maximum unmap LBA count: 1048576", "Maximum unmap block descriptor count: 256",
                    "Optimal unmap granularity: 8 blocks", "Unmap granularity alignment valid: true",
                    "Maximum write same length: 0x8000 blocks",
                ]
            ),
            ("sg_vpd -p bdc", 0, ["Non-rotating medium (e.g. solid state)", "FUAB=1"]),
            (
                "sg_vpd -p lbpv", 0,
                [
                    "Unmap command supported (LBPU): 1",
                    "Write same (10) with unmap bit supported (LBPWS10): 1",
                    "Logical block provisioning read zeros (LBPRZ): 1",
                    "Provisioning type: 2 (thin provisioned)",
                ]
            ),
            ("sg_vpd -p ei", 0, ["UASK_SUP=0 GROUP_SUP=0 PRIOR_SUP=0 HEADSUP=1 ORDSUP=1 SIMPSUP=1"]),
            (
                "sg_readcap -l", 0,
                [
                    "Protection: prot_en=0, p_type=0, p_i_exponent=0",
                    "Logical block provisioning: lbpme=1, lbprz=1",
                    "Last LBA=131071 (0x1ffff), Number of logical blocks=131072",
                    "Device size: 67108864 bytes, 64.0 MiB, 0.07 GB",
                ]
            ),
            ("sg_luns", 0, ["Lun list length = 8 which imples 1 lun entry", "0000000000000000"]),
            ("sg_requests", 0, ["Fixed format, current; Sense key: No Sense"]),
            ("sg_modes -p 0x0a", 0, ["Control, page_control: current", "DpoFua=1, longlba=0"]),
            ("sg_opcodes -o 0x89", 0, ["Opcode=0x89", "Command is supported [conforming to SCSI standard]"]),
            ("sg_opcodes -o 0x83", 0, ["Command is NOT supported"]),
            ("sg_rtpg -d", 0, ["target port group asymmetric access state : 0x00 (active/optimized)"]),
            ("sg_write_same --lba=16 --num=8 --in=/proc/self/exe --xferlen=512", 0, []),
            (
                "sg_get_lba_status --lba=8", 0,
                ["[1] LBA: 0x0000000000000008  blocks:          8  deallocated"]
            ),
            ("sg_verify --lba=16 --count=8", 0, []),
            ("sg_unmap --lba=16 --num=8 --force", 0, []),
            (
                "sg_get_lba_status --lba=0", 0,
                ["[1] LBA: 0x0000000000000000  blocks:     131072  deallocated"]
            ),
            ("sg_sync", 0, []), ("sg_prevent", 0, []),
            ("sg_start 0", 0, []), ("sg_turs", 2, ["device not ready"]), ("sg_start 1", 0, []),
            ("sg_turs", 0, []),
            ("sg_persist -o -G -S 0xabc", 0, []), ("sg_persist -o -R -K 0xabc -T 5", 0, []),
            ("sg_persist -k", 0, ["1 registered reservation key follows:", "0xabc"]),
            ("sg_persist -r", 0, ["scope: LU_SCOPE,  type: Write Exclusive, registrants only"]),
            ("sg_persist -s", 0, ["<< Reservation holder >>", "iSCSI name: iqn.2026-11.test:0"]),
            (
                "sg_persist -c", 0,
                ["Compatible Reservation Handling(CRH): 1", "Write Exclusive, all registrants: 1"]
            ),
            ("sg_persist -o -C -K 0xabc", 0, []),
            ("sg_persist -k", 0, ["there are NO registered reservation keys"]),
            ("sg_seek", 9, ["Illegal request, Invalid opcode"]),
        ]
    }

    /// What a unit with protection information says, and how it refuses what does not fit.
    private var protectedSession: [(line: String, status: Int32, lines: [String])] {
        [
            ("sg_turs", 6, []), ("sg_inq", 0, ["Protect=1"]),
            ("sg_vpd -p ei", 0, ["SPT=0 GRD_CHK=1 APP_CHK=0 REF_CHK=1"]),
            ("sg_readcap -l", 0, ["Protection: prot_en=1, p_type=0, p_i_exponent=0 [type 1 protection]"]),
            ("sg_modes -p 0x0a", 0, ["Control, page_control: current"]),
            ("sg_write_same --lba=16 --num=8 --in=/proc/self/exe --xferlen=512", 0, []),
            ("sg_verify --lba=16 --count=8 --vrprotect=1", 0, []),
            ("sg_verify --lba=16 --count=8 --vrprotect=6", 5, []),
            // 520 bytes of a program: its information is not right.
            (
                "sg_write_same --lba=16 --num=8 --wrprotect=1 --in=/proc/self/exe --xferlen=520 -v", 40,
                ["Logical block guard check failed"]
            ),
            ("sg_write_same --lba=16 --num=8 --wrprotect=3 --in=/proc/self/exe --xferlen=520", 0, []),
            ("sg_verify --lba=16 --count=8 -v", 40, ["Logical block guard check failed"]),
            ("sg_verify --lba=16 --count=8 --vrprotect=3", 0, []),
            (
                "sg_verify --lba=16 --count=8 --vrprotect=2 -v", 40,
                ["Logical block reference tag check failed"]
            ),
        ]
    }

    @Test func sg3UtilsOnAProtectedUnit() async throws {
        let target = TargetDevice()
        let protection = UnitProtection(.one, tuples: try MemoryTuples(blocks: 1 << 17))
        let store = try RAMStore(byteCount: 64 << 20)
        let unit = LogicalUnit(store: store, identity: UnitIdentity(serial: "1"), protection: protection)
        target.attach(unit, at: 0)
        try await run(protectedSession, on: try await SCSITools(target))
    }

    @Test func sg3Utils() async throws {
        try await run(session, on: try await SCSITools(try unit()))
    }

    private func run(_ session: [(line: String, status: Int32, lines: [String])], on tools: SCSITools)
        async throws
    {
        for (line, status, lines) in session {
            let words = line.split(separator: " ").map(String.init)
            let numbers = words.count > 1 && words[0] == "sg_start" ? [device, words[1]] : nil
            let outcome = try await tools.run([words[0]] + (numbers ?? Array(words.dropFirst()) + [device]))
            #expect(outcome.status == status, "\(line): \(outcome.text)")
            for expected in lines { #expect(outcome.text.contains(expected), "\(line): \(outcome.text)") }
        }
    }

    /// Sense data in both formats as `sg_decode_sense` reads it.
    @Test func senseData() async throws {
        let tools = try await SCSITools(try unit())
        let cases: [(Sense, String)] = [
            (Sense(2, 0x04, 0x02), "Logical unit not ready, initializing command required"),
            (Sense(2, 0x3a, 0x00), "Medium not present"),
            (Sense(3, 0x11, 0x00), "Unrecovered read error"), (Sense(3, 0x0c, 0x00), "Write error"),
            (Sense(4, 0x44, 0x00), "Internal target failure"),
            (Sense(5, 0x0e, 0x03), "Invalid field in command information unit"),
            (Sense(5, 0x26, 0x04), "Invalid release of persistent reservation"),
            (Sense(5, 0x39, 0x00), "Saving parameters not supported"),
            (Sense(5, 0x55, 0x04), "Insufficient registration resources"),
            (Sense(6, 0x29, 0x03), "Bus device reset function occurred"),
            (Sense(6, 0x2a, 0x01), "Mode parameters changed"),
            (Sense(6, 0x2a, 0x03), "Reservations preempted"),
            (Sense(6, 0x2a, 0x04), "Reservations released"),
            (Sense(6, 0x2a, 0x05), "Registrations preempted"),
            (Sense(6, 0x2a, 0x09), "Capacity data has changed"),
            (Sense(6, 0x3f, 0x0e), "Reported luns data has changed"),
            (Sense(7, 0x27, 0x00), "Write protected"),
            (Sense(7, 0x27, 0x02), "Logical unit software write protected"),
            (Sense(7, 0x27, 0x07), "Space allocation failed write protect"),
            (Sense(0xb, 0x10, 0x01, information: 0x1234), "Logical block guard check failed"),
            (Sense(0xb, 0x10, 0x02, information: 0x1234), "Logical block application tag check failed"),
            (Sense(0xb, 0x10, 0x03, information: 0x1234), "Logical block reference tag check failed"),
            (Sense(0xe, 0x1d, 0x00, information: 0x1234), "Miscompare during verify operation"),
        ]
        for (sense, words) in cases {
            for descriptors in [false, true] {
                let hexadecimal = sense.encoded(descriptors: descriptors).map { String($0, radix: 16) }
                let text = try await tools.run(["sg_decode_sense"] + hexadecimal).text
                #expect(text.contains("Additional sense: \(words)"), "\(sense): \(text)")
                #expect(text.contains(descriptors ? "Descriptor format, current" : "Fixed format, current"))
                if sense.information != nil { #expect(text.contains("1234"), "\(text)") }
            }
        }
    }
}

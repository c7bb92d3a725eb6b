// SPDX-License-Identifier: MIT
import CVirtioSCSI
import Testing

/// Byte-exact: what the driver side of CVirtioSCSI builds.
struct CommandTests {
    /// Lends room for one command, which `build` must not keep.
    @safe private func cdb(_ build: (UnsafeMutablePointer<UInt8>) -> Void) -> [UInt8] {
        var cdb = [UInt8](repeating: 0xff, count: Int(VSCSI_CDB_SIZE))
        unsafe cdb.withUnsafeMutableBufferPointer { cdb in
            if let base = cdb.baseAddress { unsafe build(base) }
        }
        #expect(cdb[16...].allSatisfy { $0 == 0 })
        return Array(cdb[..<16])
    }

    private func padded(_ bytes: [UInt8]) -> [UInt8] {
        bytes + [UInt8](repeating: 0, count: 16 - bytes.count)
    }

    @Test func inquiries() {
        #expect(cdb { unsafe vscsi_cdb_test_unit_ready($0) } == padded([]))
        #expect(cdb { unsafe vscsi_cdb_inquiry($0, 0x1234) } == padded([0x12, 0, 0, 0x12, 0x34]))
        #expect(cdb { unsafe vscsi_cdb_inquiry_page($0, 0xb0, 64) } == padded([0x12, 1, 0xb0, 0, 64]))
        let luns = cdb { unsafe vscsi_cdb_report_luns($0, 0x1020304) }
        #expect(luns == padded([0xa0, 0, 0, 0, 0, 0, 1, 2, 3, 4]))
        #expect(cdb { unsafe vscsi_cdb_read_capacity_10($0) } == padded([0x25]))
        let capacity = cdb { unsafe vscsi_cdb_read_capacity_16($0) }
        #expect(capacity == padded([0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32]))
    }

    @Test func transfers() {
        let ten: [UInt8] = [0, 1, 2, 3, 4, 0, 5, 6, 0]
        #expect(cdb { unsafe vscsi_cdb_read_10($0, 0x1020304, 0x506) } == padded([0x28] + ten))
        #expect(cdb { unsafe vscsi_cdb_write_10($0, 0x1020304, 0x506) } == padded([0x2a] + ten))
        let sixteen: [UInt8] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0]
        let block: UInt64 = 0x102_0304_0506_0708
        #expect(cdb { unsafe vscsi_cdb_read_16($0, block, 0x90a_0b0c) } == padded([0x88] + sixteen))
        #expect(cdb { unsafe vscsi_cdb_write_16($0, block, 0x90a_0b0c) } == padded([0x8a] + sixteen))
    }

    @Test(
        arguments: [
            (UInt8(5), UInt16(0), [1, 5, 0x40, 0]), (255, 255, [1, 255, 0x40, 255]),
            (5, 258, [1, 5, 0x41, 2]),
            (0, 16383, [1, 0, 0x7f, 0xff]),
        ] as [(UInt8, UInt16, [UInt8])]
    )
    func addresses(target: UInt8, lun: UInt16, bytes: [UInt8]) {
        var address = vscsi_address(target: target, lun: lun)
        var wire = [UInt8](repeating: 0xff, count: 8)
        let encoded = unsafe vscsi_address_encode(&address, &wire)
        #expect(encoded == 0)
        #expect(wire == bytes + [0, 0, 0, 0])
        var decoded = vscsi_address()
        let result = unsafe vscsi_address_decode(wire, &decoded)
        #expect(result == 0)
        #expect(decoded.target == target && decoded.lun == lun)
    }

    @Test func refusesLUNsThatDoNotFit() {
        var address = vscsi_address(target: 0, lun: 16384)
        var wire = [UInt8](repeating: 7, count: 8)
        let result = unsafe vscsi_address_encode(&address, &wire)
        #expect(result == -22)
        #expect(wire.allSatisfy { $0 == 7 })
    }

    @Test func headers() {
        var command = vscsi_command()
        command.address = vscsi_address(target: 3, lun: 1)
        command.tag = 0x0102_0304_0506_0708
        (command.task_attr, command.prio, command.crn) = (1, 2, 3)
        command.cdb.0 = 0x28
        command.cdb.31 = 0x77
        (command.pi_bytes_out, command.pi_bytes_in) = (0x11, 0x2200_0000)
        let start: [UInt8] = [1, 3, 0x40, 1, 0, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1, 1, 2, 3]
        let end = [0x28] + [UInt8](repeating: 0, count: 30) + [0x77]
        var plain = virtio_scsi_cmd_req()
        let result = unsafe vscsi_command_build(&command, &plain)
        let bytes = unsafe withUnsafeBytes(of: &plain) { unsafe Array($0) }
        #expect(result == 0 && bytes == start + end)
        var protected = virtio_scsi_cmd_req_pi()
        let protectedResult = unsafe vscsi_command_build_pi(&command, &protected)
        let counts: [UInt8] = [0x11, 0, 0, 0, 0, 0, 0, 0x22]
        let protectedBytes = unsafe withUnsafeBytes(of: &protected) { unsafe Array($0) }
        #expect(protectedResult == 0 && protectedBytes == start + counts + end)
    }

    @Test(arguments: [(UInt32(0), Int32(0)), (96, 0), (97, -22), (0xffff_ffff, -22)])
    func responses(senseBytes: UInt32, result: Int32) {
        var wire = virtio_scsi_cmd_resp()
        wire.sense_len = senseBytes
        (wire.resid, wire.status, wire.response, wire.status_qualifier) = (512, 2, 0, 5)
        wire.sense.95 = 0x25
        var response = vscsi_response()
        let parsed = unsafe vscsi_response_parse(&wire, &response)
        #expect(parsed == result)
        guard result == 0 else { return }
        #expect(response.resid == 512 && response.status == 2 && response.qualifier == 5)
        #expect(response.sense.95 == (senseBytes == 96 ? 0x25 : 0))
    }
}

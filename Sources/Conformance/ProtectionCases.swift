// SPDX-License-Identifier: MIT
import LinuxSystem
import VhostSCSI

/// Protection information of type 1, on a unit that has it.
extension ConformanceCase {
    static let protectedUnits: [ConformanceCase] = kept + refused + laid

    private static let kept: [ConformanceCase] = [
        protected(
            "tells",
            "INQUIRY, its page 86h, READ CAPACITY(16)",
            "PROTECT, GRD_CHK, REF_CHK, PROT_EN, type 1",
            "SBC-3, 5.16.2"
        ) {
            unit in
            let inquiry = try unit.send([0x12, 0, 0, 0, 36, 0], room: 36)
            try inquiry.expectGood()
            try expect("PROTECT", 1, inquiry.data[5] & 1)
            let page = try unit.send([0x12, 1, 0x86, 0, 64, 0], room: 64)
            try expect("GRD_CHK and REF_CHK", 5, page.data[4] & 7)
            try expect("P_TYPE and PROT_EN", 1, try unit.capacity().data[12] & 0x0f)
        },
        protected(
            "written-is-read",
            "WRITE(10) and READ(10) of two blocks with protection information",
            "the same of both, and no residual",
            "vhost_scsi_handle_vq(); sbc_dif_copy_prot()"
        ) {
            unit in
            let (data, tuples) = unit.blocks(40, 2, seed: 1)
            try unit.write(40, data, tuples, code: 1).expectGood()
            let answer = try unit.read(40, 2, code: 1)
            try answer.expectGood()
            try expect("protection information and data", tuples + data, answer.data)
        },
        protected(
            "inserted",
            "WRITE(10) without protection information, READ(10) with it",
            "the guard of the data, and the block's address",
            "SBC-3, 5.32 (WRPROTECT)"
        ) {
            unit in
            let (data, tuples) = unit.blocks(41, 1, seed: 2)
            try unit.write(41, data, [], code: 0).expectGood()
            let answer = try unit.read(41, 1, code: 1)
            try answer.expectGood()
            try expect("protection information and data", tuples + data, answer.data)
        },
        protected(
            "stripped",
            "READ(10) without protection information of a block that has it",
            "the data alone",
            "sbc_set_prot_op_checks()"
        ) {
            unit in
            let (data, tuples) = unit.blocks(42, 1, seed: 3)
            try unit.write(42, data, tuples, code: 1).expectGood()
            let answer = try unit.read(42, 1, code: 0)
            try answer.expectGood()
            try expect("data", data, answer.data)
        },
        protected(
            "unchecked",
            "WRITE(10) with a wrong guard and WRPROTECT 3, READ(10) with RDPROTECT 3",
            "the wrong guard",
            "sbc_set_prot_op_checks(); SBC-3, 5.32"
        ) {
            unit in
            var (data, tuples) = unit.blocks(43, 1, seed: 4)
            tuples[0] ^= 0x80
            try unit.write(43, data, tuples, code: 3).expectGood()
            let answer = try unit.read(43, 1, code: 3)
            try answer.expectGood()
            try expect("protection information and data", tuples + data, answer.data)
        },
        protected(
            "escape",
            "the same with an application tag of FFFFh, READ(10) with RDPROTECT 1",
            "good: the block is not checked",
            "T10_PI_APP_ESCAPE in sbc_dif_verify(); SBC-3, 4.22.3"
        ) {
            unit in
            var (data, tuples) = unit.blocks(44, 1, seed: 5)
            (tuples[0], tuples[2], tuples[3]) = (tuples[0] ^ 0x80, 0xff, 0xff)
            try unit.write(44, data, tuples, code: 3).expectGood()
            try unit.read(44, 1, code: 1).expectGood()
        },
    ]

    private static let refused: [ConformanceCase] = [
        protected(
            "wrong-guard",
            "WRITE(10) with a wrong guard",
            "CHECK CONDITION, Bh/10h/01h, and nothing is written",
            "sbc_dif_v1_verify()"
        ) {
            unit in
            let (old, kept) = unit.blocks(50, 1, seed: 6)
            try unit.write(50, old, kept, code: 1).expectGood()
            var (data, tuples) = unit.blocks(50, 1, seed: 7)
            tuples[1] ^= 1
            try unit.write(50, data, tuples, code: 1).expectSense(0xb, 0x10, 1)
            try expect("protection information and data", kept + old, try unit.read(50, 1, code: 1).data)
        },
        protected(
            "wrong-reference",
            "WRITE(10) with the reference tag of another block",
            "CHECK CONDITION, Bh/10h/03h",
            "sbc_dif_v1_verify()"
        ) {
            unit in
            var (data, tuples) = unit.blocks(51, 1, seed: 8)
            tuples[7] ^= 1
            try unit.write(51, data, tuples, code: 1).expectSense(0xb, 0x10, 3)
        },
        protected(
            "bad-block",
            "READ(10) with RDPROTECT 1 of four blocks, the third with a wrong guard",
            "CHECK CONDITION, Bh/10h/01h, with the block's address",
            "sbc_dif_verify(): sense_info"
        ) {
            unit in
            var (data, tuples) = unit.blocks(52, 4, seed: 9)
            tuples[16] ^= 1
            try unit.write(52, data, tuples, code: 3).expectGood()
            let answer = try unit.read(52, 4, code: 1)
            try answer.expectSense(0xb, 0x10, 1)
            try expect("information", [0x80, 0, 0, 0, 54], [answer.sense[0] & 0x80] + answer.sense[3..<7])
        },
        protected(
            "bad-block-alone",
            "READ(10) without protection information of a block with a wrong guard",
            "CHECK CONDITION, Bh/10h/01h",
            "SBC-3, 5.8 (RDPROTECT)"
        ) {
            unit in
            var (data, tuples) = unit.blocks(56, 1, seed: 13)
            tuples[0] ^= 1
            try unit.write(56, data, tuples, code: 3).expectGood()
            try unit.read(56, 1, code: 0).expectSense(0xb, 0x10, 1)
        },
        protected(
            "code-6",
            "READ(10) with RDPROTECT 6",
            "CHECK CONDITION, 5h/24h/00h",
            "sbc_set_prot_op_checks()"
        ) {
            unit in
            try unit.read(0, 1, code: 6).expectSense(5, 0x24, 0)
        },
        protected(
            "plain-unit",
            "READ(10) with RDPROTECT 1 of LUN 0, which has none",
            "CHECK CONDITION, 5h/24h/00h",
            "sbc_check_prot()"
        ) {
            unit in
            var other = unit
            other.lun = [1, unit.rig.device.target, 0, 0, 0, 0, 0, 0]
            try other.read(0, 1, code: 1).expectSense(5, 0x24, 0)
        },
    ]

    /// What the kernel's target does not look at, or does not do.
    private static let laid: [ConformanceCase] = [
        protected(
            "short",
            "WRITE(10) of two blocks with the protection information of one",
            "CHECK CONDITION, 5h/0Eh/03h",
            "virtio 1.2, 5.6.6.1",
            on: [.socket]
        ) {
            unit in
            let (data, tuples) = unit.blocks(60, 2, seed: 10)
            try unit.write(60, data, Array(tuples[..<8]), code: 1).expectSense(5, 0x0e, 3)
        },
        protected(
            "no-room",
            "READ(10) with pi_bytesin of all the payload",
            "BAD_TARGET",
            "virtio 1.2, 5.6.6.1",
            on: [.socket]
        ) {
            unit in
            var request = RawRequest.read(61).carrying(in: 512)
            request.lun = unit.lun
            try expect("response", 3, try unit.rig.send(request).response)
        },
        protected(
            "between",
            "READ(10) with RDPROTECT 1, pi_bytesin 0 and 520 bytes for a block",
            "the protection information behind the data",
            "SBC-3, 4.22.4",
            on: [.socket]
        ) {
            unit in
            let (data, tuples) = unit.blocks(62, 1, seed: 11)
            try unit.write(62, data, tuples, code: 1).expectGood()
            let answer = try unit.send([0x28, 0x20, 0, 0, 0, 62, 0, 0, 1, 0], room: 520)
            try answer.expectGood()
            try expect("data and protection information", data + tuples, answer.data)
        },
        protected(
            "unmapped",
            "UNMAP of a block, READ(10) with RDPROTECT 1",
            "FFh in the protection information",
            "SBC-3, 4.7.4.4",
            on: [.socket]
        ) {
            unit in
            let (data, tuples) = unit.blocks(63, 1, seed: 12)
            try unit.write(63, data, tuples, code: 1).expectGood()
            let list: [UInt8] =
                [0, 22, 0, 16, 0, 0, 0, 0] + [0, 0, 0, 0, 0, 0, 0, 63] + [0, 0, 0, 1, 0, 0, 0, 0]
            try unit.send([0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0], list).expectGood()
            let nothing = [UInt8](repeating: 0xff, count: 8) + [UInt8](repeating: 0, count: 512)
            try expect("protection information and data", nothing, try unit.read(63, 1, code: 1).data)
        },
    ]

    private static func protected(
        _ name: String,
        _ action: String,
        _ expectation: String,
        _ source: String,
        on transports: Set<Transport> = [.kernel, .socket],
        _ body: @escaping @Sendable (ProtectedUnit) throws -> Void
    ) -> ConformanceCase {
        ConformanceCase("protection.\(name)", action, expectation, source, on: transports, needs: .protection)
        { rig in
            try rig.start(features: [.version1, .t10PI])
            try body(try ProtectedUnit(rig))
        }
    }
}

/// The first unit with protection information of type 1.
private struct ProtectedUnit {
    let rig: Rig
    var lun: [UInt8]

    init(_ rig: Rig) throws {
        self.rig = rig
        lun = [1, rig.device.protectedTarget, 0, 0, 0, 0, 0, 0]
        try rig.takeNews(.ready.carrying())
        let list = try send([0xa0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0], room: 512).data
        let count = Int(list[2]) << 8 | Int(list[3])
        for start in stride(from: 8, to: min(8 + count, 512), by: 8) {
            lun = [1, rig.device.protectedTarget] + list[start..<start + 2] + [0, 0, 0, 0]
            try rig.takeNews(RawRequest.ready.at(lun: lun).carrying())
            if try capacity().data[12] & 0x0f == 1 { return }
        }
        throw Obstacle(reason: "no unit has protection information of type 1")
    }

    func send(_ block: [UInt8], _ dataOut: [UInt8] = [], room: Int = 0) throws -> Answer {
        var request = RawRequest(lun: lun, block: block, dataOut: dataOut, dataIn: room)
        request.information = (0, 0)
        return try rig.send(request)
    }

    func capacity() throws -> Answer {
        try send([0x9e, 0x10] + [UInt8](repeating: 0, count: 11) + [32, 0, 0], room: 32)
    }

    /// Blocks with the information that belongs to them.
    func blocks(_ address: UInt32, _ count: Int, seed: UInt64) -> (data: [UInt8], tuples: [UInt8]) {
        let data = Pattern.bytes(512 * count, seed: seed)
        let tuples = (0..<count).flatMap { index in
            let word = BlockGuard.word(data.span.extracting(512 * index..<512 * (index + 1)))
            return word.littleEndianBytes.reversed() + [0, 0]
                + (address + UInt32(index)).littleEndianBytes.reversed()
        }
        return (data, tuples)
    }

    /// WRITE(10), with WRPROTECT; the information goes ahead of the data.
    func write(_ address: UInt32, _ data: [UInt8], _ tuples: [UInt8], code: UInt8) throws -> Answer {
        var request = RawRequest.write(address, blocks: UInt16(data.count / 512), tuples + data)
        request.block[1] = code << 5
        return try rig.send(request.at(lun: lun).carrying(out: UInt32(tuples.count)))
    }

    /// READ(10), with RDPROTECT; the information comes ahead of the data.
    func read(_ address: UInt32, _ blocks: UInt16, code: UInt8) throws -> Answer {
        let size = code == 0 ? 0 : 8 * Int(blocks)
        var request = RawRequest.read(address, blocks: blocks, buffer: size + 512 * Int(blocks))
        request.block[1] = code << 5
        return try rig.send(request.at(lun: lun).carrying(in: UInt32(size)))
    }
}

// SPDX-License-Identifier: MIT
import LinuxSystem
import VhostSCSI

/// Requests: what is answered, and where the bytes go.
extension ConformanceCase {
    static let requests: [ConformanceCase] = answers + sizes + directions + protection

    static func request(
        _ identifier: String,
        _ action: String,
        _ expectation: String,
        _ source: String,
        needs: Needs = [],
        on transports: Set<Transport> = [.kernel, .socket],
        _ body: @escaping @Sendable (Rig) throws -> Void
    ) -> ConformanceCase {
        ConformanceCase(identifier, action, expectation, source, on: transports, needs: needs) { rig in
            try rig.startReady()
            try body(rig)
        }
    }

    private static let answers: [ConformanceCase] = [
        request(
            "request.good",
            "TEST UNIT READY",
            "response, status, residual and sense length are 0",
            "vhost_scsi_complete_cmd_work(); virtio 1.2, 5.6.6.1"
        ) { rig in
            let answer = try rig.send(.ready)
            try expect("first 12 bytes", [UInt8](repeating: 0, count: 12), Array(answer.bytes.prefix(12)))
        },
        request(
            "request.read-only-header",
            "TEST UNIT READY",
            "the header is as it was, and no byte around the buffers is written",
            "vhost_scsi_handle_vq()"
        ) { rig in
            let chain = try rig.offer(.ready)
            try rig.finish(chain).expectGood()
            try rig.expectMarginsUntouched(chain)
        },
        request(
            "request.data-in",
            "INQUIRY of 36 bytes",
            "36 bytes of a disk that is there, and no residual",
            "vhost_scsi_mapal()"
        ) { rig in
            let answer = try rig.send(.inquiry(buffer: 36))
            try answer.expectGood()
            try expect("peripheral device", 0, answer.data[0])
            try expect("additional length", "31 or more", answer.data[4], answer.data[4] >= 31)
        },
        request(
            "request.written-is-read",
            "WRITE(10) of a block, READ(10) of it",
            "the same bytes",
            "vhost_scsi_mapal()"
        ) { rig in
            let data = Pattern.bytes(512, seed: 3)
            try rig.send(.write(7, data)).expectGood()
            let answer = try rig.send(.read(7))
            try answer.expectGood()
            try expect("data", data, answer.data)
        },
        request(
            "request.margins",
            "READ(10) of 8 blocks",
            "no byte around the buffers is written",
            "vhost_scsi_mapal()"
        ) { rig in
            let chain = try rig.offer(.read(0, blocks: 8, buffer: 4096))
            try rig.finish(chain).expectGood()
            try rig.expectMarginsUntouched(chain)
        },
        request(
            "request.neighbours",
            "WRITE(10) of block 9",
            "blocks 8 and 10 stay as they were",
            "vhost_scsi_mapal()"
        ) { rig in
            try rig.send(.write(8, blocks: 3, Pattern.bytes(1536, seed: 5))).expectGood()
            try rig.send(.write(9, Pattern.bytes(512, seed: 6))).expectGood()
            let whole = Pattern.bytes(1536, seed: 5)
            let wanted = whole[..<512] + Pattern.bytes(512, seed: 6) + whole[1024...]
            try expect("data", Array(wanted), try rig.send(.read(8, blocks: 3, buffer: 1536)).data)
        },
        request(
            "request.same-tag",
            "three requests of one tag at once",
            "each is answered",
            "vhost_scsi_get_cmd()"
        ) { rig in
            for _ in 0..<3 { _ = try rig.offer(.ready) }
            try rig.kick()
            _ = try rig.awaitUsed(3)
        },
        request(
            "request.used-length",
            "INQUIRY of 36 bytes",
            "the used length is 144: response and data",
            "virtio 1.2, 2.7.8.2"
        ) { rig in
            try expect("used length", 144, try rig.send(.inquiry(buffer: 36)).used.length)
        },
        request(
            "request.used-length-write",
            "WRITE(10) of a block",
            "the used length is 108: the response",
            "virtio 1.2, 2.7.8.2"
        ) { rig in
            try expect("used length", 108, try rig.send(.write(1, Pattern.bytes(512, seed: 1))).used.length)
        },
    ]

    private static let sizes: [ConformanceCase] = [
        request("request.header-50", "a readable part of 50 bytes", "BAD_TARGET", "vhost_scsi_chk_size()") {
            rig in
            let header = Array(RawRequest.ready.header(target: rig.device.target).prefix(50))
            let answer = try rig.finish(try rig.offer(header, room: 108, Layout()))
            try expect("response", 3, answer.response)
        },
        request("request.header-none", "no readable part", "BAD_TARGET", "vhost_scsi_chk_size()") { rig in
            let answer = try rig.finish(try rig.offer([], room: 108, Layout()))
            try expect("response", 3, answer.response)
        },
        request(
            "request.response-107",
            "a writable part of 107 bytes",
            "given back with length 0, and requests go on",
            "vhost_scsi_chk_size(); virtio 1.2, 2.7.13 (every buffer is returned)"
        ) { rig in
            try rig.expectReturned(try rig.offer(.ready, Layout(), room: 107))
            try rig.send(.ready).expectGood()
        },
        request(
            "request.response-none",
            "no writable part",
            "given back with length 0, and requests go on",
            "vhost_scsi_chk_size(); virtio 1.2, 2.7.13 (every buffer is returned)"
        ) { rig in
            try rig.expectReturned(try rig.offer(.ready, Layout(), room: 0))
            try rig.send(.ready).expectGood()
        },
        request(
            "request.response-107-untouched",
            "a writable part of 107 bytes, and a request behind it",
            "the part is not written, and the request is answered",
            "vhost_scsi_chk_size()"
        ) { rig in
            let chain = try rig.offer(.ready, Layout(), room: 107)
            try rig.kick()
            SystemCalls.sleep(microseconds: Rig.silence)
            _ = rig.reap()
            try rig.send(.ready).expectGood()
            try expect("bytes", [UInt8](repeating: Rig.untouched, count: 107), rig.bytes(chain.writable))
        },
        request(
            "request.residual-inquiry",
            "INQUIRY of 36 bytes into 200",
            "a residual of 164",
            "vhost_scsi_complete_cmd_work(): residual_count"
        ) { rig in
            let answer = try rig.send(.inquiry(buffer: 200))
            try answer.expectGood(residual: 164)
            let rest = Array(answer.data.dropFirst(36))
            try expect("bytes behind the data", [UInt8](repeating: Rig.untouched, count: 164), rest)
        },
        request(
            "request.residual-read",
            "READ(10) of 1 block into 4096 bytes",
            "a residual of 3584",
            "vhost_scsi_complete_cmd_work(): residual_count"
        ) { rig in
            try rig.send(.read(0, buffer: 4096)).expectGood(residual: 3584)
        },
        request(
            "request.overrun",
            "READ(10) of 8 blocks into 512 bytes",
            "OVERRUN, and nothing behind the buffer",
            "virtio 1.2, 5.6.6.1"
        ) { rig in
            let chain = try rig.offer(.read(0, blocks: 8, buffer: 512))
            let answer = try rig.finish(chain)
            try rig.expectMarginsUntouched(chain)
            try expect("response", 1, answer.response)
        },
        request(
            "request.write-short",
            "WRITE(10) of 2 blocks with 512 bytes",
            "not GOOD: not all of it can be there",
            "target_cmd_size_check(); virtio 1.2, 5.6.6.1 (OVERRUN)"
        ) { rig in
            let answer = try rig.send(.write(20, blocks: 2, Pattern.bytes(512, seed: 9)))
            try expect(
                "response and status",
                "not 0 and 0",
                [answer.response, answer.status],
                answer.response != 0 || answer.status != 0
            )
        },
        request("request.read-nothing", "READ(10) of 0 blocks", "good: that is no error", "SBC-4, READ(10)") {
            rig in
            try rig.send(RawRequest(block: RawRequest.read(0, blocks: 0).block)).expectGood()
        },
    ]

    private static let directions: [ConformanceCase] = [
        request(
            "request.both-ways",
            "WRITE(10) with data in both parts",
            "the block is written, the writable data stays as it was",
            "vhost_scsi_handle_vq(): the readable part decides"
        ) { rig in
            var command = RawRequest.write(30, Pattern.bytes(512, seed: 8))
            command.dataIn = 64
            let answer = try rig.send(command)
            try answer.expectGood()
            try expect("data", [UInt8](repeating: Rig.untouched, count: 64), answer.data)
            try expect("block", Pattern.bytes(512, seed: 8), try rig.send(.read(30)).data)
        },
        request(
            "request.read-with-data-out",
            "READ(10) with 512 bytes in the readable part alone",
            "neither the bytes nor the block change",
            "virtio 1.2, 5.6.6.1"
        ) { rig in
            try rig.send(.write(44, Pattern.bytes(512, seed: 4))).expectGood()
            var command = RawRequest.read(44, buffer: 0)
            command.dataOut = Pattern.bytes(512, seed: 5)
            let chain = try rig.offer(command)
            _ = try rig.finish(chain)
            try rig.expectMarginsUntouched(chain)
            try expect("block", Pattern.bytes(512, seed: 4), try rig.send(.read(44)).data)
        },
        request(
            "request.no-data",
            "TEST UNIT READY with 512 bytes in the writable part",
            "a residual of 512",
            "vhost_scsi_complete_cmd_work(): residual_count"
        ) { rig in
            var command = RawRequest.ready
            command.dataIn = 512
            try rig.send(command).expectGood(residual: 512)
        },
    ]

    private static let protection: [ConformanceCase] = [
        protected(
            "none",
            "T10_PI, and TEST UNIT READY without protection information",
            "good",
            "vhost_scsi_handle_vq()"
        ) { rig in
            try rig.send(.ready.carrying()).expectGood()
        },
        protected(
            "header-58",
            "T10_PI, and a readable part of 58 bytes",
            "BAD_TARGET",
            "vhost_scsi_chk_size()"
        ) { rig in
            let header = Array(RawRequest.ready.carrying().header(target: rig.device.target).prefix(58))
            try expect("response", 3, try rig.finish(try rig.offer(header, room: 108, Layout())).response)
        },
        protected(
            "out-of-read",
            "T10_PI, and pi_bytesout 8 of a READ(10)",
            "BAD_TARGET",
            "vhost_scsi_handle_vq()"
        ) { rig in
            try expect("response", 3, try rig.send(.read(0).carrying(out: 8), Layout()).response)
        },
        protected(
            "in-of-write",
            "T10_PI, and pi_bytesin 8 of a WRITE(10)",
            "BAD_TARGET",
            "vhost_scsi_handle_vq()"
        ) { rig in
            let write = RawRequest.write(0, Pattern.bytes(512, seed: 1)).carrying(in: 8)
            try expect("response", 3, try rig.send(write, Layout()).response)
        },
    ]

    private static func protected(
        _ name: String,
        _ action: String,
        _ expectation: String,
        _ source: String,
        _ body: @escaping @Sendable (Rig) throws -> Void
    ) -> ConformanceCase {
        ConformanceCase("request.protection-\(name)", action, expectation, source, needs: .protection) {
            rig in
            try rig.start(features: [.version1, .t10PI])
            try rig.takeNews(.ready.carrying())
            try body(rig)
        }
    }
}

/// Bytes that no two places have alike.
enum Pattern {
    static func bytes(_ count: Int, seed: UInt64) -> [UInt8] {
        (0..<count).map { index in
            let mixed = (UInt64(index) &+ seed &* 0x9e37_79b9) &* 0xbf58_476d_1ce4_e5b9
            return UInt8(truncatingIfNeeded: mixed >> 29)
        }
    }
}

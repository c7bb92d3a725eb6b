// SPDX-License-Identifier: MIT

/// What a mutation does to the bytes of a chain before it is given back.
struct RingFault {
    let ring: Int
    let mutation: Mutation

    /// The place of the response's code: behind `struct virtio_scsi_cmd_resp`'s numbers, or the last byte of an answer
    /// to a control request.
    private func code(_ count: Int) -> Int { ring == 0 ? (count >= 5 ? 4 : 0) : 11 }

    func spoil(_ readable: [ProxyPiece], _ writable: [ProxyPiece]) {
        let count = writable.byteCount
        switch mutation {
        case .changesResponse where ring != 1: writable.change(code(count)) { $0 ^= 8 }
        case .changesStatus where ring > 1: writable.change(10) { $0 ^= 2 }
        case .changesSense where ring > 1: writable.change(14) { $0 ^= 1 }
        case .cutsSense where ring > 1: writable.change(0) { $0 = 0 }
        case .keepsSense where ring > 1: writable.change(0) { $0 = 18 }
        case .changesResidual where ring > 1: writable.change(5) { $0 ^= 2 }
        case .clearsResidual where ring > 1: for place in 4..<8 { writable.change(place) { $0 = 0 } }
        case .changesDataStart: writable.change(ring == 1 ? 0 : 108) { $0 ^= 1 }
        case .changesDataEnd: if count > 108 || ring == 1 { writable.change(count - 1) { $0 ^= 1 } }
        case .spoilsHeader: writable.change(1) { $0 ^= 1 }
        case .changesTail: if count < 108 { writable.change(count - 1) { $0 ^= 1 } }
        case .writesReadable: readable.change(readable.byteCount - 1) { $0 ^= 1 }
        case .writesBehind:
            // Memory goes on behind every buffer.
            for piece in writable { unsafe (piece.pointer + piece.count).storeBytes(of: 0, as: UInt8.self) }
        case .forgetsMissed where ring == 1: writable.change(3) { $0 &= 0x7f }
        case .inventsMissed where ring == 1: writable.change(3) { $0 |= 0x80 }
        default: break
        }
    }
}

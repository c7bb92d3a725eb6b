// SPDX-License-Identifier: MIT

/// The command and the parameter list of PERSISTENT RESERVE OUT.
struct ReserveParameters {
    let key: UInt64
    /// SERVICE ACTION RESERVATION KEY.
    let newKey: UInt64
    /// APTPL, nil where the service action has nothing of it.
    let isKept: Bool?
    /// UNREG of REGISTER AND MOVE.
    let unregisters: Bool
    /// Whom REGISTER AND MOVE is to register.
    let transportID: [UInt8]
    let byteCount: Int
    private let scopeAndType: UInt8

    init(
        _ command: Command,
        _ dataOut: Span<UInt8>,
        _ action: ReserveOutCommand.Action
    ) throws(Refusal) {
        let length = command.block.length(at: 5, bytes: 4)
        let isMove = action == .registerAndMove
        guard length == 24 || isMove && length > 24, dataOut.count >= length else {
            throw .check(.parameterListLength)
        }
        byteCount = length
        scopeAndType = command.block[2]
        key = dataOut.number(at: 0, bytes: 8)
        newKey = dataOut.number(at: 8, bytes: 8)
        let flags = dataOut[isMove ? 17 : 20]
        unregisters = isMove && flags & 0x02 != 0
        transportID = isMove ? try Self.transportID(dataOut.extracting(first: length)) : []
        switch action {
        case .register, .registerAndIgnore, .registerAndMove: isKept = flags & 0x01 != 0
        default: isKept = nil
        }
        // SPEC_I_PT: nobody can be registered by another but with REGISTER AND MOVE.
        if !isMove && flags & 0x08 != 0 { throw .check(.invalidParameter(byte: 20, bit: 3)) }
        if isKept == true && command.unit.reservationFile == nil {
            throw .check(.invalidParameter(byte: isMove ? 17 : 20, bit: 0))
        }
    }

    private static func transportID(_ list: Span<UInt8>) throws(Refusal) -> [UInt8] {
        let length = list.number(at: 20, bytes: 4)
        guard length == UInt64(list.count - 24) else { throw .check(.invalidParameter(byte: 20)) }
        guard list.number(at: 18, bytes: 2) == UInt64(TargetPort.relativeIdentifier) else {
            throw .check(.invalidParameter(byte: 18))
        }
        return (24..<list.count).map { list[$0] }
    }

    /// The reservation's type; its scope is always the unit.
    func type() throws(Refusal) -> ReservationType {
        guard scopeAndType >> 4 == 0, let type = ReservationType(rawValue: scopeAndType & 0x0f) else {
            throw .check(.invalidField(byte: 2))
        }
        return type
    }
}

// SPDX-License-Identifier: MIT
import SCSITarget
import SystemPackage
import Testing

/// An initiator that sends commands to a unit of a target.
struct Initiator {
    let target: TargetDevice
    var lun: UInt16 = 0
    var nexus = Nexus("iqn.2026-11.test:a")

    /// What came of a command.
    struct Answer {
        let outcome: CommandOutcome
        let data: [UInt8]

        /// Sense key, code and qualifier of sense data in either format.
        var sense: [UInt8]? {
            switch outcome.sense.first.map({ $0 & 0x7f }) {
            case 0x70: [outcome.sense[2], outcome.sense[12], outcome.sense[13]]
            case 0x72: Array(outcome.sense[1...3])
            default: nil
            }
        }

        /// The number in `count` bytes of the data, as far as they are there.
        func number(_ offset: Int, _ count: Int) -> UInt64 {
            data.dropFirst(offset).prefix(count).reduce(0) { $0 << 8 | UInt64($1) }
        }
    }

    /// A target with one unit in memory, whose POWER ON has been told already.
    init(blocks: UInt64 = 256, blockSize: Int = 512) throws {
        self.init(store: try RAMStore(byteCount: blocks * UInt64(blockSize), blockSize: blockSize))
    }

    init(store: any BlockStore, reservations: ReservationFile? = nil, protection: UnitProtection? = nil) {
        target = TargetDevice()
        let unit = LogicalUnit(
            store: store,
            identity: UnitIdentity(serial: "unit-0"),
            reservations: reservations,
            protection: protection
        )
        target.attach(unit, at: 0)
        _ = send([0])
    }

    /// Another initiator of the same unit, whose POWER ON has been told already.
    func other(_ name: String) -> Initiator {
        var other = self
        other.nexus = Nexus("iqn.2026-11.test:\(name)")
        _ = other.send([0])
        return other
    }

    func send(
        _ cdb: [UInt8],
        _ dataOut: [UInt8] = [],
        room: Int = 4096,
        information: SeparateInformation = SeparateInformation()
    ) -> Answer {
        var dataIn = [UInt8](repeating: 0xa5, count: room)
        var span = dataIn.mutableSpan
        let outcome = target.execute(
            cdb.span,
            lun: lun,
            from: nexus,
            information: information,
            dataOut: dataOut.span,
            dataIn: &span
        )
        return Answer(outcome: outcome, data: Array(dataIn[..<outcome.dataInCount]))
    }

    func isGood(
        _ cdb: [UInt8],
        _ dataOut: [UInt8] = [],
        room: Int = 4096,
        information: SeparateInformation = SeparateInformation()
    ) -> Bool {
        send(cdb, dataOut, room: room, information: information).outcome.status == .good
    }
}

/// Bytes of a number, highest first.
func bytes(_ value: UInt64, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * (count - 1 - $0))) }
}

/// READ(32) or WRITE(32), with the tags that are expected.
func long(
    _ action: UInt16,
    _ address: UInt64,
    _ blocks: UInt64,
    code: UInt8,
    reference: UInt32,
    application: UInt16 = 0,
    mask: UInt16 = 0
) -> [UInt8] {
    let head: [UInt8] = [0x7f, 0, 0, 0, 0, 0, 0, 0x18] + bytes(UInt64(action), 2) + [code << 5, 0]
    let tags = bytes(UInt64(reference), 4) + bytes(UInt64(application), 2) + bytes(UInt64(mask), 2)
    return head + bytes(address, 8) + tags + bytes(blocks, 4)
}

func read16(_ address: UInt64, _ blocks: UInt64, flags: UInt8 = 0) -> [UInt8] {
    [0x88, flags] + bytes(address, 8) + bytes(blocks, 4) + [0, 0]
}

func write16(_ address: UInt64, _ blocks: UInt64, flags: UInt8 = 0) -> [UInt8] {
    [0x8a, flags] + bytes(address, 8) + bytes(blocks, 4) + [0, 0]
}

extension TargetDevice {
    /// TARGET RESET: resets every unit.
    func reset() { for lun in luns { self[lun]?.reset() } }
}

// SPDX-License-Identifier: MIT
import LinuxSystem
import SCSITarget
import SystemPackage
import Testing

/// Commands at random, with random data, for as long as `RINGSIDE_RANDOM_COMMANDS` says (a million by default).
struct RandomCommandTests {
    /// The same sequence for the same seed.
    private struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state ^ state >> 29) &* 0xff51_afd7_ed55_8ccd
        }
    }

    private static let opcodes: [UInt8] = [
        0x00, 0x03, 0x08, 0x0a, 0x12, 0x15, 0x16, 0x17, 0x1a, 0x1b, 0x1e, 0x25, 0x28, 0x2a, 0x2e, 0x2f, 0x34,
        0x35,
        0x41, 0x42, 0x55, 0x56, 0x57, 0x5a, 0x5e, 0x5f, 0x7f, 0x88, 0x89, 0x8a, 0x8b, 0x8e, 0x8f, 0x90, 0x91,
        0x93,
        0x9e, 0xa0, 0xa3, 0xa8, 0xaa, 0xae, 0xaf,
    ]

    /// Mostly zeroes and small numbers, so that some commands get through.
    private func command(_ random: inout Generator) -> [UInt8] {
        var cdb = [UInt8](repeating: 0, count: 32)
        let kind = random.next()
        for _ in 0..<(kind & 7) {
            let bits = random.next()
            let byte = UInt8(truncatingIfNeeded: bits)
            // Half of them in the first half, where all commands have their fields.
            let position = Int(bits >> 8 & (bits >> 62 == 0 ? 31 : 15))
            cdb[position] = bits >> 60 & 3 == 0 ? byte : byte & 0x0f
        }
        let index = Int(kind >> 8 & 0xffff) % Self.opcodes.count
        cdb[0] = kind >> 58 == 0 ? UInt8(truncatingIfNeeded: kind >> 16) : Self.opcodes[index]
        return cdb
    }

    @Test func nothingTrapsOrOverruns() throws {
        let count = SystemCalls.environmentValue("RINGSIDE_RANDOM_COMMANDS").flatMap { Int($0) } ?? 1_000_000
        var random = Generator(state: 2026)
        let first = try Initiator(blocks: 64)
        first.target.attach(
            LogicalUnit(store: try NullStore(byteCount: 1 << 45), identity: UnitIdentity(serial: "large")),
            at: 1
        )
        var initiators = [first, first.other("b"), first.other("c")]
        let sizes = [0, 5, 8, 24, 512, 1000, 8192]
        let bytes = (0..<8192).map { _ in UInt8.random(in: 0...8, using: &random) }
        let data = Dictionary(uniqueKeysWithValues: sizes.map { ($0, Array(bytes[..<$0])) })
        var statuses: [SCSIStatus: Int] = [:]
        for index in 0..<count {
            // Now and then everybody may go on.
            if index % 1000 == 0 { first.target.reset() }
            let cdb = command(&random)
            let choice = Int(random.next() >> 40)
            let (sent, room) = (sizes[choice % 7], sizes[choice / 7 % 7])
            initiators[choice / 49 % 3].lun = choice >> 20 == 0 ? 2 : choice >> 20 < 3 ? 1 : 0
            let outcome = initiators[choice / 49 % 3].send(cdb, data[sent] ?? [], room: room).outcome
            statuses[outcome.status, default: 0] += 1
            let isSound =
                outcome.dataInCount <= room && outcome.dataOutCount <= sent
                && outcome.dataInCount + outcome.dataOutCount <= outcome.wanted
                && (outcome.status == .checkCondition) == !outcome.sense.isEmpty
                && outcome.sense.count <= 28
            try #require(isSound, "\(cdb) with \(sent) bytes and room for \(room): \(outcome)")
        }
        // All kinds of ends were reached, and the unit is as good as before.
        #expect(
            statuses[.good, default: 0] > count / 20 && statuses[.checkCondition, default: 0] > count / 20
        )
        #expect(statuses[.reservationConflict, default: 0] > 0)
    }
}

// SPDX-License-Identifier: MIT

/// INQUIRY: what the unit is. The pages of vital product data are in `VitalProductData`.
enum InquiryCommand {
    static let opcode: UInt8 = 0x12

    static let rows = [
        CommandRow(
            opcode,
            "INQUIRY",
            usage: [0x01, 0xff, 0xff, 0xff, 0x04],
            .never,
            passesAttention: true,
            body: .answer(run)
        )
    ]

    @Sendable
    private static func run(_ command: Command) throws(Refusal) -> ShortAnswer {
        let page = command.block[2]
        if command.block.bit(1, of: 1) { throw .check(.invalidField(byte: 1, bit: 1)) }
        let bytes: [UInt8]
        if command.block.bit(0, of: 1) {
            guard let body = VitalProductData.page(page, of: command.unit) else {
                throw .check(.invalidField(byte: 2))
            }
            bytes = body
        } else {
            guard page == 0 else { throw .check(.invalidField(byte: 2)) }
            bytes = standardData(command.unit)
        }
        return ShortAnswer(bytes, allocation: command.block.length(at: 3, bytes: 2))
    }

    /// The standard INQUIRY data: 96 bytes.
    private static func standardData(_ unit: LogicalUnit) -> [UInt8] {
        let identity = unit.identity
        // A disk, SPC-4, LUNs of several levels, implicit target port groups, PROTECT, command queueing.
        let groups: UInt8 = unit.protection == nil ? 0x10 : 0x11
        var bytes: [UInt8] = [0x00, 0x00, 0x06, 0x12, 96 - 5, groups, 0x00, 0x02]
        bytes.append(identity.vendor, width: 8)
        bytes.append(identity.product, width: 16)
        bytes.append(identity.revision, width: 4)
        bytes += [UInt8](repeating: 0, count: 58 - bytes.count)
        // SAM-5, SPC-4 and SBC-3, no version claimed.
        for descriptor: UInt16 in [0x00a0, 0x0460, 0x04c0] { bytes.append(bigEndian: descriptor) }
        return bytes + [UInt8](repeating: 0, count: 96 - bytes.count)
    }
}

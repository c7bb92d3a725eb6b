// SPDX-License-Identifier: MIT
import LinuxSystem

/// The pages of vital product data, from SPC-4 and SBC-3.
enum VitalProductData {
    private static let pages: [(code: UInt8, body: @Sendable (LogicalUnit) -> [UInt8])] = [
        (0x00, { _ in pages.map(\.code) }),
        (0x80, { serial(of: $0.identity) }),
        (0x83, { designators(of: $0.identity) }),
        (0x86, extendedInquiry),
        (0xb0, blockLimits),
        (0xb1, { _ in characteristics }),
        (0xb2, provisioning),
    ]

    /// A page with its header; nil where the unit has no such page.
    static func page(_ code: UInt8, of unit: LogicalUnit) -> [UInt8]? {
        guard let page = pages.first(where: { $0.code == code }) else { return nil }
        let body = page.body(unit)
        var bytes: [UInt8] = [0x00, code]
        bytes.append(bigEndian: UInt16(body.count))
        return bytes + body
    }

    private static func serial(of identity: UnitIdentity) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(identity.serial, width: min(identity.serial.utf8.count, 36))
        return bytes
    }

    private static func extendedInquiry(_ unit: LogicalUnit) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 60)
        bytes[0] = unit.protection.map { checks($0.type) } ?? 0
        // HEADSUP, ORDSUP and SIMPSUP; V_SUP where there is a cache.
        bytes[1] = 0x07
        bytes[2] = unit.store.hasWriteCache ? 0x01 : 0
        return bytes
    }

    /// SPT, GRD_CHK, APP_CHK and REF_CHK: the one type that the unit has, and what is checked of it.
    private static func checks(_ type: ProtectionType) -> UInt8 {
        switch type {
        case .one: 0b000 << 3 | 0x5
        case .two: 0b010 << 3 | 0x7
        case .three: 0b100 << 3 | 0x4
        }
    }

    private static func blockLimits(_ unit: LogicalUnit) -> [UInt8] {
        let size = unit.store.blockSize
        let unmaps = CommandRow.Presence.withUnmap.holds(on: unit)
        // WSNZ: WRITE SAME takes no length of zero.
        var bytes: [UInt8] = [0x01, UInt8(TransferLimits.compareAndWriteBlocks)]
        bytes.append(bigEndian: UInt16(4096 / size))
        bytes.append(bigEndian: UInt32(LogicalUnit.maximumTransfer / size))
        // The optimal transfer length is 1 MiB; PRE-FETCH has no limit.
        bytes.append(bigEndian: UInt32((1 << 20) / size))
        bytes.append(bigEndian: UInt32(0))
        bytes.append(bigEndian: UInt32(unmaps ? TransferLimits.unmapBlocks : 0))
        bytes.append(bigEndian: UInt32(unmaps ? TransferLimits.unmapDescriptors : 0))
        bytes.append(bigEndian: UInt32(unmaps ? unit.store.unmapGranularity / size : 0))
        // UGAVALID: the block that the first whole granule begins with.
        bytes.append(bigEndian: unmaps ? 0x8000_0000 | UInt32(unit.store.unmapAlignment / size) : 0)
        bytes.append(bigEndian: UInt64(LogicalUnit.maximumTransfer / size))
        return bytes + [UInt8](repeating: 0, count: 60 - bytes.count)
    }

    /// Block device characteristics: the medium does not rotate; FUAB: SYNCHRONIZE CACHE and FUA keep their word.
    private static let characteristics: [UInt8] =
        [0x00, 0x01, 0, 0, 0x02] + [UInt8](repeating: 0, count: 55)

    private static func provisioning(_ unit: LogicalUnit) -> [UInt8] {
        guard CommandRow.Presence.withUnmap.holds(on: unit) else { return [0, 0, 0, 0] }
        // Thin: LBPU, and where that gives zeroes LBPWS, LBPWS10 and LBPRZ.
        return [0, unit.unmapsToZeroes ? 0xe4 : 0x80, 0x02, 0]
    }
}

/// The limits that the block limits page reports and the commands keep, against work without bound.
enum TransferLimits {
    /// COMPARE AND WRITE, in blocks; the field has one byte.
    static let compareAndWriteBlocks = 255
    /// UNMAP, in blocks over all its descriptors.
    static let unmapBlocks = 1 << 20
    /// UNMAP, in descriptors.
    static let unmapDescriptors = 256
}

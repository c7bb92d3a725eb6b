// SPDX-License-Identifier: MIT
import LinuxSystem

extension VitalProductData {
    /// The device identification page: the unit by three names, the target port by two.
    static func designators(of identity: UnitIdentity) -> [UInt8] {
        var vendorName: [UInt8] = []
        vendorName.append(identity.vendor, width: 8)
        vendorName.append(
            "\(identity.product) \(identity.serial)",
            width: identity.product.utf8.count + 1 + identity.serial.utf8.count
        )
        let name = worldWideName(of: identity)
        return designator(.binary, .unit, 3, name)
            + designator(.ascii, .unit, 1, vendorName)
            + designator(.utf8, .unit, 8, nameString(name))
            + designator(.binary, .port, 4, [0, 0, 0, UInt8(TargetPort.relativeIdentifier)])
            + designator(.binary, .port, 5, [0, 0, 0, UInt8(TargetPort.group)])
    }

    /// The unit's worldwide name of eight bytes, locally assigned (NAA 3h), the same for the same serial number.
    static func worldWideName(of identity: UnitIdentity) -> [UInt8] {
        let hash = StableHash.hash("\(identity.vendor):\(identity.product):\(identity.serial)")
        var bytes: [UInt8] = []
        bytes.append(bigEndian: 0x3 << 60 | hash >> 4)
        return bytes
    }

    /// `naa.` and the name in hexadecimal, ended and filled with NULs to a multiple of four bytes.
    private static func nameString(_ name: [UInt8]) -> [UInt8] {
        let digits = Array("0123456789ABCDEF".utf8)
        let text = Array("naa.".utf8) + name.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return text + [UInt8](repeating: 0, count: 4 - text.count % 4)
    }

    private enum CodeSet: UInt8 { case binary = 1, ascii, utf8 }
    private enum Association: UInt8 { case unit = 0, port }

    private static func designator(
        _ code: CodeSet,
        _ association: Association,
        _ type: UInt8,
        _ bytes: [UInt8]
    ) -> [UInt8] {
        [code.rawValue, association.rawValue << 4 | type, 0, UInt8(bytes.count)] + bytes
    }
}

/// The one port of the target, in the one group that there is.
enum TargetPort {
    static let relativeIdentifier: UInt16 = 1
    static let group: UInt16 = 1
}

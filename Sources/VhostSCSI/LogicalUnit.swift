// SPDX-License-Identifier: MIT

/// What a logical unit says about itself in its standard INQUIRY data.
public struct SCSIInquiry: Equatable, Sendable {
    /// The bytes that the standard guarantees.
    static let byteCount = 36

    /// The peripheral device type: 0 for a disk, 31 where there is no logical unit.
    public let deviceType: UInt8
    /// The peripheral qualifier: 0 where a device is connected.
    public let qualifier: UInt8
    public let vendor: String
    public let product: String
    public let revision: String

    /// Reads at least 36 bytes; nil where there are fewer.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count >= Self.byteCount else { return nil }
        deviceType = bytes[0] & 0x1f
        qualifier = bytes[0] >> 5
        vendor = Self.text(bytes[8..<16])
        product = Self.text(bytes[16..<32])
        revision = Self.text(bytes[32..<36])
    }

    /// True where a logical unit is there.
    public var isPresent: Bool { qualifier == 0 && deviceType != 0x1f }

    /// The device type's name.
    public var typeName: String {
        switch deviceType {
        case 0: "disk"
        case 1: "tape"
        case 3: "processor"
        case 4: "write-once"
        case 5: "cd/dvd"
        case 7: "optical"
        case 8: "changer"
        case 12: "array controller"
        case 13: "enclosure"
        case 20: "zoned disk"
        case 31: "none"
        default: "type \(deviceType)"
        }
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String {
        let printable = bytes.map { (0x20..<0x7f).contains($0) ? $0 : 0x3f }
        let end = printable.lastIndex { $0 != 0x20 }.map { $0 + 1 } ?? 0
        return String(decoding: printable[..<end], as: UTF8.self)
    }
}

/// The size of a logical unit.
public struct SCSICapacity: Equatable, Sendable {
    /// The number of logical blocks.
    public let blocks: UInt64
    /// The size of one in bytes.
    public let blockSize: Int

    /// The whole size in bytes.
    public var byteCount: UInt64 { blocks * UInt64(blockSize) }

    public init(blocks: UInt64, blockSize: Int) {
        self.blocks = blocks
        self.blockSize = blockSize
    }

    /// Reads the answer to READ CAPACITY(10); nil where it is short or senseless, or the size takes more than 32 bits.
    init?(ten bytes: [UInt8]) {
        guard bytes.count >= 8 else { return nil }
        let last = Self.number(bytes[0..<4])
        if last == UInt64(UInt32.max) { return nil }
        self.init(last: last, size: Self.number(bytes[4..<8]))
    }

    /// Reads the answer to READ CAPACITY(16); nil where it is short or senseless.
    init?(sixteen bytes: [UInt8]) {
        guard bytes.count >= 12 else { return nil }
        self.init(last: Self.number(bytes[0..<8]), size: Self.number(bytes[8..<12]))
    }

    private init?(last: UInt64, size: UInt64) {
        guard (1...65536).contains(size), last < UInt64.max / 65536 else { return nil }
        self.init(blocks: last + 1, blockSize: Int(size))
    }

    static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }
}

/// The answer to REPORT LUNS.
enum SCSILUNList {
    /// The most that one target of virtio-scsi has.
    static let byteCount = 8 + 16384 * 8

    /// Reads the list; entries that are no single-level LUN (peripheral or flat addressing) are left out.
    static func decode(_ bytes: [UInt8]) -> [UInt16]? {
        guard bytes.count >= 8 else { return nil }
        let count = Int(SCSICapacity.number(bytes[0..<4])) / 8
        guard bytes.count >= 8 + count * 8 else { return nil }
        return (0..<count).compactMap { index in
            let entry = bytes[(8 + index * 8)...].prefix(2)
            let number = UInt16(SCSICapacity.number(entry))
            return number >> 14 < 2 ? number & 0x3fff : nil
        }
    }
}

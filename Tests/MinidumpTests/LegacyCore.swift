// SPDX-License-Identifier: MIT
import LinuxSystem
import CMinidump
@testable import Minidump

/// Header regions as other writers laid them out: section headers, program headers, then names one behind the other.
struct LegacyCore {
    struct Client {
        var name: String
        var virtualAddress: UInt64
        var physicalAddress: UInt64
        var content: [UInt8]
    }

    /// Both tables have room for this many entries, the fixed sections included.
    var capacity = 200
    var hasTableSection = true
    var hasBanner = true
    var clients: [Client]

    /// The driver that was reviewed.
    static func original(_ clients: [Client]) -> LegacyCore { LegacyCore(clients: clients) }
    /// A vendor's tree without a banner, and with room for one entry more.
    static func downstream(_ clients: [Client]) -> LegacyCore {
        LegacyCore(capacity: 201, hasTableSection: false, hasBanner: false, clients: clients)
    }

    private static let banner = Array("Linux version 6.1.0 (legacy)\0".utf8)
    private var stringsOffset: Int { 64 + 120 * capacity }
    private var bannerOffset: Int { stringsOffset + 16 * capacity }
    private var headerSize: Int { (bannerOffset + Self.banner.count + 120 * 4 + 3) / 4 * 4 }

    /// The header region alone.
    var header: [UInt8] {
        var strings: [UInt8] = [0]
        var (sections, segments) = ([UInt8](repeating: 0, count: 64), [UInt8]())
        func append(
            _ name: String,
            _ type: UInt32,
            _ flags: UInt64,
            _ address: UInt64,
            _ offset: Int,
            _ size: Int
        ) {
            sections += [UInt32(strings.count), type].flatMap(\.littleEndianBytes)
            sections += [flags, address, UInt64(offset), UInt64(size), 0, 0, 0].flatMap(\.littleEndianBytes)
            strings += Array(name.utf8) + [0]
        }
        func load(_ offset: Int, _ virtual: UInt64, _ physical: UInt64, _ size: Int) {
            segments += [MD_ELF_PT_LOAD, MD_ELF_PF_RW].flatMap(\.littleEndianBytes)
            segments += [UInt64(offset), virtual, physical, UInt64(size), UInt64(size), 0].flatMap(
                \.littleEndianBytes
            )
        }
        append("STR_TBL", MD_ELF_SHT_STRTAB, 0, 0, stringsOffset, 16 * capacity)
        if hasTableSection { append("minidump_table", MD_ELF_SHT_PROGBITS, 0, 0xffff_ffff_8100_0000, 0, 0) }
        if hasBanner {
            append(
                "linux_banner",
                MD_ELF_SHT_PROGBITS,
                1,
                0xffff_ffff_8200_0000,
                bannerOffset,
                Self.banner.count
            )
            load(bannerOffset, 0xffff_ffff_8200_0000, 0x200_0000, Self.banner.count)
        }
        var offset = headerSize
        for client in clients {
            append(client.name, MD_ELF_SHT_PROGBITS, 1, client.virtualAddress, offset, client.content.count)
            load(offset, client.virtualAddress, client.physicalAddress, client.content.count)
            offset += client.content.count
        }
        let head = elfHeader(sections: sections.count / 64, segments: segments.count / 56)
        // In the original's order: what does not fit runs over what comes next.
        return Self.overlay(
            headerSize,
            [
                (stringsOffset, strings), (bannerOffset, hasBanner ? Self.banner : []),
                (64 + 64 * capacity, segments),
            ]
                + [(64, sections), (0, head)]
        )
    }

    /// The header region, and the clients' memory in their order, as collectors put them together.
    var file: [UInt8] { header + clients.flatMap(\.content) }

    private func elfHeader(sections: Int, segments: Int) -> [UInt8] {
        [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1] + [UInt8](repeating: 0, count: 9)
            + [UInt16(MD_ELF_CORE), UInt16(MD_ELF_AARCH64)].flatMap(\.littleEndianBytes)
            + UInt32(1).littleEndianBytes
            + [0, UInt64(64 + 64 * capacity), 64].flatMap(\.littleEndianBytes)
            + UInt32(0).littleEndianBytes
            + [64, 56, segments, 64, sections, 1].flatMap { UInt16($0).littleEndianBytes }
    }

    private static func overlay(_ size: Int, _ parts: [(Int, [UInt8])]) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: size)
        for (offset, part) in parts { bytes.replaceSubrange(offset..<offset + part.count, with: part) }
        return bytes
    }
}

// SPDX-License-Identifier: MIT
public import LinuxSystem
public import SystemPackage

/// The program headers of an ELF core that QEMU wrote of a guest's memory.
///
/// QEMU knows physical addresses only. A debugger that looks page tables up by their virtual address, as drgn does, finds
/// nothing by those; the kernel's own `/proc/vmcore` has the addresses at which the kernel maps all memory, and its text.
public enum CoreHeaders {
    /// Gives each segment the address at which a Linux kernel on x86-64 maps it, and its image a segment more; leaves a
    /// core alone whose kernel does not say in its notes that it was not moved.
    public static func addVirtualAddresses(to core: FilePath) throws(OperationError) {
        do {
            let file = try FileDescriptor.open(core, .readWrite, options: .closeOnExec)
            try file.closeAfter {
                guard let bytes = headers(mapping: try file.readBytes(upTo: 1 << 16)) else { return }
                try file.seek(offset: 0, from: .start)
                _ = try file.writeAll(bytes)
            }
        } catch {
            throw OperationError("write the headers of", core.string, errno: error as? Errno)
        }
    }

    /// The address of physical address 0 where memory is not randomized, with four levels of page tables.
    private static let directMap: UInt64 = 0xffff_8880_0000_0000
    /// The address of physical address 0 in the mapping of the kernel's image, and how much that can hold.
    private static let imageMap: UInt64 = 0xffff_ffff_8000_0000
    private static let imageSize: UInt64 = 512 << 20

    /// The ELF header and the program headers for a core that begins so; nil where they cannot be told or have no room.
    static func headers(mapping start: [UInt8]) -> [UInt8]? {
        let isELF64 = start.starts(with: [0x7f] + Array("ELF".utf8) + [2, 1])
        guard isELF64, start.count > 64, isUnmoved(start) else { return nil }
        let (place, count) = (UInt64(littleEndian: start, at: 32), UInt16(littleEndian: start, at: 56))
        guard place < 1 << 15, Int(place) + Int(count) * Segment.size <= start.count else { return nil }
        let segments = (0..<Int(count)).map { Segment(start, at: Int(place) + $0 * Segment.size) }
        let image = segments.first { $0.isLoaded && $0.physical <= 16 << 20 && $0.end > 16 << 20 }
        guard var image else { return nil }
        image.virtual = imageMap + image.physical
        image.shorten(to: imageSize - image.physical)
        let notes = segments.filter { !$0.isLoaded }
        let loads = segments.filter(\.isLoaded).map { segment in
            var segment = segment
            segment.virtual = directMap + segment.physical
            return segment
        }
        let all = notes + [image] + loads
        // QEMU's section headers, which nobody reads, make room.
        guard all.allSatisfy({ $0.offset >= 64 + all.count * Segment.size }) else { return nil }
        let noSections = UInt64(0).littleEndianBytes
        let header =
            start[..<32] + UInt64(64).littleEndianBytes + noSections + start[48..<56]
            + UInt16(all.count).littleEndianBytes + noSections.prefix(6)
        return header + all.flatMap(\.bytes)
    }

    /// Whether the kernel's note (`VMCOREINFO`) says that it runs where it was linked.
    private static func isUnmoved(_ start: [UInt8]) -> Bool {
        let lines = start.split { $0 == UInt8(ascii: "\n") || $0 == 0 }
        return lines.contains { $0.elementsEqual("KERNELOFFSET=0".utf8) }
            && lines.contains { $0.elementsEqual("NUMBER(phys_base)=0".utf8) }
    }
}

/// One program header of a 64-bit ELF file.
private struct Segment {
    private(set) var bytes: [UInt8]

    static let size = 56

    init(_ file: [UInt8], at place: Int) { bytes = Array(file[place..<place + Self.size]) }

    /// `PT_LOAD`.
    var isLoaded: Bool { UInt32(littleEndian: bytes, at: 0) == 1 }
    var offset: Int { Int(truncatingIfNeeded: UInt64(littleEndian: bytes, at: 8)) }
    var physical: UInt64 { UInt64(littleEndian: bytes, at: 24) }
    /// The physical address behind it.
    var end: UInt64 { physical &+ UInt64(littleEndian: bytes, at: 32) }

    var virtual: UInt64 {
        get { UInt64(littleEndian: bytes, at: 16) }
        set { bytes.replaceSubrange(16..<24, with: newValue.littleEndianBytes) }
    }

    mutating func shorten(to limit: UInt64) {
        for place in [32, 40] where UInt64(littleEndian: bytes, at: place) > limit {
            bytes.replaceSubrange(place..<place + 8, with: limit.littleEndianBytes)
        }
    }
}

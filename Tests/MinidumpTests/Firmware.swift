// SPDX-License-Identifier: MIT
import CMinidump
import LinuxSystem
import SystemPackage

/// A small memory image with tables that the C core wrote, as a running kernel would have left them.
final class Firmware {
    static let imageSize = 1 << 20
    static let tocAddress = 0x1000
    static let copyAddresses = [0x10000, 0x50000]
    static let headerOffset = 0x20000

    private(set) var image = [UInt8](repeating: 0, count: imageSize)
    var names: [String] = []

    /// What the kernel is to add to the physical address of a region.
    private let mapping: UInt64
    private let elfClass: UInt32

    /// Registers regions of `size` bytes at 0x90000 and on, each filled with its own pattern.
    init(
        regions: Int = 8,
        capacity: UInt32 = 200,
        size: Int = 4096,
        note: [UInt8] = [],
        elfClass: UInt32 = MD_ELF_CLASS64,
        mapping: UInt64 = 0xffff_c900_0000_0000
    ) throws {
        (self.elfClass, self.mapping) = (elfClass, mapping)
        var registered: [String] = []
        try unsafe image.withUnsafeMutableBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            registered = try unsafe build(base, regions, capacity, size, note)
        }
        names = registered
    }

    // The image is 8-aligned, and every address below stays inside of it while the core writes to it.
    private func build(
        _ base: UnsafeMutableRawPointer,
        _ regions: Int,
        _ capacity: UInt32,
        _ size: Int,
        _ note: [UInt8]
    ) throws -> [String] {
        let toc = unsafe (base + Self.tocAddress).bindMemory(to: UInt32.self, capacity: 4)
        unsafe toc[0] = MD_STATUS_READY
        unsafe toc[1] = MD_REVISION
        unsafe toc[2] = MD_ENABLED
        let banner = Array("Linux version 6.1.0 (test)\n".utf8CString)
        return try unsafe banner.withUnsafeBufferPointer { banner in
            try unsafe note.withUnsafeBytes { note in
                var format = unsafe md_format(
                    capacity: capacity,
                    elf_class: elfClass,
                    machine: elfClass == MD_ELF_CLASS64 ? MD_ELF_X86_64 : MD_ELF_ARM,
                    banner: banner.baseAddress,
                    note: note.isEmpty ? nil : note.baseAddress,
                    note_size: UInt32(note.count)
                )
                return try unsafe fill(base, &format, regions, size)
            }
        }
    }

    private func fill(
        _ base: UnsafeMutableRawPointer,
        _ format: inout md_format,
        _ regions: Int,
        _ size: Int
    ) throws -> [String] {
        var layout = md_layout()
        try Errno.check(unsafe md_layout_init(&format, &layout))
        let storage = UnsafeMutableRawPointer.allocate(byteCount: Int(layout.storage_size), alignment: 8)
        defer { unsafe storage.deallocate() }
        let copies = unsafe Self.copyAddresses.map { address in
            unsafe md_copy(
                regions: (base + address).assumingMemoryBound(to: minidump_region.self),
                regions_phys: UInt64(address),
                header: base + address + Self.headerOffset,
                header_phys: UInt64(address + Self.headerOffset),
                header_virt: (elfClass == MD_ELF_CLASS64 ? 0xffff_8880_0000_0000 : mapping)
                    + UInt64(address + Self.headerOffset)
            )
        }
        var memory = unsafe md_memory(copies: (copies[0], copies[1]), storage: storage)
        var table = unsafe md_table()
        try Errno.check(unsafe md_table_init(&table, &format, &memory))
        let subsystem = unsafe (base + Self.tocAddress + 16).assumingMemoryBound(to: minidump_subsystem.self)
        try Errno.check(unsafe md_table_show(&table, subsystem))
        return try (0..<regions).map { index in
            let name = "KREGION\(index)"
            let address = 0x90000 + index * (size + 64) / 8 * 8
            for offset in 0..<size {
                unsafe (base + address).storeBytes(
                    of: Self.pattern(index, offset),
                    toByteOffset: offset,
                    as: UInt8.self
                )
            }
            var handle: UInt64 = 0
            try unsafe name.withCString { text in
                var region = unsafe md_region(
                    name: text,
                    seq: 0,
                    virt: mapping + UInt64(address),
                    phys: UInt64(address),
                    size: UInt64(size)
                )
                try Errno.check(unsafe md_region_register(&table, &region, &handle))
            }
            return name
        }
    }

    static func pattern(_ region: Int, _ offset: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: 1 + region * 31 + offset * 7 + offset / 256)
    }

    func set(_ bytes: [UInt8], at address: Int) {
        image.replaceSubrange(address..<address + bytes.count, with: bytes)
    }
    func word(at address: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(image[address + $1]) << ($1 * 8) }
    }
    func address(at place: Int) -> Int { Int(word(at: place)) }
    /// Where the region table is that the subsystem's entry points to.
    var regionTable: Int { address(at: Self.tocAddress + 16 + 24) }
    /// Where the header region is.
    var header: Int { address(at: regionTable + 24) }
}

/// A directory for one test, removed with its content when the test ends.
final class Scratch {
    let path: FilePath
    init() throws { path = try FilePath.makeTemporaryDirectory(prefix: "ringside-minidump-test") }
    deinit {
        do { try path.removeTree() } catch { print("scratch \(path): \(error)") }
    }

    func file(_ name: String, _ bytes: [UInt8]) throws -> FilePath {
        let file = path.appending(name)
        try file.write(bytes)
        return file
    }
}

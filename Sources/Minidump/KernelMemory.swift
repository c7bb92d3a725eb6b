// SPDX-License-Identifier: MIT
import LinuxSystem

/// A dump's bytes by the addresses that the kernel had them at.
struct KernelMemory {
    private let dump: Dump
    /// Regions with virtual addresses, ordered by them.
    private let regions: [DumpRegion]

    /// Start of the kernel's text mapping on x86-64, and its length.
    private static let textStart: UInt64 = 0xffff_ffff_8000_0000
    private static let textLength: UInt64 = 1 << 30

    init(_ dump: Dump) {
        self.dump = dump
        regions = dump.regions.filter { $0.virtualAddress != nil }
            .sorted { ($0.virtualAddress ?? 0) < ($1.virtualAddress ?? 0) }
    }

    /// Bytes from a virtual address on, up to the first that was not captured, `count` at most.
    func read(at address: UInt64, count: Int) throws(OperationError) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let here = address &+ UInt64(bytes.count)
            let part = try readPart(at: here, count: count - bytes.count)
            if part.isEmpty { break }
            bytes += part
        }
        return bytes
    }

    /// All `count` bytes, or `nil`.
    func readWhole(at address: UInt64, count: Int) throws(OperationError) -> [UInt8]? {
        let bytes = try read(at: address, count: count)
        return bytes.count == count ? bytes : nil
    }

    private func readPart(at address: UInt64, count: Int) throws(OperationError) -> [UInt8] {
        if let region = region(holding: address) {
            let offset = address - (region.virtualAddress ?? 0)
            let runs = region.runs.slice(from: offset, length: min(UInt64(count), region.size - offset))
            let captured = try Array(runs.prefix { $0.source != nil }).readAll()
            if !captured.isEmpty { return captured }
        }
        guard let memory = dump.memory, let physical = try translate(address) else { return [] }
        // No mapping is smaller than a page.
        let length = min(UInt64(count), 4096 - address % 4096)
        return try memory.read(at: physical, count: Int(length)) ?? []
    }

    private func region(holding address: UInt64) -> DumpRegion? {
        var (low, high) = (0, regions.count)
        while low < high {
            let middle = (low + high) / 2
            if (regions[middle].virtualAddress ?? 0) <= address { low = middle + 1 } else { high = middle }
        }
        guard low > 0, address - (regions[low - 1].virtualAddress ?? 0) < regions[low - 1].size else {
            return nil
        }
        return regions[low - 1]
    }

    /// The physical address, by the text mapping's offset or by the page tables in the image; x86-64 only.
    private func translate(_ address: UInt64) throws(OperationError) -> UInt64? {
        guard let info = dump.vmcoreInfo, let base = info.number("phys_base") else { return nil }
        func text(_ address: UInt64) -> UInt64? {
            guard address >= Self.textStart, address - Self.textStart < Self.textLength else { return nil }
            return address - Self.textStart &+ UInt64(bitPattern: base)
        }
        if let physical = text(address) { return physical }
        guard let root = info.symbol("init_top_pgt").flatMap(text) else { return nil }
        var table = root
        for level in stride(from: info.number("pgtable_l5_enabled") == 1 ? 4 : 3, through: 0, by: -1) {
            let index = address >> UInt64(12 + 9 * level) & 511
            guard let bytes = try dump.memory?.read(at: table &+ 8 * index, count: 8),
                let entry = bytes.raw.load(UInt64.self, at: 0), entry & 1 != 0
            else { return nil }
            let span = UInt64(1) << UInt64(12 + 9 * level)
            let target = entry & 0x000f_ffff_ffff_f000
            if level == 0 || (entry & 0x80 != 0 && level < 3) {
                return target & ~(span - 1) | address & (span - 1)
            }
            table = target
        }
        return nil
    }
}

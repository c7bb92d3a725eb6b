// SPDX-License-Identifier: MIT
import CMinidump

/// A global table as boot firmware leaves it, and a provider that gives it or fails.
struct Firmware {
    /// What the provider returns.
    var status: Int32 = 0
    /// The table's 32-bit words.
    var words: [UInt32]
    /// The item's size in bytes.
    var size: Int

    init(subsystems: Int = 10) {
        words = [MD_STATUS_READY, MD_REVISION, MD_ENABLED, 0] + Array(repeating: 0, count: 8 * subsystems)
        size = 4 * words.count
    }

    /// The outcome of `md_toc_open()`.
    func open() -> (status: Int32, subsystems: Int) {
        unsafe withToc { status, toc in (status, Int(unsafe toc.subsystem_count)) }
    }

    /// The outcome of `md_toc_subsystem()`.
    func subsystem(_ index: UInt32) -> Int32 {
        unsafe withToc { _, toc in
            var toc = unsafe toc
            var found: UnsafeMutablePointer<minidump_subsystem>?
            return unsafe md_toc_subsystem(&toc, index, &found)
        }
    }

    private func withToc<T>(_ body: (Int32, md_toc) -> T) -> T {
        // As aligned as shared memory is.
        var table = words.map(UInt64.init)
        for (i, word) in words.enumerated() {
            table[i / 2] = i % 2 == 0 ? UInt64(word) : table[i / 2] | UInt64(word) << 32
        }
        return unsafe table.withUnsafeMutableBytes { bytes in
            var item = unsafe Item(status: status, data: bytes.baseAddress, size: UInt64(size))
            return unsafe withUnsafeMutablePointer(to: &item) { item in
                var provider = unsafe md_provider(get: itemGet, context: item)
                var toc = unsafe md_toc()
                let status = unsafe md_toc_open(&provider, &toc)
                return unsafe body(status, toc)
            }
        }
    }
}

/// What the provider gives, for as long as the table lives.
@safe private struct Item {
    var status: Int32
    var data: UnsafeMutableRawPointer?
    var size: UInt64
}

private func itemGet(
    context: UnsafeMutableRawPointer?,
    host: UInt32,
    item: UInt32,
    data: UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
    size: UnsafeMutablePointer<UInt64>?
) -> Int32 {
    guard host == MD_SMEM_HOST_ANY, item == MD_SMEM_ITEM,
        let wanted = unsafe context?.assumingMemoryBound(to: Item.self).pointee
    else { return -2 }
    unsafe data?.pointee = wanted.data
    unsafe size?.pointee = wanted.size
    return wanted.status
}

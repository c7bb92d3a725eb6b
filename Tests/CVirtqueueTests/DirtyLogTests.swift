// SPDX-License-Identifier: MIT
import CVirtqueue
import Testing

/// Which pages the device side marks. `Scripts/differential log` compares split rings with the kernel's vhost; the kernel
/// has no log for packed ones.
struct DirtyLogTests {
    private static let page: UInt64 = 4096
    private static let ringBase: UInt64 = 0x10 * page
    private static let usedBase: UInt64 = 0x20 * page

    /// Runs `body` with a queue of 512 entries, of which packed ones and used ones of a split queue are two pages, and
    /// gives the pages that were marked.
    ///
    /// Two regions of three pages, at page 1 and page 8, are the same memory.
    @safe private func pages(
        words: UInt64 = 1,
        features: UInt64 = 1 << 34,
        expecting result: Int32 = 0,
        _ body: (UnsafeMutablePointer<vq_device>, UnsafeMutableRawPointer) -> Void = { _, _ in }
    ) -> [Int] {
        // All of it lives until the end of the function, and only the queue points to it.
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 8 * 4096, alignment: 4096)
        defer { unsafe memory.deallocate() }
        unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: 8 * 4096)
        let ring = unsafe memory + 3 * 4096
        var rings = unsafe vq_rings(desc: ring, avail: ring + 8192, used: ring + 3 * 4096, num: 512)
        let access = UInt32(VQ_ACCESS_READ | VQ_ACCESS_WRITE)
        var regions = unsafe [
            vq_region(guest: Self.page, size: 3 * Self.page, host: memory, access: access),
            vq_region(guest: 8 * Self.page, size: 3 * Self.page, host: memory, access: access),
        ]
        var table = unsafe vq_memory()
        var device = unsafe vq_device()
        var bitmap: UInt64 = 0
        let base = features >> 34 & 1 == 1 ? VQ_PACKED_BASE : 0
        return unsafe withUnsafeMutablePointer(to: &bitmap) { bitmap in
            var log = unsafe vq_log(bitmap: bitmap, words: words, desc: Self.ringBase, used: Self.usedBase)
            return unsafe regions.withUnsafeMutableBufferPointer { regions in
                let made = unsafe vq_memory_init(regions.baseAddress, 2, &table)
                let started = unsafe vq_device_init(&device, &rings, &table, features, base)
                #expect(made == 0 && started == 0)
                let logged = unsafe vq_device_log(&device, &log)
                #expect(logged == result)
                if logged == 0 { unsafe body(&device, memory) }
                return (0..<64).filter { unsafe bitmap.pointee >> $0 & 1 == 1 }
            }
        }
    }

    /// A head that stands for so many descriptors.
    private func head(_ count: UInt32) -> UInt32 { 1 | count << 16 }

    @Test func usedDescriptors() {
        #expect(pages { device, _ in unsafe vq_device_push(device, head(256), 0) } == [0x10])
        let across = pages { device, _ in
            unsafe vq_device_push(device, head(255), 0)
            unsafe vq_device_push(device, head(2), 0)
        }
        #expect(across == [0x10, 0x11])
        let second = pages { device, _ in
            unsafe device.pointee.last_used = 300
            unsafe vq_device_push(device, head(1), 0)
        }
        #expect(second == [0x11])
        let around = pages { device, _ in
            unsafe device.pointee.last_used = 511
            var used = [vq_used(id: head(1), len: 0), vq_used(id: head(1), len: 0)]
            unsafe vq_device_push_batch(device, &used, 2)
        }
        #expect(around == [0x10, 0x11])
    }

    /// A driver that shows more than its ring has can make chains of more than a lap.
    @Test func neverMoreThanTheRing() {
        let pages = pages { device, _ in
            var used = [vq_used](repeating: vq_used(id: head(512), len: 0), count: 8)
            unsafe vq_device_push_batch(device, &used, 8)
        }
        #expect(pages == [0x10, 0x11])
    }

    /// The same of a split ring, nothing behind which is written.
    @Test func goesAroundASplitRingAsOftenAsItMust() {
        let pages = pages(features: 0) { device, memory in
            unsafe device.pointee.last_used = 100
            var used = [vq_used](repeating: vq_used(id: .max, len: .max), count: 1200)
            unsafe vq_device_push_batch(device, &used, 1200)
            let behind = 6 * 4096 + 4 + 512 * 8 + 2
            let rest = unsafe UnsafeRawBufferPointer(start: memory + behind, count: 8 * 4096 - behind)
            #expect(unsafe rest.allSatisfy { $0 == 0 })
            #expect(unsafe device.pointee.last_used == 1300)
        }
        #expect(pages == [0x20, 0x21])
    }

    /// What decides by the event index alone writes to the log as everything else, whenever that was turned on.
    @Test(arguments: [true, false]) func chainsReturnedWithASignal(isOnFromTheStart: Bool) {
        let pages = pages(features: 1 << 29) { device, _ in
            let log = unsafe device.pointee.log
            if !isOnFromTheStart { unsafe vq_device_log(device, nil) }
            for _ in 0..<2 { _ = unsafe vq_device_push_signal(device, 0, 0) }
            unsafe vq_device_log(device, log)
            unsafe log?.pointee.bitmap.pointee = 0
            _ = unsafe vq_device_push_signal(device, 0, 0)
        }
        #expect(pages == [0x20])
    }

    @Test func wishes() {
        #expect(pages { device, _ in unsafe vq_device_disable_notify(device) } == [0x20])
        #expect(pages { device, _ in _ = unsafe vq_device_enable_notify(device) } == [0x20])
        let off = pages { device, _ in
            unsafe vq_device_log(device, nil)
            unsafe vq_device_disable_notify(device)
        }
        #expect(off == [])
    }

    /// Bytes of the writable part only, at each address that the guest has for them.
    @Test(
        arguments: [
            (0, []), (1, [1, 8]), (96, [1, 8]), (97, [1, 2, 8, 9]), (100, [1, 2, 8, 9]),
            (101, [1, 2, 3, 8, 9, 10]),
        ] as [(UInt64, [Int])]
    )
    func buffers(length: UInt64, marked: [Int]) {
        let pages = pages { device, memory in
            var segments = unsafe [
                vq_segment(base: memory, len: 4096), vq_segment(base: memory + 4000, len: 100),
                vq_segment(base: memory + 8192, len: 10),
            ]
            unsafe segments.withUnsafeMutableBufferPointer { segments in
                var chain = unsafe vq_chain()
                unsafe chain.segments = segments.baseAddress
                unsafe (chain.readable, chain.writable, chain.writable_bytes) = (1, 2, 110)
                let logged = unsafe vq_device_log_chain(device, &chain, length)
                let tooMuch = unsafe vq_device_log_chain(device, &chain, 111)
                #expect(logged == 0 && tooMuch == -90)
            }
        }
        #expect(pages == marked)
    }

    @Test func bitmapThatIsTooSmall() {
        #expect(pages(words: 0, expecting: -22) == [])
    }
}

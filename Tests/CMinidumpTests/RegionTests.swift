// SPDX-License-Identifier: MIT
import CMinidump
import Glibc
import Testing

@Suite struct RegionTests {
    @Test func layoutsAreThoseOfTheFormat() {
        #expect(MemoryLayout<minidump_region>.size == 40)
        #expect(MemoryLayout<minidump_subsystem>.size == 32)
        #expect(MemoryLayout<minidump_global_toc>.size == 16)
        #expect(MemoryLayout<minidump_subsystem>.offset(of: \.regions_baseptr) == 24)
        #expect("VALI".utf8.reduce(0) { $0 << 8 | UInt32($1) } == MD_REGION_VALID)
    }

    @Test(
        arguments: [
            ("K", 0, "K"), ("KTWELVE_CHAR", 0, "KTWELVE_CHAR"), ("Kvm", 1, "Kvm1"),
            ("KELEVEN_CHR", 9, "KELEVEN_CHR9"),
            ("K", 4_294_967_295, "K4294967295"), ("KTHIRTEEN_CHR", 0, nil), ("KELEVEN_CHR", 10, nil),
            ("", 0, nil),
            ("", 7, nil), ("a/b", 0, nil), ("..", 0, nil), ("K A", 0, nil), ("K\u{e9}", 0, nil),
            ("STR_TBL", 0, nil),
            ("STR_TBL", 1, "STR_TBL1"),
        ] as [(String, UInt32, String?)]
    )
    func fullNames(name: String, seq: UInt32, full: String?) {
        var bytes = [CChar](repeating: 0x55, count: 16)
        let status = unsafe md_name_compose(name, seq, &bytes)
        guard let full else {
            #expect(status == -EINVAL)
            #expect(bytes.allSatisfy { $0 == 0x55 })
            return
        }
        #expect(status == 0)
        #expect(bytes == full.utf8.map { CChar($0) } + Array(repeating: 0, count: 16 - full.utf8.count))
    }

    @Test func sizesAreMultiplesOfFour() {
        let machine = WatchedMachine()
        let before = machine.memory
        for size in [0, 1, 2, 3, 6, .max] as [UInt64] {
            #expect(machine.register(.init(name: "K", size: size)).status == -EINVAL)
        }
        #expect(machine.register(.init(name: "K", virt: 0)).status == -EINVAL)
        #expect(machine.memory == before)
        #expect(machine.register(.init(name: "K", phys: 0, size: 4)).status == 0)
    }

    @Test func aTakenNameChangesNothing() {
        let machine = WatchedMachine()
        machine.register(.init(name: "K", seq: 12))
        let before = machine.memory
        #expect(machine.register("K12").status == -EEXIST)
        #expect(machine.register(.init(name: "K1", seq: 2)).status == -EEXIST)
        #expect(machine.memory == before)
    }

    @Test(arguments: [1, 2, 200, 10_000] as [UInt32])
    func everyLevelOfFillIsReadable(capacity: UInt32) {
        let machine = WatchedMachine(capacity: capacity)
        var handles: [UInt64] = []
        for i in 0..<capacity {
            let added = machine.register(.init(name: "KTWELVE", seq: 10_000 + i))
            if added.status != 0 { Issue.record("\(i): \(added.status)") }
            handles.append(added.handle)
        }
        #expect(machine.fault == nil)
        #expect(machine.count == capacity)
        #expect(machine.register("KMORE").status == -ENOSPC)
        #expect(handles.indices.allSatisfy { machine.find("KTWELVE\(10_000 + $0)") == handles[$0] })
        #expect(machine.unregister(handles[0]) == 0)
        #expect(machine.register("KMORE").status == 0)
        #expect(machine.fault == nil)
    }

    @Test func handlesStayWhatTheyAre() {
        let machine = WatchedMachine(capacity: 3)
        let first = machine.register("KFIRST").handle
        let second = machine.register("KSECOND").handle
        #expect(first != 0 && second != 0 && first != second)
        #expect(machine.unregister(first) == 0)
        let third = machine.register("KTHIRD").handle
        #expect(third != first)
        #expect(machine.unregister(first) == -ENOENT)
        #expect(machine.update(second, size: 8) == 0)
        #expect(machine.find("KSECOND") == second)
    }

    @Test func thirtyTwoBitFilesEndAtFourGigabytes() {
        let machine = WatchedMachine(elfClass: 1)
        let half: UInt64 = 0x8000_0000
        #expect(machine.register(.init(name: "KFAR", phys: 1 << 32)).status == -EINVAL)
        #expect(machine.register(.init(name: "KFAR", virt: 0xffff_fff0, size: 32)).status == -EINVAL)
        let handle = machine.register(.init(name: "KHALF", virt: half, phys: 0, size: half)).handle
        let before = machine.memory
        #expect(machine.register(.init(name: "KMORE", virt: half, phys: 0, size: half)).status == -ENOSPC)
        #expect(machine.memory == before)
        #expect(machine.update(handle, virt: half, phys: 0, size: 64) == 0)
        #expect(machine.register(.init(name: "KMORE", virt: half, phys: 0, size: half)).status == 0)
        #expect(machine.fault == nil)
    }

    @Test func aResizedRegionGoesToTheEndAndCompactingClosesTheHole() {
        let machine = WatchedMachine(capacity: 3)
        let handles = (0..<3).map { machine.register("KREG_\($0)").handle }
        let start = offset(machine, 0)
        #expect(machine.update(handles[0], size: 128) == 0)
        #expect((0..<3).map { offset(machine, $0) - start } == [192, 64, 128])
        machine.compact()
        #expect((0..<3).map { offset(machine, $0) - start } == [0, 128, 192])
        #expect(machine.update(handles[2], size: 4) == 0)
        #expect(offset(machine, 2) - start == 192)
    }

    @Test(
        arguments: [
            (0, 2, 0), (65_001, 2, 0), (1, 0, 0), (1, 3, 0), (1, 2, 6), (1, 2, 65_540),
        ] as [(UInt32, UInt32, UInt32)]
    )
    func formatsOutOfBounds(capacity: UInt32, elfClass: UInt32, note: UInt32) {
        let bytes = [UInt8](repeating: 0, count: 8)
        var layout = md_layout()
        layout.header_size = 77
        let status = unsafe bytes.withUnsafeBytes { bytes in
            unsafe "Linux".withCString { banner in
                var format = unsafe md_format(
                    capacity: capacity,
                    elf_class: elfClass,
                    machine: MD_ELF_X86_64,
                    banner: banner,
                    note: note == 0 ? nil : bytes.baseAddress,
                    note_size: note
                )
                return unsafe md_layout_init(&format, &layout)
            }
        }
        #expect(status == -EINVAL)
        #expect(layout.header_size == 77)
    }

    /// `p_offset` of a client's segment in a header without a note.
    private func offset(_ machine: WatchedMachine, _ index: Int) -> UInt64 {
        let header = machine.header
        let segment = 64 + 64 * (3 + 3) + 56 * (1 + index) + 8
        return (0..<8).reduce(0) { $0 | UInt64(header[segment + $1]) << (8 * $1) }
    }
}

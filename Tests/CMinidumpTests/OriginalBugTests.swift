// SPDX-License-Identifier: MIT
import CMinidump
import Glibc
import Testing

/// What the original driver did wrong, each shown on a model of it and refuted on the core.
@Suite struct OriginalBugTests {
    @Test func sectionTableRunsOverProgramHeaders() {
        // 203 section headers in 200 slots: the 197th client was the first to destroy a segment.
        let original = WatchedMachine(.original, capacity: 200)
        for i in 0..<196 { original.register("KREG\(i)") }
        #expect(original.fault == nil)
        original.register("KREG196")
        #expect(original.fault == "the banner has no segment")

        let core = WatchedMachine(capacity: 200)
        for i in 0..<200 {
            #expect(core.register("KREG\(i)").status == 0)
            #expect(core.fault == nil)
        }
        #expect(core.count == 200)
        #expect(core.register("KREG200").status == -ENOSPC)
    }

    @Test func countsPublishedBeforeEntries() {
        let original = WatchedMachine(.original)
        original.register("KREG")
        #expect(original.fault == nil)
        #expect(!original.lastChangeWasAtomic)

        let core = WatchedMachine()
        core.register("KREG")
        #expect(core.lastChangeWasAtomic)
    }

    @Test func registerReturnsAnIndex() {
        #expect(WatchedMachine(.original).register("KREG").status == 1)
        #expect(WatchedMachine().register("KREG").status == 0)
    }

    @Test func removalLeavesStaleStrings() {
        for (writer, stale) in [(WatchedMachine.Writer.original, true), (.core, false)] {
            let machine = WatchedMachine(writer)
            machine.register("KAAA")
            // The model knows a region by its place.
            let second = machine.register("KBBBBB").handle
            machine.register("KCC")
            #expect(machine.unregister(writer == .core ? second : 2) == 0)
            // Closing the gap moved "KCC" up and left the last bytes of what it was.
            #expect(machine.headerContains("KCC\0") == true)
            #expect(stringCount("KCC", in: machine) == (stale ? 2 : 1))
            #expect(machine.headerContains("KBBBBB") == false)
        }
    }

    @Test func longNamesMoveTheStringIndexBack() {
        let original = WatchedMachine(.original)
        original.register("KSIXTEEN_LETTERS")
        original.register("KREG")
        #expect(original.fault != nil)

        let core = WatchedMachine()
        let before = core.memory
        #expect(core.register("KSIXTEEN_LETTERS").status == -EINVAL)
        #expect(core.memory == before)
        #expect(core.register("KTWELVE_CHAR").status == 0)
        #expect(core.fault == nil)
    }

    @Test func duplicatesAndSectionNamesWereTaken() {
        let original = WatchedMachine(.original)
        #expect(original.register("STR_TBL").status > 0)

        let core = WatchedMachine()
        for name in ["STR_TBL", "KELF_HEADER", "KELF_HDR", "linux_banner", "VMCOREINFO"] {
            #expect(core.register(name).status == -EINVAL)
        }
    }

    @Test func sectionsAreNotAllocated() {
        // Flags of the first client's section: readelf maps no section without SHF_ALLOC to a segment.
        let original = WatchedMachine(.original)
        original.register("KREG")
        #expect(original.header[64 + 64 * 4 + 8] & 2 == 0)

        let core = WatchedMachine()
        core.register("KREG")
        #expect(core.header[64 + 64 * 3 + 8] & 2 == 2)
    }

    @Test func rangesThatWrapWereTaken() {
        let last = UInt64.max - 3
        #expect(WatchedMachine(.original).register(.init(name: "K", phys: last, size: 8)).status > 0)
        let core = WatchedMachine()
        #expect(core.register(.init(name: "K", phys: last, size: 8)).status == -EINVAL)
        #expect(core.register(.init(name: "K", virt: last, size: 8)).status == -EINVAL)
        #expect(core.register(.init(name: "K", phys: last, size: 4)).status == 0)
    }

    @Test func twoRegionsOfOneRangeAreToldApartByTheirHandles() {
        // Later versions looked for a segment by address and size and found the first.
        let core = WatchedMachine()
        let first = core.register("KFIRST").handle
        let second = core.register("KSECOND").handle
        #expect(core.unregister(second) == 0)
        #expect(core.find("KFIRST") == first)
        #expect(core.find("KSECOND") == nil)
        #expect(core.fault == nil)
    }

    @Test func updateAfterAnothersRemovalWasRefused() {
        let core = WatchedMachine()
        let handles = (0..<5).map { core.register("KREG_\($0)").handle }
        #expect(core.unregister(handles[1]) == 0)
        #expect(core.update(handles[4], size: 128) == 0)
        #expect(core.fault == nil)
        #expect(core.lastChangeWasAtomic)
    }

    @Test func unknownRegionsDoNotMoveTheWholeTable() {
        // Later versions kept a negative index in an unsigned variable.
        let core = WatchedMachine()
        let handle = core.register("KREG").handle
        #expect(core.unregister(handle) == 0)
        let before = core.memory
        for stale in [handle, 0, handle + (1 << 32), .max, 1 << 32 | 5] {
            #expect(core.unregister(stale) == -ENOENT)
            #expect(core.update(stale) == -ENOENT)
        }
        #expect(core.memory == before)
    }

    @Test func probeDeferWasTurnedIntoInvalid() {
        var original = OriginalDriver()
        original.itemStatus = -517
        #expect(original.register() == -EINVAL)
        original.nodeIsThere = false
        #expect(original.ready() == -ENODEV)
        original.nodeIsThere = true
        original.itemStatus = 0
        #expect(original.ready() == -ENODEV)

        var firmware = Firmware()
        firmware.status = -517
        #expect(firmware.open().status == -517)
        firmware.status = -ENODEV
        #expect(firmware.open().status == -ENODEV)
        firmware.status = 0
        #expect(firmware.open().status == 0)
    }

    @Test func subsystemIndexWasUnchecked() {
        let original = OriginalDriver()
        #expect(original.descriptor(10, itemSize: 336, revision: 1, enabled: MD_ENABLED) == 0)
        #expect(original.descriptor(0, itemSize: 16 + 32, revision: 1, enabled: MD_ENABLED) == -EINVAL)

        for count in [0, 1, 10, 30] {
            let firmware = Firmware(subsystems: count)
            #expect(firmware.open().subsystems == count)
            #expect(firmware.subsystem(UInt32(count)) == -EINVAL)
            #expect(firmware.subsystem(.max) == -EINVAL)
            if count > 0 { #expect(firmware.subsystem(UInt32(count) - 1) == 0) }
        }
    }

    @Test func revisionAndEnabledWereIgnored() {
        let original = OriginalDriver()
        #expect(original.descriptor(0, itemSize: 336, revision: 2, enabled: MD_DISABLED) == 0)

        var firmware = Firmware()
        firmware.words[0] = 0
        #expect(firmware.open().status == -EINVAL)
        firmware = Firmware()
        firmware.words[1] = 2
        #expect(firmware.open().status == -EINVAL)
        firmware = Firmware()
        firmware.words[2] = MD_DISABLED
        #expect(firmware.open().status == -ENODEV)
        firmware = Firmware()
        firmware.size = 15
        #expect(firmware.open().status == -EINVAL)
    }

    @Test func failedAllocationLeftHalfInitialisedState() {
        var original = OriginalDriver()
        original.headerAllocates = false
        #expect(original.register() == -ENOMEM)
        #expect(original.entryIsEnabled && original.tableIsFreed)
        #expect(original.register() == 0)

        // Setting up needs all memory at once and shows nothing: without it nothing has changed.
        let machine = WatchedMachine(capacity: 4)
        machine.withdraw()
        let before = machine.memory
        var format = unsafe md_format(
            capacity: 4,
            elf_class: MD_ELF_CLASS64,
            machine: MD_ELF_AARCH64,
            banner: nil,
            note: nil,
            note_size: 0
        )
        unsafe "Linux\n".withCString { banner in
            unsafe format.banner = banner
            var memory = unsafe md_memory()
            var table = unsafe md_table()
            #expect(unsafe md_table_init(&table, &format, &memory) == -EINVAL)
            #expect(unsafe table.capacity == 0)
        }
        #expect(machine.memory == before)
        #expect(machine.show() == 0)
    }

    /// How often a string starts in the string table, by its bytes and the NUL in front of it.
    private func stringCount(_ text: String, in machine: WatchedMachine) -> Int {
        let header = machine.header
        let wanted = Array(text.utf8) + [0]
        return header.indices.count { header[$0...].starts(with: wanted) }
    }
}

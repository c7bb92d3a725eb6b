// SPDX-License-Identifier: MIT
import LinuxSystem
import Synchronization
import SystemPackage
import Testing

@testable import TargetConfig

private let head = "naa.5001405c0ffee00"

/// What a group and a backstore are made of, changed, kept and refused.
@Suite struct SettingTests {
    private let fake = FakeConfigFS()

    /// A session keeps the type that it began with, and the kernel one that is not 0 for the next session.
    @Test(arguments: [[0, 1], [1, 0], [3, 1, 3, 0]]) func anotherProtectionTypeIsTheSessions(_ types: [UInt8])
        throws
    {
        let group = FakeConfigFS.base.pushing(FilePath("vhost/\(head)1/tpgt_1"))
        var wanted = try sample(1, extra: "    alua_groups: {gold: 5}\n")
        wanted.groups[0].protection = types[0]
        wanted.groups[0].nexus = try WWPN("naa.5001405000000001")
        wanted.groups[0].luns[1].aluaGroup = "gold"
        try fake.tree.apply(wanted)
        try fake.write("1", to: group.appending("lun/lun_7/alua_tg_pt_offline"))
        for inner in ["acls/naa.5001405000000009", "lun/lun_5"] {
            try fake.makeDirectory(group.appending(inner))
        }
        // What is not named stays.
        wanted.groups[0].luns.removeLast()
        wanted.groups[0].nexus = nil
        for (old, type) in zip(types, types.dropFirst()) {
            let before = fake.snapshot
            wanted.groups[0].protection = type
            fake.state.withLock { $0.failures[$0.changes + 18] = .ioError }
            #expect(throws: OperationError.self) { try fake.tree.apply(wanted) }
            #expect(fake.snapshot == before)
            let plan = try fake.tree.apply(wanted)
            let change = try #require(plan.changes.first { $0.isChange })
            #expect(plan.count(.keep) == plan.changes.count - 1 && change.kind == .replace)
            #expect(change.details == ["fabric_prot_type \(old) -> \(type)"])
            #expect(fake.nodes[group.appending(".session").string]?.value == "\(type)\n")
            let changed = Set(fake.snapshot).symmetricDifference(before)
            #expect(
                changed.allSatisfy {
                    $0.contains("/fabric_prot_type ") || $0.contains("/.session ") || $0.contains("journal")
                },
                "\(changed)"
            )
            #expect(try fake.tree.apply(wanted).plan.isEmpty)
        }
    }

    /// Larger blocks leave `optimal_sectors` what it is and let it not be set to that.
    @Test func blockSizesAndSectorsComeBack() throws {
        func wanted(_ size: Int, _ sectors: Int) throws -> Configuration {
            try sample(2, extra: "    attributes: {block_size: \(size), optimal_sectors: \(sectors)}\n")
        }
        for (size, sectors) in [(4096, 16384), (4096, 2048), (1024, 16000), (512, 16384), (2048, 100)] {
            try fake.tree.apply(try wanted(size, sectors))
            #expect(try fake.tree.apply(try wanted(size, sectors)).plan.isEmpty)
            let (exported, snapshot) = (try fake.tree.exported().configuration, fake.snapshot)
            let saved = try fake.tree.saveConfig(exported)
            #expect(saved.json.contains("\"optimal_sectors\": 16384") == (sectors == 16384 && size == 512))
            try fake.tree.apply(Configuration(), pruning: true)
            try fake.tree.apply(try Configuration(parsing: exported.document.yaml))
            #expect(fake.snapshot == snapshot)
            try fake.tree.apply(Configuration(), pruning: true)
            try fake.tree.apply(try Configuration(parsing: saved.json))
            #expect(fake.snapshot == snapshot)
        }
    }

    @Test func namesForInquiryAreKept() throws {
        func wanted(_ names: String) throws -> Configuration { try sample(2, extra: "    \(names)\n") }
        try fake.tree.apply(try wanted("vendor_id: ACME\n    product_id: Fast disk\n    revision: \"1.0\""))
        let (exported, snapshot) = (try fake.tree.exported().configuration, fake.snapshot)
        let disk = try #require(exported.backstores.first { $0.name == "disk" })
        #expect(disk.inquiryNames == ["vendor_id": "ACME", "product_id": "Fast disk", "revision": "1.0"])
        for text in [exported.document.yaml, exported.document.json, try fake.tree.saveConfig(exported).json]
        {
            try fake.tree.apply(Configuration(), pruning: true)
            try fake.tree.apply(try Configuration(parsing: text))
            #expect(fake.snapshot == snapshot)
        }
        // Its LUN lets go of it for that, and one that is not named stays.
        let plan = try fake.tree.apply(try wanted("product_id: Slow disk"))
        #expect(plan.changes.first { $0.isChange }?.details == ["product_id Fast disk -> Slow disk"])
        #expect(plan.plan.operations.map(\.verb) == ["unlink", "write", "link"])
        #expect(try fake.tree.exported().configuration.backstores[0].inquiryNames["vendor_id"] == "ACME")
        fake.state.withLock { $0.failures[$0.changes + 3] = .ioError }
        #expect(throws: OperationError.self) { try fake.tree.apply(try wanted("product_id: b")) }
        #expect(try fake.tree.apply(try wanted("product_id: Slow disk")).plan.isEmpty)
    }

    @Test func aSerialThatThereIsNotIsNotSaved() throws {
        try fake.tree.createBackstore("disk", BackstoreSpec("ramdisk:1M"))
        try fake.write("\n", to: FakeConfigFS.base.pushing("core/rd_mcp_0/disk/wwn/vpd_unit_serial"))
        let saved = try fake.tree.saveConfig(try fake.tree.exported().configuration).json
        #expect(!saved.contains("wwn"))
        #expect(try fake.tree.apply(try Configuration(parsing: saved)).plan.isEmpty)
        // As targetcli saves it.
        let theirs = saved.replacing(
            "\"plugin\": \"ramdisk\"",
            with: "\"plugin\": \"ramdisk\", \"wwn\": \"\""
        )
        #expect(theirs != saved)
        #expect(try fake.tree.apply(try Configuration(parsing: theirs)).plan.isEmpty)
    }

    @Test(arguments: [
        ("emulate_tpu", 1, "emulate_tpu is 1, but /dev/loop0 cannot discard: its discard_max_bytes is 0"),
        ("queue_depth", 129, "queue_depth is 129, above the 128 of /dev/loop0"),
        ("optimal_sectors", 2561, "optimal_sectors is 2561, above the 2560 of /dev/loop0"),
    ]) func aDevicesLimitsAreKnownBefore(_ name: String, _ value: Int, _ cause: String) throws {
        let wanted = try Configuration(
            parsing: "backstores: {disk: {source: block:/dev/loop0, attributes: {\(name): \(value)}}}"
        )
        fake.state.withLock { state in
            let queue: FilePath = "/sys/dev/block/0:1/queue"
            let numbers = [
                ("discard_max_bytes", 0), ("nr_requests", 128), ("max_hw_sectors_kb", 1281),
                ("logical_block_size", 512),
            ]
            state[queue] = FakeConfigFS.Node(kind: .directory)
            for (file, number) in numbers {
                state[queue.appending(file)] = FakeConfigFS.Node(kind: .file, value: "\(number)\n")
            }
        }
        let changes = fake.changes
        let error = #expect(throws: OperationError.self) { try fake.tree.apply(wanted) }
        #expect(error?.object == "backstore disk" && error?.cause == cause)
        #expect(fake.changes == changes)
    }

    @Test func whatRecoveryWouldDoIsTold() throws {
        try fake.tree.apply(try sample(1))
        #expect(try fake.tree.recoverySteps() == [])
        fake.state.withLock { $0.end = $0.changes + 4 }
        #expect(throws: OperationError.self) { try fake.tree.apply(try sample(2)) }
        fake.state.withLock { $0.end = nil }
        let (snapshot, changes) = (fake.snapshot, fake.changes)
        let steps = try fake.tree.recoverySteps()
        #expect(steps.first == "unlink vhost/\(head)2/tpgt_1/lun/lun_0/backstore", "\(steps)")
        #expect(
            steps.contains("rmdir vhost/\(head)2") && fake.changes == changes && fake.snapshot == snapshot
        )
        #expect(try fake.tree.recover() == .undone)
        #expect(try fake.tree.recoverySteps() == [])
    }
}

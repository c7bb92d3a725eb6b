// SPDX-License-Identifier: MIT
import LinuxSystem
import Synchronization
import SystemPackage
import Testing

@testable import TargetConfig

private let head = "naa.5001405c0ffee00"

/// `count` targets with a ramdisk each, and a file that one of them exports too.
func sample(_ count: Int, file: String = "file:/tmp/disk,size=1M", extra: String = "") throws -> Configuration
{
    let targets = (1...count).map { number in
        "  \(head)\(number):\n    1:\n      luns:\n        0: ramdisk:64K\n"
            + (number == 1 ? "        7: name:disk\n" : "")
    }
    let backstores = "backstores:\n  disk:\n    source: \(file)\n\(extra)"
    return try Configuration(parsing: backstores + "targets:\n" + targets.joined())
}

@Suite struct ConfigurationReadingTests {
    @Test(arguments: [
        ("targets: [1]", "line 1: targets is not a map"),
        ("target: {}", "line 1: 'target' is no key of a configuration"),
        ("", "line 1: there is neither 'backstores' nor 'targets'"),
        ("version: 1", "line 1: there is neither 'backstores' nor 'targets'"),
        ("version: 2\ntargets:", "line 1: this program reads version 1 only"),
        ("targets:\n  foo: {}", "line 2: parse WWPN 'foo': begins with none of naa., fc. and iqn."),
        ("targets:\n  \(head)1: {256: {}}", "line 2: parse tpgt '256': is above 255"),
        ("targets:\n  \(head)1: {1: {}, 01: {}}", "line 2: \(head)1/tpgt_1 is there twice"),
        ("targets:\n  \(head)1: {1: {}}\n  \(head)1: {2: {}}", "line 3: the key '\(head)1' is there twice"),
        (
            "targets:\n  \(head)1:\n    1: {luns: {16384: name:a}}",
            "line 3: parse LUN '16384': is above 16383"
        ),
        (
            "targets:\n  \(head)1:\n    1: {luns: {0x10: name:a}}",
            "line 3: parse LUN '0x10': is not a decimal"
        ),
        (
            "targets:\n  \(head)1:\n    1: {luns: {0: ramdisk:5}}",
            "line 3: parse backstore 'ramdisk:5': 5 is not a multiple"
        ),
        (
            "targets:\n  \(head)1:\n    1: {nexus: fc.2100000000000001}",
            "line 3: the nexus fc.2100000000000001 is of another"
        ),
        (
            "targets:\n  \(head)1:\n    1: {fabric_prot_type: 2}",
            "line 3: fabric_prot_type is '2', not 0, 1 or 3"
        ),
        ("backstores:\n  a/b: ramdisk:1M", "line 2: the backstore name 'a/b' is not"),
        ("backstores:\n  a: {}", "line 2: a has no source"),
        ("backstores:\n  a: {source: ramdisk:1M, size: 1}", "line 2: 'size' is no key of a backstore"),
        (
            "backstores:\n  a:\n    source: ramdisk:1M\n    attributes: {block_size: 513}",
            "line 4: block_size is 513, not 512"
        ),
        (
            "backstores:\n  a:\n    source: ramdisk:1M\n    attributes: {emulate_tpu: 1}",
            "line 4: emulate_tpu is 1, but a ramdisk"
        ),
        (
            "backstores:\n  a:\n    source: ramdisk:1M\n    attributes: {hw_block_size: 1}",
            "line 4: hw_block_size is the device's"
        ),
        (
            "backstores:\n  a:\n    source: ramdisk:1M\n    attributes: {nosuch: 1}",
            "line 4: 'nosuch' is no attribute"
        ),
        (
            "backstores:\n  a:\n    source: ramdisk:1M\n    attributes: {is_nonrot: yes}",
            "line 4: is_nonrot is 'yes', not a decimal"
        ),
        (
            "backstores:\n  a:\n    source: pscsi:/dev/sda\n    attributes: {block_size: 512}",
            "line 4: this kind of backstore has no block_size"
        ),
        (
            "backstores:\n  a:\n    source: ramdisk:1M\n    attributes: {cmd_time_out: 1}",
            "line 4: this kind of backstore has no cmd_time_out"
        ),
        (
            "backstores:\n  a:\n    source: pscsi:/dev/sda\n    serial: abc",
            "line 4: a SCSI disk has a serial number of its own"
        ),
        ("backstores: &a {}\ntargets: *a", "line 2: aliases are not taken"),
        ("a: 1\n---\nb: 1", "line 2: a second document begins here"),
        (
            "backstores:\n  a:\n    source: block:/dev/sda\n    attributes: {emulate_write_cache: 1}",
            "line 4: emulate_write_cache is 1, but a device has"
        ),
        (
            "backstores:\n  a:\n    source: ramdisk:1M\n    attributes: {queue_depth: 129}",
            "line 4: queue_depth is 129, above the 128 of"
        ),
        (
            "backstores:\n  a:\n    source: file:/a\n    attributes: {optimal_sectors: 16385}",
            "line 4: optimal_sectors is 16385, above the 16384 of"
        ),
        (
            "backstores:\n  a:\n    source: ramdisk:1M\n    vendor_id: abcdefghi",
            "line 4: vendor_id is 'abcdefghi', not 1 to 8 printable"
        ),
        (
            "backstores:\n  a:\n    source: ramdisk:1M\n    revision: \" 1\"",
            "line 4: revision is ' 1', not 1 to 4 printable"
        ),
        (
            "backstores:\n  a:\n    source: pscsi:/dev/sda\n    product_id: x",
            "line 4: a SCSI disk has a product_id of its own"
        ),
        ("{\"targets\": }x", "line 1: did not find expected"), ("[", "line 2: did not find expected"),
    ])
    func refuses(_ text: String, _ message: String) {
        do throws(OperationError) {
            _ = try Configuration(parsing: text)
            Issue.record("taken: \(text)")
        } catch {
            #expect("\(error)".hasPrefix("read \(message)"), "\(error)")
        }
    }

    @Test func yamlAndJSONSayTheSame() throws {
        let wanted = try Configuration(
            parsing: """
                backstores:
                  disk: file:/tmp/a b,size=1M,direct
                  tcmu: {source: "user:rbd/pool/image,size=1G", serial: "null", alua_groups: {gold: 5}}
                targets:
                  \(head)1:
                    3:
                      nexus: naa.5001405000000001
                      fabric_prot_type: 1
                      luns:
                        0: {source: name:tcmu, alua_group: gold}
                        16383: {source: ramdisk:1M, attributes: {block_size: 4096}, serial: "0x1"}
                """
        )
        #expect(wanted.backstores.count == 3)
        #expect(wanted.groups[0].luns.map(\.aluaGroup) == ["gold", nil])
        for text in [wanted.document.yaml, wanted.document.json] {
            let again = try Configuration(parsing: text)
            #expect(again.groups == wanted.groups)
            #expect(
                again.backstores.sorted { $0.name < $1.name }
                    == wanted.backstores.sorted { $0.name < $1.name }
            )
            #expect(again.document.yaml == wanted.document.yaml)
        }
    }

    @Test(arguments: ["", "a: \"b", "null", "- a", "é 😀\u{7f}", "a\nb\tc\\\"", "0x1f", "-1", "true", "~"])
    func everyTextIsReadBack(_ text: String) throws {
        let document = Document.map([("k", .text(text)), ("l", .list([.text(text), .list([]), .map([])]))])
        #expect(try Document(parsing: document.yaml)["k"]?.scalar("k") == text)
        #expect(try Document(parsing: document.yaml)["l"]?.items("l").count == 3)
        // JSON writes what is beyond the 16-bit characters as pairs, which YAML does not know.
        if !text.unicodeScalars.contains(where: { $0.value > 0xffff }) {
            #expect(try Document(parsing: document.json)["k"]?.scalar("k") == text)
        }
    }

    @Test func aSeedGivesOneName() throws {
        for format in WWPN.Format.allCases {
            let name = WWPN(generating: format, seed: "db1")
            #expect(name == WWPN(generating: format, seed: "db1"))
            #expect(name != WWPN(generating: format, seed: "db2"))
            #expect(try WWPN(name.name) == name)
            #expect(WWPN(generating: format) != WWPN(generating: format))
        }
        #expect(WWPN(generating: .naa5, seed: "db1").name.hasPrefix("naa.5001405"))
        #expect(WWPN(generating: .naa6, seed: "db1").name.hasPrefix("naa.6001405"))
    }
}

@Suite struct ConfigurationApplyTests {
    private let fake = FakeConfigFS()

    @Test func aSecondApplyChangesNothing() throws {
        let wanted = try sample(3)
        #expect(try fake.tree.apply(wanted).count(.create) == 14)
        let (changes, snapshot) = (fake.changes, fake.snapshot)
        let again = try fake.tree.apply(wanted, pruning: true)
        #expect(again.count(.keep) == 14 && again.changes.count == 14)
        #expect(fake.changes == changes && fake.snapshot == snapshot)
    }

    @Test func itsExportMakesItAgain() throws {
        try fake.tree.apply(try sample(3, extra: "    attributes: {emulate_tpu: 1, block_size: 4096}\n"))
        let (exported, snapshot) = (try fake.tree.exported(), fake.snapshot)
        #expect(exported.notes == [])
        try fake.tree.apply(Configuration(), pruning: true)
        #expect(try fake.tree.backstores().isEmpty && fake.tree.targets().isEmpty)
        try fake.tree.apply(try Configuration(parsing: exported.configuration.document.yaml))
        #expect(fake.snapshot == snapshot)
        #expect(try fake.tree.exported().configuration.document == exported.configuration.document)
    }

    @Test func prunesWhatIsNotNamed() throws {
        try fake.tree.apply(try sample(1))
        let snapshot = fake.snapshot
        try fake.tree.apply(try sample(3))
        #expect(try fake.tree.apply(try sample(1)).plan.isEmpty)
        let plan = try fake.tree.apply(try sample(1), pruning: true)
        #expect(plan.count(.delete) == 6)
        #expect(fake.snapshot == snapshot)
    }

    @Test func aChangeTakesDownNothingElse() throws {
        try fake.tree.apply(try sample(2))
        func steps(_ extra: String) throws -> [String] {
            try fake.tree.plan(applying: sample(2, extra: extra)).plan.operations.map(\.description)
        }
        let attribute = "write core/fileio_0/disk/attrib"
        #expect(try steps("    attributes: {emulate_tpu: 1}\n") == ["\(attribute)/emulate_tpu = 1"])
        let lun = "vhost/\(head)1/tpgt_1/lun/lun_7/backstore"
        #expect(
            try steps("    attributes: {block_size: 4096}\n") == [
                "unlink \(lun)", "\(attribute)/block_size = 4096", "link \(lun) -> core/fileio_0/disk",
            ]
        )
        try fake.tree.apply(try sample(2, extra: "    attributes: {block_size: 4096}\n"))
    }

    @Test func aBackstoreOfAnotherKindTakesTheOldOnesPlace() throws {
        try fake.tree.apply(try sample(2))
        let plan = try fake.tree.apply(try sample(2, file: "ramdisk:1M"))
        #expect(plan.count(.replace) == 1)
        #expect(try fake.tree.backstore(named: "disk").plugin == "rd_mcp")
        #expect(try fake.tree.targets()[0].groups[0].luns[1].backstore == "core/rd_mcp_2/disk")
        let back = try fake.tree.apply(try sample(2))
        #expect(
            back.changes.contains {
                $0.kind == .replace && $0.details == ["ramdisk:1M -> file:/tmp/disk,size=1M"]
            }
        )
    }

    @Test func aNexusIsChangedWithItsLUNsBack() throws {
        try fake.tree.apply(try sample(1))
        var wanted = try sample(1)
        wanted.groups[0].nexus = try WWPN("naa.5001405000000001")
        try fake.tree.apply(wanted)
        let group = try fake.tree.targets()[0].groups[0]
        #expect(group.nexus == "naa.5001405000000001")
        #expect(group.luns.allSatisfy { $0.backstore != nil })
    }

    /// The kernel puts a LUN that gets its link into its own group.
    @Test(arguments: ["name:disk", "{source: name:disk, alua_group: gold}"])
    func aLUNThatIsLetGoStaysInItsALUAGroup(_ lun: String) throws {
        func apply(_ unit: String, _ rest: String, nexus: Int = 1) throws -> ConfigurationPlan {
            let disk = "backstores:\n  disk: {source: ramdisk:1M, alua_groups: {gold: 5}\(rest)}\n"
            let group = "targets: {\(head)1: {1: {nexus: naa.500140500000000\(nexus), luns: {7: \(unit)}}}}"
            return try fake.tree.apply(try Configuration(parsing: disk + group))
        }
        _ = try apply("{source: name:disk, alua_group: gold}", "")
        let unit = "vhost/\(head)1/tpgt_1/lun/lun_7"
        for (rest, nexus) in [(", attributes: {block_size: 4096}", 1), ("", 2)] {
            let plan = try apply(lun, rest, nexus: nexus)
            #expect(plan.changes.contains { $0.kind == .keep && $0.object == unit })
            #expect(try fake.tree.aluaGroup(of: unit) == "gold")
            #expect(try apply(lun, rest, nexus: nexus).plan.isEmpty)
        }
        // Nor does one that the file does not name, or whose backstore is replaced by one that has the group.
        let other = "backstores:\n  disk: {source: ramdisk:2M, alua_groups: {gold: 6}}\n"
        try fake.tree.apply(try Configuration(parsing: other + "targets: {\(head)2: {1: {}}}"))
        #expect(try fake.tree.aluaGroup(of: unit) == "gold")
        let none = "backstores:\n  disk: {source: ramdisk:1M}"
        try fake.tree.apply(try Configuration(parsing: none))
        #expect(try fake.tree.aluaGroup(of: unit) == "default_tg_pt_gp")
    }

    /// Somebody removed the group, which was empty between two steps of a change that was killed.
    @Test func aGroupThatIsGoneIsMadeAgain() throws {
        func wanted(_ lun: Int) throws -> Configuration {
            try Configuration(
                parsing: "backstores: {d: ramdisk:1M}\ntargets: {\(head)1: {1: {luns: {\(lun): name:d}}}}"
            )
        }
        try fake.tree.apply(try wanted(0))
        let (one, before) = (try wanted(1), fake.snapshot)
        let steps = try fake.tree.plan(applying: one, pruning: true).plan.operations
        let made = try #require(steps.firstIndex { $0.verb == "mkdir" })
        // The journal and the probe come first.
        fake.state.withLock { $0.end = $0.changes + 2 + made }
        #expect(throws: OperationError.self) { try fake.tree.apply(one, pruning: true) }
        fake.state.withLock { $0.end = nil }
        let group = FakeConfigFS.base.pushing(FilePath("vhost/\(head)1/tpgt_1"))
        try fake.removeDirectory(group)
        #expect(try fake.tree.recover() == .remade)
        #expect(try fake.tree.targets()[0].groups[0].nexus == nil)
        try fake.tree.apply(try wanted(0))
        #expect(fake.snapshot == before)
    }

    /// The kernel takes no empty write: a serial that there was not is taken back all the same.
    @Test func aSerialThatThereWasNotIsTakenBack() throws {
        try fake.tree.createBackstore("disk", BackstoreSpec("ramdisk:1M"))
        try fake.write("\n", to: FakeConfigFS.base.pushing("core/rd_mcp_0/disk/wwn/vpd_unit_serial"))
        let before = fake.snapshot
        let wanted = try Configuration(
            parsing: "backstores: {disk: {source: ramdisk:1M, serial: a, alua_groups: {gold: 5}}}"
        )
        fake.state.withLock { $0.failures[$0.changes + 2] = .ioError }
        #expect(throws: OperationError.self) { try fake.tree.apply(wanted) }
        #expect(fake.snapshot == before)
    }

    @Test func aClaimedGroupStopsItBeforeAnyChange() throws {
        try fake.tree.apply(try sample(2))
        fake.state.withLock {
            $0.claimed = [FakeConfigFS.base.pushing(FilePath("vhost/\(head)1/tpgt_1"))]
        }
        let (wanted, snapshot) = (try sample(2, file: "ramdisk:1M"), fake.snapshot)
        #expect(throws: OperationError.self) { try fake.tree.apply(wanted) }
        #expect(fake.snapshot == snapshot)
    }

    @Test func anAliasOfALUNIsRefused() throws {
        try fake.tree.apply(try sample(1))
        let path = FilePath("vhost/\(head)1/tpgt_1/lun/lun_00")
        try fake.makeDirectory(FakeConfigFS.base.pushing(path))
        let error = #expect(throws: OperationError.self) { try fake.tree.plan(applying: sample(1)) }
        #expect(error?.cause == "\(path) is one more spelling of LUN 0")
        #expect(LUNNumber(directory: "lun_0x10")?.rawValue == 16)
        #expect(LUNNumber(directory: "lun_010")?.rawValue == 8)
        #expect(LUNNumber(directory: "lun_16384") == nil)
    }
}

/// Every system call that changes something fails once, and is the last once.
@Suite struct FaultInjectionTests {
    private struct Outcome: Hashable { var isBefore, isAfter: Bool }

    /// Two targets and a file become five targets, of which one loses its ramdisk for another, and the file is gone.
    private static func wanted() throws -> Configuration {
        var wanted = try sample(5, file: "ramdisk:2M", extra: "    attributes: {block_size: 4096}\n")
        wanted.groups.removeFirst()
        wanted.groups[0].protection = 3
        wanted.backstores.removeAll { $0.name.hasPrefix("\(head)1:") }
        let own = try #require(wanted.backstores.firstIndex { $0.name == "\(head)2:1:0" })
        wanted.backstores[own].attributes = ["block_size": "4096"]
        return wanted
    }

    /// What goes with a group, a LUN or a link is not what the kernel gives new ones.
    private static func start() throws -> FakeConfigFS {
        var start = try sample(2, extra: "    alua_groups: {gold: 5}\n    product_id: b\n")
        start.groups[0].protection = 1
        start.groups[0].luns[1].aluaGroup = "gold"
        start.groups[1].luns[0].aluaGroup = "silver"
        let own = try #require(start.backstores.firstIndex { $0.name == "\(head)2:1:0" })
        start.backstores[own].aluaGroups = ["silver": 6]
        let fake = FakeConfigFS()
        try fake.tree.apply(start)
        let target = FakeConfigFS.base.pushing(FilePath("vhost/\(head)1"))
        try fake.write("0", to: target.pushing("param/cmd_completion_affinity"))
        try fake.write("1", to: target.pushing("tpgt_1/lun/lun_0/alua_tg_pt_offline"))
        let disk = FakeConfigFS.base.pushing("core/fileio_0/disk")
        for (file, value) in [
            ("alias", "a"), ("udev_path", "/tmp/c"),
            ("alua/gold/alua_access_type", "1"), ("alua/default_tg_pt_gp/nonop_delay_msecs", "7"),
        ] { try fake.write(value, to: disk.pushing(FilePath(file))) }
        return fake
    }

    @Test(arguments: [1, 4]) func theTreeIsTheOneBeforeOrTheOneAskedFor(_ workers: Int) throws {
        let start = try Self.start()
        let wanted = try Self.wanted()
        let end = FakeConfigFS(copying: start) { _ in }
        try TargetTree(fileSystem: end, workers: 1).apply(wanted, pruning: true)
        let (before, after) = (start.nodes, end.nodes)
        let changes = start.changes..<end.changes
        #expect(changes.count >= 50)
        var counts: [Outcome: Int] = [:]
        // All of them take minutes, which is for the checks.
        let step = Int(SystemCalls.environmentValue("RINGSIDE_FAULT_STEP") ?? "") ?? 29
        // The last ones are those that leave what was asked for.
        let steps = stride(from: changes.upperBound - 1, through: changes.lowerBound, by: -step).map { $0 }
        for change in steps {
            // None is a kill.
            for errno in [Errno.ioError, .noSpace, .resourceBusy, nil] where workers == 1 || errno == nil {
                let fake = FakeConfigFS(copying: start) { state in
                    if let errno { state.failures[change] = errno } else { state.end = change }
                }
                let tree = TargetTree(fileSystem: fake, workers: workers)
                do throws(OperationError) { try tree.apply(wanted, pruning: true) } catch
                { /* The tree tells. */  }
                fake.state.withLock { $0.end = nil }
                _ = try tree.recover()
                let outcome = Outcome(isBefore: fake.nodes == before, isAfter: fake.nodes == after)
                counts[outcome, default: 0] += 1
            }
        }
        let undone = counts[Outcome(isBefore: true, isAfter: false), default: 0]
        let done = counts[Outcome(isBefore: false, isAfter: true), default: 0]
        print(
            "fault injection, \(workers) workers: \(undone + done) cases, \(undone) as before, \(done) as asked for"
        )
        #expect(undone + done == steps.count * (workers == 1 ? 4 : 1), "\(counts)")
        #expect(undone > 0 && done > 0)
    }
}

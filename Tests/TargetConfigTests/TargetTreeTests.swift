// SPDX-License-Identifier: MIT
import LinuxSystem
import Synchronization
import SystemPackage
import Testing

@testable import TargetConfig

private let name = "naa.5001405c0ffee001"
private let group = "vhost/naa.5001405c0ffee001/tpgt_1"

private func request(_ luns: String..., wwpn: String = name, tag: UInt8 = 1) throws -> TargetRequest {
    try TargetRequest(wwpn: WWPN(wwpn), tag: TPGTag(tag), luns: luns.map { try LUNSpec($0) })
}

/// The error of something that must fail.
private func failure<Value>(_ body: () throws(OperationError) -> Value) throws -> OperationError {
    do throws(OperationError) {
        _ = try body()
    } catch {
        return error
    }
    throw OperationError("expect", "a failure", cause: "there was none")
}

@Suite struct TargetCreationTests {
    @Test func makesEverythingInTheKernelsOrder() throws {
        let plan = try FakeConfigFS().tree.plan(
            creating: try request("3=file:/tmp/d,size=1M", "0=ramdisk:64M,nullio")
        )
        let steps = plan.operations.map(\.description).filter { !$0.contains("vpd_unit_serial") }
        let rd = "core/rd_mcp_0/\(name):1:0"
        let file = "core/fileio_0/\(name):1:3"
        #expect(
            steps == [
                "mkdir vhost", "mkdir core/rd_mcp_0", "mkdir \(rd)",
                "write \(rd)/control = rd_pages=16384,rd_nullio=1",
                "write \(rd)/enable = 1", "create /tmp/d (1M)", "mkdir core/fileio_0", "mkdir \(file)",
                "write \(file)/udev_path = /tmp/d",
                "write \(file)/control = fd_dev_name=/tmp/d,fd_dev_size=1048576",
                "write \(file)/enable = 1", "mkdir vhost/\(name)", "mkdir \(group)",
                "write \(group)/nexus = naa.500140506621473c", "mkdir \(group)/lun/lun_0",
                "link \(group)/lun/lun_0/backstore -> \(rd)", "mkdir \(group)/lun/lun_3",
                "link \(group)/lun/lun_3/backstore -> \(file)",
            ]
        )
    }

    @Test func showsWhatItMade() throws {
        let fake = FakeConfigFS()
        let target = try fake.tree.create(try request("0=ramdisk:64M", "7=block:/dev/loop0,readonly"))
        #expect(target.groups.map(\.tag) == [1])
        #expect(target.groups[0].nexus == "naa.500140506621473c")
        #expect(target.groups[0].luns.map(\.number) == [0, 7])
        #expect(target.groups[0].luns[0].backstore == "core/rd_mcp_0/\(name):1:0")
        let backstores = try fake.tree.backstores()
        #expect(backstores.map(\.size) == [64 << 20, nil])
        #expect(backstores.map(\.file) == [nil, "/dev/loop0"])
        #expect(backstores.allSatisfy { $0.isEnabled && $0.isOwned })
        #expect(backstores[1].exportedBy == ["\(group)/lun/lun_7"])
        #expect(
            fake.state.withLock { $0.lockedPaths } == ["/run/targetcli.lock", "/sys/kernel/config/target"]
        )
    }

    /// Every step fails once; the configuration and the files are those from before each time.
    @Test(arguments: [Errno.ioError, .invalidArgument])
    func isUndoneWhereverItFails(_ errno: Errno) throws {
        let wanted = try request("0=ramdisk:1M", "1=file:/tmp/d,size=1M", "2=block:/dev/loop0")
        let steps = try FakeConfigFS().tree.plan(creating: wanted).operations
        #expect(steps.count == 28)
        for (index, step) in steps.enumerated() {
            let fake = FakeConfigFS()
            let before = fake.snapshot
            fake.state.withLock { $0.failures[index] = errno }
            let error = try failure { () throws(OperationError) in try fake.tree.create(wanted) }
            #expect(fake.snapshot == before)
            #expect(error.errno == errno)
            #expect(error.object == step.path.string)
            #expect(
                error.cause.hasSuffix(
                    index == 0 ? "nothing was changed" : "all \(index) steps before it were undone"
                )
            )
        }
    }

    @Test func tellsWhatCouldNotBeUndone() throws {
        let fake = FakeConfigFS()
        let wanted = try request("0=ramdisk:1M")
        let last = try fake.tree.plan(creating: wanted).operations.count - 1
        // The link fails, and so does the removal of the portal group after that of the LUN.
        fake.state.withLock { state in
            (state.failures[last], state.failures[last + 2]) = (.ioError, .resourceBusy)
        }
        let error = try failure { () throws(OperationError) in try fake.tree.create(wanted) }
        #expect(
            error.cause == """
                Input/output error
                could not be undone:
                  rmdir \(group): EBUSY
                  rmdir vhost/\(name): ENOTEMPTY
                  rmdir vhost: ENOTEMPTY
                """
        )
        #expect(try fake.tree.backstores().isEmpty)
    }

    @Test func aFileThatWasThereSurvivesARollback() throws {
        let fake = FakeConfigFS()
        fake.state.withLock { $0["/tmp/d"] = .init(kind: .file, size: 1 << 20) }
        let wanted = try request("0=file:/tmp/d")
        let last = try fake.tree.plan(creating: wanted).operations.count - 1
        fake.state.withLock { $0.failures[last] = .ioError }
        _ = try failure { () throws(OperationError) in try fake.tree.create(wanted) }
        #expect(fake.state.withLock { $0["/tmp/d"]?.size } == 1 << 20)
    }

    @Test func namesTheModuleThatIsMissing() throws {
        let fake = FakeConfigFS()
        fake.state.withLock { $0.modules = ["vhost_scsi"] }
        let file = try failure { () throws(OperationError) in try fake.tree.create(wantedFile) }
        #expect(file.hint == "load it with: ringside module load target_core_file")
        fake.state.withLock { $0.modules = [] }
        let fabric = try failure { () throws(OperationError) in try fake.tree.create(wantedFile) }
        #expect(
            fabric.description.hasPrefix(
                "mkdir vhost: EINVAL: the kernel has no vhost fabric: vhost_scsi is not loaded"
            )
        )
        #expect(fabric.hint == "load it with: ringside module load vhost_scsi")
    }

    private let wantedFile: TargetRequest
    init() throws { wantedFile = try request("0=file:/tmp/d,size=1M") }
}

@Suite struct TargetPreflightTests {
    @Test(arguments: [
        ("0=ramdisk:300M", "only 256M of memory are available"),
        ("0=ramdisk:250M", "only 256M of memory are available"),
        ("0=name:none", "there is no such backstore"), ("0=file:/tmp/none", "the file does not exist"),
        ("0=file:/none/d,size=1M", "its directory does not exist"), ("0=file:/tmp", "it is a directory"),
        ("0=file:/dev/loop0", "it is a block device"), ("0=file:/dev/null", "it is no regular file"),
        ("0=file:/proc/mounts", "its 0 bytes are no whole number of 512-byte blocks"),
        ("0=file:/proc/mounts,size=1M", "the file holds only 0 bytes"),
        ("0=block:/dev/none", "there is no such device"),
        ("0=block:/dev/null", "it is no block device"),
        ("0=block:/dev/busy", "it is mounted, or something else has claimed it"),
        ("0=file:/tmp/taken,size=1M", "the backstore taken uses it already"),
        ("0=name:raw", "core/rd_mcp_9/raw is not enabled"),
    ])
    func isRefusedBeforeTheFirstChange(_ lun: String, _ cause: String) throws {
        let fake = FakeConfigFS()
        fake.state.withLock { state in
            state["/dev/busy"] = .init(kind: .blockDevice)
            state.busy = ["/dev/busy"]
        }
        try fake.tree.createBackstore("taken", BackstoreSpec("file:/tmp/taken,size=1M"))
        for path in ["core/rd_mcp_9", "core/rd_mcp_9/raw"] {
            try fake.makeDirectory(FakeConfigFS.base.pushing(FilePath(path)))
        }
        let changes = fake.changes
        let wanted = try request(lun)
        let error = try failure { () throws(OperationError) in try fake.tree.create(wanted) }
        #expect(error.cause == cause)
        #expect(fake.changes == changes)
    }

    /// One file has many paths: what would export it twice is refused by any of them.
    @Test(arguments: ["/tmp/d", "/tmp/./d", "/dev/../tmp/d", "/tmp/link"])
    func aFileIsInUseByAnyOfItsPaths(_ path: String) throws {
        let fake = FakeConfigFS()
        fake.state.withLock { state in
            state["/tmp/d"] = .init(kind: .file, size: 1 << 20)
            state["/tmp/link"] = .init(kind: .link, target: "/tmp/d")
        }
        if path != "/tmp/d" {
            let twice = try request("0=file:/tmp/d", "1=file:\(path)")
            let error = try failure { () throws(OperationError) in try fake.tree.create(twice) }
            #expect(error.cause == "it is given twice, first for \(name):1:0")
        }
        #expect(fake.changes == 0)
        try fake.tree.createBackstore("first", BackstoreSpec("file:/tmp/d"))
        let changes = fake.changes
        let again = try BackstoreSpec("file:\(path)")
        let error = try failure { () throws(OperationError) in try fake.tree.createBackstore("second", again)
        }
        #expect(error.cause == "the backstore first uses it already")
        #expect(fake.changes == changes)
    }

    @Test func aFileThatIsYetToBeMadeIsGivenOnce() throws {
        let fake = FakeConfigFS()
        let twice = try request("0=file:/tmp/new,size=1M", "1=file:/tmp/./new,size=1M")
        let error = try failure { () throws(OperationError) in try fake.tree.create(twice) }
        #expect(error.cause == "it is given twice, first for \(name):1:0")
        #expect(fake.changes == 0)
    }

    @Test func aPathWithBlanksIsReadAsItIs() throws {
        let fake = FakeConfigFS()
        let spec = try BackstoreSpec("file:/tmp/a  b   Size: c,size=1M")
        #expect(try fake.tree.createBackstore("first", spec).file == "/tmp/a  b   Size: c")
        let error = try failure { () throws(OperationError) in try fake.tree.createBackstore("second", spec) }
        #expect(error.cause == "the backstore first uses it already")
    }

    @Test func anExistingGroupOrAnAliasOfItIsRefused() throws {
        let fake = FakeConfigFS()
        try fake.tree.create(try request())
        try fake.makeDirectory(FakeConfigFS.base.pushing(FilePath("vhost/\(name)/tpgt_02")))
        let changes = fake.changes
        let (first, second) = (try request(), try request(tag: 2))
        let taken = try failure { () throws(OperationError) in try fake.tree.create(first) }
        #expect(taken.errno == .fileExists)
        let alias = try failure { () throws(OperationError) in try fake.tree.create(second) }
        #expect(alias.cause == "tpgt_02 is there already, and is the same tag to the kernel")
        #expect(fake.changes == changes)
    }

    @Test func absenceAndRightsAreExplained() throws {
        let wanted = try request("0=ramdisk:1M")
        let fake = FakeConfigFS()
        fake.state.withLock { $0.isRoot = false }
        let rights = try failure { () throws(OperationError) in try fake.tree.create(wanted) }
        #expect(
            rights.description
                == "change /sys/kernel/config/target: EACCES: only root may change targets\nrun it with sudo"
        )
        fake.state.withLock { $0[FakeConfigFS.base] = nil }
        let core = try failure { () throws(OperationError) in try fake.tree.create(wanted) }
        #expect(core.cause == "target_core_mod is not loaded")
        fake.state.withLock { $0["/proc/mounts"]?.value = "none /sys sysfs rw 0 0\n" }
        let mount = try failure { () throws(OperationError) in try fake.tree.targets() }
        #expect(mount.cause == "configfs is not mounted there")
        #expect(mount.hint == "mount it with: modprobe configfs; mount -t configfs none /sys/kernel/config")
    }

    @Test(arguments: ["", "a:b", "a/b", ".", "..", "a b", "ä", String(repeating: "a", count: 201)])
    func aBackstoreNameIsPlain(_ name: String) throws {
        let error = try failure { () throws(OperationError) in try TargetTree.checkBackstoreName(name) }
        #expect(error.cause == "is not 1 to 200 letters, digits, '.', '_' and '-'")
    }

    @Test func aBackstoreNameIsThereOnce() throws {
        let fake = FakeConfigFS()
        let spec = try BackstoreSpec("ramdisk:1M")
        #expect(try fake.tree.createBackstore("disk-1.a_B", spec).path == "core/rd_mcp_0/disk-1.a_B")
        let error = try failure { () throws(OperationError) in
            try fake.tree.createBackstore("disk-1.a_B", spec)
        }
        #expect(error.cause == "there is one already, core/rd_mcp_0/disk-1.a_B")
    }
}

@Suite struct TargetDeletionTests {
    @Test func leavesNothingOfItsOwn() throws {
        let fake = FakeConfigFS()
        let before = fake.snapshot
        try fake.tree.create(try request("0=ramdisk:1M", "1=block:/dev/loop0"))
        try fake.tree.create(try request("0=ramdisk:1M", tag: 2))
        let deletion = try fake.tree.delete(name)
        #expect(deletion.removed.count == 5)
        #expect(fake.snapshot == before)
    }

    @Test func takesOneGroupAndKeepsWhatIsNotItsOwn() throws {
        let fake = FakeConfigFS()
        try fake.tree.createBackstore("disk", BackstoreSpec("ramdisk:1M"))
        try fake.tree.create(try request("0=name:disk", "1=ramdisk:1M"))
        let kept = fake.snapshot
        try fake.tree.create(try request("0=name:disk", tag: 2))
        _ = try fake.tree.delete(name.uppercased().replacing("NAA", with: "naa"), tag: TPGTag(2))
        #expect(fake.snapshot == kept)
        _ = try fake.tree.delete(name, keepingBackstores: true)
        #expect(try fake.tree.backstores().map(\.name) == ["disk", "\(name):1:1"])
        #expect(try fake.tree.targets().isEmpty)
    }

    @Test func aClaimedGroupIsNotTouched() throws {
        let fake = FakeConfigFS()
        try fake.tree.create(try request("0=ramdisk:1M"))
        fake.state.withLock { state in
            state.claimed = [FakeConfigFS.base.pushing(FilePath(group))]
            state["/proc/812/fd/9"] = .init(kind: .link, target: "/dev/vhost-scsi")
        }
        let before = fake.snapshot
        let error = try failure { () throws(OperationError) in try fake.tree.delete(name) }
        let cause = "it is claimed by an open vhost-scsi endpoint (pid 812, qemu-system-x86)"
        #expect(error.description.hasPrefix("delete \(group): EBUSY: \(cause)\n"))
        #expect(fake.snapshot == before)
    }

    /// A group without LUNs cannot be probed; what was taken away before it is put back.
    @Test func aClaimThatShowsLateIsRolledBack() throws {
        let fake = FakeConfigFS()
        try fake.tree.create(try request("0=ramdisk:1M"))
        try fake.tree.create(try request(tag: 2))
        fake.state.withLock { $0.claimed = [FakeConfigFS.base.pushing(FilePath("vhost/\(name)/tpgt_2"))] }
        let before = fake.snapshot
        let error = try failure { () throws(OperationError) in try fake.tree.delete(name) }
        #expect(error.object == "vhost/\(name)/tpgt_2/nexus")
        #expect(fake.snapshot == before)
    }

    /// Every step fails once: before the first backstore is gone all is put back, after it the rest is named.
    @Test func isUndoneOrAccountedForWhereverItFails() throws {
        let wanted = try request("0=ramdisk:1M", "1=ramdisk:1M")
        let made = FakeConfigFS()
        try made.tree.create(wanted)
        let steps = try made.tree.plan(deleting: name).operations
        for (index, step) in steps.enumerated() {
            let fake = FakeConfigFS()
            try fake.tree.create(wanted)
            let before = fake.snapshot
            // The probe of the claim is a change that always fails: it comes first.
            fake.state.withLock { $0.failures[$0.changes + 1 + index] = .ioError }
            let error = try failure { () throws(OperationError) in try fake.tree.delete(name) }
            #expect(error.object == step.path.string)
            guard steps[..<index].contains(where: { $0.inverse == .impossible }) else {
                #expect(fake.snapshot == before)
                continue
            }
            let lists = error.cause.split(separator: "\n").dropFirst().map(String.init)
            let gone = steps[..<index].map { "  \($0.path)" }
            let left = steps[index...].map { "  \($0.path)" }
            #expect(lists == ["gone:"] + gone + ["still there:"] + left)
        }
    }

    @Test func anOwnBackstoreThatSomethingElseExportsStopsIt() throws {
        let fake = FakeConfigFS()
        try fake.tree.create(try request("0=ramdisk:1M"))
        let other = "naa.5001405c0ffee002"
        try fake.tree.create(try request("0=name:\(name):1:0", wwpn: other))
        let before = fake.snapshot
        let error = try failure { () throws(OperationError) in try fake.tree.delete(name) }
        #expect(error.cause == "vhost/\(other)/tpgt_1/lun/lun_0 exports it as well")
        #expect(fake.snapshot == before)
    }

    @Test func aBackstoreInUseIsKept() throws {
        let fake = FakeConfigFS()
        try fake.tree.createBackstore("disk", BackstoreSpec("ramdisk:1M"))
        try fake.tree.create(try request("0=name:disk"))
        let before = fake.snapshot
        let error = try failure { () throws(OperationError) in try fake.tree.deleteBackstore("disk") }
        #expect(error.cause == "it is exported by \(group)/lun/lun_0")
        #expect(fake.snapshot == before)
        _ = try fake.tree.delete(name)
        try fake.tree.deleteBackstore("disk")
        #expect(try fake.tree.backstores().isEmpty)
    }

    @Test func foreignNamesAreReadAndRemoved() throws {
        let fake = FakeConfigFS()
        let before = fake.snapshot
        for path in [
            "vhost", "vhost/x.naa.zz", "vhost/x.naa.zz/tpgt_01", "vhost/x.naa.zz/tpgt_01/lun/lun_00",
            "vhost/x.naa.zz/tpgt_01/acls/who",
        ] { try fake.makeDirectory(FakeConfigFS.base.pushing(FilePath(path))) }
        let target = try fake.tree.target(named: "x.naa.zz")
        #expect(target.groups.map(\.tag) == [1])
        #expect(target.groups[0].nexus == nil)
        #expect(target.groups[0].luns.map(\.backstore) == [nil])
        _ = try fake.tree.delete("x.naa.zz")
        #expect(fake.snapshot == before)
    }

    @Test func readingAndPlanningChangeNothing() throws {
        let fake = FakeConfigFS()
        try fake.tree.create(try request("0=ramdisk:1M"))
        let changes = fake.changes
        _ = try fake.tree.targets()
        _ = try fake.tree.backstores()
        _ = try fake.tree.plan(deleting: name)
        _ = try fake.tree.plan(creating: try request("0=ramdisk:1M", tag: 2))
        #expect(fake.changes == changes)
    }
}

// SPDX-License-Identifier: MIT
import LinuxSystem
import Synchronization
import SystemPackage
import Testing

@testable import TargetConfig

private let name = "naa.5001405c0ffee001"
private let group = "vhost/naa.5001405c0ffee001/tpgt_1"

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

    /// `fabric()` takes the directory that the kernel has.
    @Test func takesTheFabricByEitherOfItsNames() throws {
        let fake = FakeConfigFS()
        fake.state.withLock { $0.fabric = "tcm_vhost" }
        try fake.makeDirectory(FakeConfigFS.base.appending("tcm_vhost"))
        #expect(try fake.tree.create(try request("0=ramdisk:1M")).path == "tcm_vhost/\(name)")
        #expect(try fake.tree.backstores()[0].exportedBy == ["tcm_vhost/\(name)/tpgt_1/lun/lun_0"])
        _ = try fake.tree.delete(name)
        #expect(try fake.tree.targets().isEmpty)
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
            // The journal is written first.
            fake.state.withLock { $0.failures[index + 1] = errno }
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
            (state.failures[last + 1], state.failures[last + 3]) = (.ioError, .resourceBusy)
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
        fake.state.withLock { $0.failures[last + 1] = .ioError }
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

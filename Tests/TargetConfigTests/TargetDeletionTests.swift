// SPDX-License-Identifier: MIT
import LinuxSystem
import Synchronization
import SystemPackage
import Testing

@testable import TargetConfig

private let name = "naa.5001405c0ffee001"
private let group = "vhost/naa.5001405c0ffee001/tpgt_1"

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
        _ = try fake.tree.delete(name, backstores: .none)
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

    /// What was read without the lock may be another's change half way: an empty group would be removed.
    @Test func askingForAClaimChangesNothing() throws {
        let fake = FakeConfigFS()
        try fake.tree.create(try request("0=ramdisk:1M"))
        let groups = try fake.tree.targets()[0].groups
        #expect(try fake.tree.claims(of: groups) == [group: false])
        let unit = FakeConfigFS.base.pushing(FilePath("\(group)/lun/lun_0"))
        try fake.unlink(unit.appending("backstore"))
        try fake.removeDirectory(unit)
        let before = fake.snapshot
        #expect(try fake.tree.claims(of: groups) == [:])
        #expect(fake.snapshot == before)
        fake.state.withLock { $0.isLocked = true }
        let (tree, changes) = (fake.tree, fake.changes)
        let error = try failure { () throws(OperationError) in try tree.claims(of: groups) }
        #expect(error.errno == .wouldBlock)
        #expect(fake.changes == changes)
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

    /// Every step fails once: before the first ramdisk is gone all is put back, after it all goes.
    @Test func isUndoneOrFinishedWhereverItFails() throws {
        let wanted = try request("0=ramdisk:1M", "1=ramdisk:1M")
        let empty = FakeConfigFS().snapshot
        let made = FakeConfigFS()
        try made.tree.create(wanted)
        let steps = try made.tree.plan(deleting: name).operations
        for (index, step) in steps.enumerated() {
            let fake = FakeConfigFS()
            try fake.tree.create(wanted)
            let before = fake.snapshot
            // The probe of the claim is a change that always fails, and the journal is one: they come first.
            fake.state.withLock { $0.failures[$0.changes + 2 + index] = .ioError }
            if steps[..<index].contains(where: \.isLossy) {
                _ = try fake.tree.delete(name)
                #expect(fake.snapshot == empty)
            } else {
                let error = try failure { () throws(OperationError) in try fake.tree.delete(name) }
                #expect(error.object == step.path.string)
                #expect(fake.snapshot == before)
            }
        }
    }

    @Test func whatIsStillThereIsNamedAndRecovered() throws {
        let fake = FakeConfigFS()
        let empty = fake.snapshot
        try fake.tree.create(try request("0=ramdisk:1M", "1=ramdisk:1M"))
        let steps = try fake.tree.plan(deleting: name).operations
        let lossy = steps.lastIndex { $0.isLossy }
        let second = try #require(lossy)
        fake.state.withLock { state in
            for turn in 0...1 { state.failures[state.changes + 2 + second + turn] = .ioError }
        }
        let error = try failure { () throws(OperationError) in try fake.tree.delete(name) }
        let left = ["  core/rd_mcp_1/\(name):1:1: EIO", "  core/rd_mcp_1: ENOTEMPTY"]
        #expect(error.cause.hasSuffix((["still there:"] + left).joined(separator: "\n")))
        #expect(error.hint == "try to bring it to an end with: ringside target recover")
        let wanted = try request("0=ramdisk:1M")
        let refused = try failure { () throws(OperationError) in try fake.tree.create(wanted) }
        #expect(refused.cause.hasPrefix("an earlier change was left half way"))
        let exported = try failure { () throws(OperationError) in try fake.tree.exported() }
        #expect(exported.cause == refused.cause)
        #expect(try fake.tree.recover() == .finished)
        #expect(fake.snapshot == empty)
        #expect(try fake.tree.recover() == .nothing)
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

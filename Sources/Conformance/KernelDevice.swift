// SPDX-License-Identifier: MIT
import LinuxSystem
package import SystemPackage
package import TargetConfig

/// The kernel's vhost-scsi, with targets made for the cases and deleted after them.
///
/// Target 1 has a RAM disk of 8 MiB, target 2 of the same port none until one is plugged, and target 3 one of 1 MiB with
/// protection information. It is alone there because Linux 6.1, told to reset a unit beside another one, later frees
/// memory that it has not allocated. A second port has a portal group without a nexus.
package final class KernelDevice: DeviceUnderTest {
    package let implementation: Implementation
    package let target: UInt8
    package let spareTarget: UInt8
    package let protectedTarget: UInt8
    package var patience = Duration.seconds(3)
    package var holder: [String]?
    package var canPlug: Bool { plugging != nil }
    /// The port of the two targets.
    let wwpn: String
    /// A port that has no nexus.
    let bareWWPN: String
    private let opening: () throws(Errno) -> any VhostNode
    private let plugging: ((UInt16, Bool) throws -> Void)?

    /// A device that is there, with targets that are there.
    ///
    /// - Parameters:
    ///   - targets: the one under test, the one whose units come and go, and the one with protection information.
    ///   - plugging: makes a unit come or go.
    package init(
        _ implementation: Implementation,
        wwpn: String,
        bareWWPN: String,
        targets: (tested: UInt8, spare: UInt8, protected: UInt8),
        plugging: ((UInt16, Bool) throws -> Void)?,
        opening: @escaping () throws(Errno) -> any VhostNode
    ) {
        self.implementation = implementation
        self.wwpn = wwpn
        self.bareWWPN = bareWWPN
        (target, spareTarget, protectedTarget) = targets
        self.opening = opening
        self.plugging = plugging
    }

    package func plug(_ lun: UInt16) throws { try plugging?(lun, true) }

    package func unplug(_ lun: UInt16) throws { try plugging?(lun, false) }

    /// Opens the device without becoming its owner.
    func openBare() throws -> any VhostNode { try opening() }

    package func open() throws -> any DevicePort {
        let node = try opening()
        try node.control(.setOwner)
        return try KernelPort(node, wwpn: wwpn)
    }
}

/// The targets of a run against the kernel, in configfs.
package struct ConformanceTargets {
    private static let port = "naa.5001405c0f0f0001"
    private static let bare = "naa.5001405c0f0f0002"
    private static let spare = "conformance-spare"
    private static let protected = "conformance-protected"

    private let tree: TargetTree

    /// Makes them; all or nothing.
    package init(in tree: TargetTree) throws {
        self.tree = tree
        // What a run that was killed has left.
        do { try delete() } catch { /* There was nothing. */  }
        do {
            let protected = try tree.createBackstore(Self.protected, BackstoreSpec("ramdisk:1M"))
            let directory = tree.root.appending("target").appending(protected.path)
            try directory.appending("attrib/pi_prot_type").write("1".utf8)
            _ = try tree.create(Self.request(Self.port, 1, [LUNSpec("0=ramdisk:8M")]))
            _ = try tree.create(Self.request(Self.port, 2, []))
            _ = try tree.create(Self.request(Self.port, 3, [LUNSpec("0=name:\(Self.protected)")]))
            _ = try tree.createBackstore(Self.spare, BackstoreSpec("ramdisk:1M"))
            try Self.group(in: tree).makeDirectories()
        } catch {
            do { try delete() } catch { /* What failed first is what is of interest. */  }
            throw error
        }
    }

    /// Those that are there already.
    package init(existingIn tree: TargetTree) { self.tree = tree }

    /// The device with these targets.
    package func device(_ path: FilePath, release: String) -> KernelDevice {
        KernelDevice(
            .kernel(release),
            wwpn: Self.port,
            bareWWPN: Self.bare,
            targets: (1, 2, 3),
            plugging: plug
        ) { () throws(Errno) in try LinuxVhostNode(path) }
    }

    /// Deletes them: every one that is there, whatever the others do.
    package func delete() throws {
        let group = Self.group(in: tree)
        let steps: [() throws -> Void] = [
            { try group.removeDirectory() },
            { try group.removingLastComponent().removeDirectory() },
            { _ = try tree.delete(Self.port, tag: nil, backstores: .owned) },
            { try tree.deleteBackstore(Self.spare) }, { try tree.deleteBackstore(Self.protected) },
        ]
        let failures = steps.compactMap { step -> (any Error)? in
            do {
                try step()
                return nil
            } catch {
                return error
            }
        }
        if let first = failures.first { throw first }
    }

    private static func request(_ wwpn: String, _ tag: UInt8, _ luns: [LUNSpec]) throws(OperationError)
        -> TargetRequest
    {
        try TargetRequest(wwpn: WWPN(wwpn), tag: TPGTag(tag), luns: luns)
    }

    /// The portal group without a nexus, which the tree would not make.
    private static func group(in tree: TargetTree) -> FilePath {
        tree.root.appending("target/vhost/\(bare)/tpgt_1")
    }

    private func plug(_ lun: UInt16, _ comes: Bool) throws {
        let unit = tree.root.appending("target/vhost/\(Self.port)/tpgt_2/lun/lun_\(lun)")
        let link = unit.appending("spare")
        if comes {
            let backstore = try tree.backstore(named: Self.spare)
            try unit.makeDirectory()
            try link.makeSymbolicLink(to: tree.root.appending("target").appending(backstore.path).string)
        } else {
            try link.removeFile()
            try unit.removeDirectory()
        }
    }
}

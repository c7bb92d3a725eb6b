// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing

@testable import KernelModule

@Suite struct ConfiguredTargetsTests {
    private func withTargets(_ directories: [String], _ body: (ConfiguredTargets) throws -> Void) throws {
        try TemporaryDirectory.use { root in
            for directory in directories { try root.appending(directory).makeDirectories() }
            try TemporaryDirectory.write("", to: root.appending("version"))
            try body(ConfiguredTargets(root: root))
        }
    }

    private static let tree = [
        "vhost/discovery_auth", "vhost/naa.1/tpgt_1", "vhost/naa.2", "core/alua/lu_gps", "core/iblock_0/disk",
        "core/fileio_0/file", "core/rd_mcp_1/memory",
    ]

    @Test(
        arguments: [
            ("vhost_scsi", ["vhost/naa.1", "vhost/naa.2"]),
            ("target_core_iblock", ["core/iblock_0/disk"]),
            ("target_core_file", ["core/fileio_0/file"]),
            ("target_core_user", []),
            ("target_core_mod", ["core/fileio_0/file", "core/iblock_0/disk", "core/rd_mcp_1/memory"]),
            ("vhost", []),
        ]
    )
    func nameWhatHoldsAModule(module: String, holders: [String]) throws {
        try withTargets(Self.tree) { #expect($0.holding(module) == holders) }
    }

    @Test func aFabricWithoutTargetsHoldsItsModuleToo() throws {
        try withTargets(["vhost/discovery_auth"]) { #expect($0.holding("vhost_scsi") == ["vhost"]) }
        #expect(ConfiguredTargets(root: "/nonexistent").holding("vhost_scsi").isEmpty)
    }

    @Test func aModuleThatTheyHoldIsExplained() throws {
        let module = LoadedModule("vhost_scsi 49152 2 - Live 0x0")
        try withTargets(Self.tree) { configured in
            let error = UnloadFailure(module, configured: configured).error
            #expect(error.cause == "it is in use: use count 2 (configured: vhost/naa.1, vhost/naa.2)")
            #expect(error.hint == "delete them; see: ringside target list, ringside backstore list")
        }
        let none = UnloadFailure(module, configured: ConfiguredTargets(root: "/nonexistent")).error
        #expect(none.cause == "it is in use: use count 2 (open files, mounts, devices)")
    }
}

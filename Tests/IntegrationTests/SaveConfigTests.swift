// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import TestVM
import Testing

/// saveconfig.json, with Debian's own rtslib on the other side.
@Suite(.needsTestVM, .serialized) struct SaveConfigTests {
    private let configuration = """
        backstores:
          disk: {source: "file:/tmp/disk.img,size=8M", attributes: {emulate_tpu: 1, block_size: 4096}}
          small: {source: "file:/tmp/small.img,size=1M", attributes: {block_size: 1024, optimal_sectors: 8000}}
          cached: file:/tmp/cached.img,size=1M,buffered
          null: ramdisk:1M,nullio
          shared: {source: ramdisk:1M, alua_groups: {gold: 5}}
        targets:
          naa.5001405c0ffee001:
            1: {fabric_prot_type: 1, luns: {0: name:disk, 1: name:cached, 2: name:null, 300: ramdisk:1M}}
          naa.5001405c0ffee002:
            3: {luns: {0: {source: name:shared, alua_group: gold}}}
        """

    /// targetctl with every file that it opens.
    private func targetctl() async throws -> [String] {
        let modules = try await Host.shell(
            """
            /usr/bin/python3 -c '
            import sys, rtslib_fb
            for module in list(sys.modules.values()):
                print(getattr(module, "__file__", None) or "")'
            """
        )
        let files = modules.output.split(separator: "\n").map(String.init).filter { $0.hasPrefix("/usr") }
        #expect(files.count > 50, "\(modules.error)")
        return files + [
            "/usr/bin/targetctl", "/sbin/ldconfig", "/etc/ld.so.cache",
            "/usr/lib/x86_64-linux-gnu/libudev.so.1",
        ]
    }

    @Test func bothReadWhatTheOtherWrote() async throws {
        let programs = try await targetctl()
        // rtslib looks into the iSCSI fabric whatever it is asked for.
        let modules = VirtualHost.targetModules + ["iscsi_target_mod"]
        try await VirtualHost.bootForTargets(modules: modules, programs: programs) { host in
            try await host.expectSuccess("mkdir -p /etc/rtslib-fb-target")
            try await host.expectSuccess("ringside target apply - <<'END'\n\(configuration)\nEND")
            try await host.expectSuccess("ringside target export /tmp/one.yaml")
            try await host.expectSuccess(
                "ringside target export --saveconfig /tmp/ours.json; targetctl save /tmp/theirs.json"
            )
            // What they saved of it is what we wrote.
            try await host.expectSuccess("ringside target diff /tmp/theirs.json --prune")
            // They make it again from our file, and we from theirs.
            let restored = try await host.run("targetctl restore /tmp/ours.json")
            #expect(
                restored.error.split(separator: "\n").filter {
                    !$0.contains("Warning") && !$0.contains("dbroot")
                } == []
            )
            try await host.expectSuccess("ringside target diff /tmp/ours.json --prune")
            try await host.expectSuccess("ringside target clear; ringside target apply /tmp/theirs.json")
            try await host.expectSuccess(
                "ringside target export /tmp/two.yaml; cmp /tmp/one.yaml /tmp/two.yaml"
            )
            try await host.expectSuccess(
                "targetctl save /tmp/again.json; ringside target diff /tmp/again.json --prune"
            )
        }
    }

    @Test func otherFabricsStayInTheFile() async throws {
        try await VirtualHost.bootForTargets(modules: ["vhost_scsi"]) { host in
            let foreign = """
                {"fabric_modules": [], "storage_objects": [{"name": "theirs", "plugin": "fileio", "size": 5}],
                 "targets": [{"fabric": "iscsi", "wwn": "iqn.2003-01.org.x:t", "tpgs": [{"tag": 1, "luns":
                 [{"index": 0, "storage_object": "/backstores/fileio/theirs"}]}]},
                 {"fabric": "vhost", "wwn": "naa.5001405000000009", "tpgs": []}]}
                """
            try await host.expectSuccess("cat >/tmp/s.json <<'END'\n\(foreign)\nEND")
            try await host.expectSuccess("ringside target create naa.5001405c0ffee001 --lun 0=ramdisk:1M")
            let saved = try await host.expectSuccess(
                "ringside target export --saveconfig /tmp/s.json; cat /tmp/s.json"
            )
            #expect(saved.contains("iqn.2003-01.org.x:t") && saved.contains("\"theirs\""))
            #expect(saved.contains("naa.5001405c0ffee001") && !saved.contains("naa.5001405000000009"))
            try await host.expectSuccess(
                "ringside target export --saveconfig /tmp/s.json; ringside target clear"
            )
            // A backstore that never got a serial number.
            try await host.expectSuccess(
                """
                d=/sys/kernel/config/target/core/rd_mcp_0; mkdir $d; mkdir $d/bare
                echo rd_pages=16 >$d/bare/control; echo 1 >$d/bare/enable
                """
            )
            let bare = try await host.expectSuccess("ringside target export --saveconfig")
            #expect(bare.contains("\"bare\"") && !bare.contains("\"wwn\""), "\(bare)")
            try await host.expectSuccess(
                """
                ringside target export --saveconfig /tmp/bare.json; ringside target clear
                ringside target apply /tmp/bare.json && ringside target clear
                """
            )
        }
    }
}

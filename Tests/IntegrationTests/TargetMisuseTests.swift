// SPDX-License-Identifier: MIT
import LinuxSystem
import TestVM
import Testing

private let name = "naa.5001405c0ffee001"

@Suite(.needsTestVM, .serialized) struct TargetMisuseTests {
    /// Each is one clear error, and none changes anything.
    @Test func misuseChangesNothing() async throws {
        try await VirtualHost.bootForTargets(modules: ["vhost_scsi", "loop"]) { host in
            try await host.expectSuccess("ringside target create \(name) --tpgt 1 --lun 0=ramdisk:1M")
            let before = try await host.tree()
            #expect(misuse.count + refusedFiles.count >= 40)
            let files = refusedFiles.map { text, message in
                ("target apply - <<'END'\n\(text)\nEND", Int32(1), "read -, " + message)
            }
            for (arguments, status, message) in misuse + files {
                let outcome = try await host.run("ringside \(arguments)")
                #expect(outcome.status == status, "\(arguments): \(outcome.error)")
                #expect(outcome.error.contains(message), "\(arguments): \(outcome.error)")
                #expect(outcome.output == "", "\(arguments)")
                #expect(try await host.tree() == before, "\(arguments)")
            }
        }
    }
}

/// Arguments, exit status, and what the error says, with one target that has LUN 0.
private let misuse: [(String, Int32, String)] = [
    ("target create foo", 2, "begins with none of naa., fc. and iqn."),
    ("target create naa.zzzz", 2, "'z' is not a hexadecimal digit"),
    ("target create x.naa.5001405c0ffee001", 2, "begins with none of naa., fc. and iqn."),
    ("target create 'naa.5001405 c0ffee01'", 2, "' ' is not a hexadecimal digit"),
    ("target create \(name) --tpgt 256", 2, "is above 255"),
    ("target create \(name) --tpgt 65536", 2, "does not fit the 16 bits of the vhost ABI"),
    ("target create \(name) --tpgt 2 --lun 0=ramdisk:1M --lun 0=ramdisk:1M", 2, "LUN 0 is given twice"),
    ("target create \(name) --tpgt 2 --lun 16384=ramdisk:1M", 2, "is above 16383"),
    ("target create \(name) --tpgt 2 --lun 0=ramdisk:1000", 2, "1000 is not a multiple of 4096"),
    ("target create \(name) --tpgt 2 --lun 0=file:/a,b,size=1M", 2, "'b' is no option of file"),
    ("target create \(name) --tpgt 2 --nexus fc.2100000000000001", 2, "is of another protocol"),
    ("target create \(name) --tpgt 1 --lun 0=ramdisk:1M", 1, "EEXIST: the target is there already"),
    ("target create \(name) --tpgt 2 --lun 0=ramdisk:100G", 1, "ENOMEM: only "),
    ("target create \(name) --tpgt 2 --lun 0=name:none", 1, "there is no such backstore"),
    ("target create \(name) --tpgt 2 --lun 0=file:/tmp/none", 1, "ENOENT: the file does not exist"),
    (
        "target create \(name) --tpgt 2 --lun 0=file:/tmp/n,size=1M --lun 1=file:/tmp/./n,size=1M", 1,
        "EBUSY: it is given twice, first for \(name):2:0"
    ),
    ("target create \(name) --tpgt 2 --lun 0=block:/dev/null", 1, "ENOTBLK: it is no block device"),
    (
        "target create \(name) --tpgt 2 --lun 0=ramdisk:1M --lun 1=file:/tmp/new,size=1M", 1,
        "mkdir core/fileio_0: EINVAL: the kernel has no such backstore plugin: target_core_file is not loaded\n"
            + "all 6 steps before it were undone\nload it with: ringside module load target_core_file"
    ),
    (
        "target create \(name) --tpgt 2 --lun 0=ramdisk:1M --lun 1=file:/proc/new,size=1M", 1,
        "create /proc/new: ENOENT: No such file or directory\nall 5 steps before it were undone"
    ),
    ("target delete naa.5001405c0ffee009", 1, "ENOENT: there is no such target"),
    ("target delete \(name) --tpgt 9", 1, "ENOENT: the target has no such portal group"),
    ("target show naa.5001405c0ffee009", 1, "the targets are \(name)"),
    ("target list --configfs /tmp", 1, "open /tmp: ENOENT: configfs is not mounted there"),
    ("backstore create a:b ramdisk:1M", 2, "is not 1 to 200 letters"),
    ("backstore create a disk:1M", 2, "'disk' is no kind of backstore"),
    ("backstore delete none", 1, "ENOENT: there is no such backstore"),
    ("backstore delete \(name):1:0", 1, "EBUSY: it is exported by vhost/\(name)/tpgt_1/lun/lun_0"),
    ("target create \(name) --tpgt 2 --lun 0=pscsi:/dev/none", 1, "ENOENT: there is no such SCSI disk"),
    ("target create \(name) --tpgt 2 --lun 0=user:rbd,size=1M", 2, "needs HANDLER/CONFIG"),
    ("target create \(name) --tpgt 2 --lun 0=user:rbd/a", 2, "a user backstore needs a size"),
    ("target create \(name) --tpgt 2 --lun 0=file:/tmp/n,buffered,direct", 2, "exclude each other"),
    ("target create \(name) --workers 0", 2, "--workers 0: not between 1 and 64"),
    ("target delete \(name) --keep-backstores --recursive", 2, "exclude each other"),
    ("target apply /nothing", 1, "read /nothing: ENOENT"),
    ("target name --check naa.5", 2, "has 1 digits after its prefix, not 16 or 32"),
    ("target watch --interval 0", 2, "not between 0.1 and 3600 seconds"),
    ("target watch naa.5001405c0ffee009", 1, "ENOENT: there is no such target"),
    ("target export --configfs /tmp", 1, "open /tmp: ENOENT: configfs is not mounted there"),
    ("backstore show none", 1, "ENOENT: there is no such backstore"),
]

/// Files that are refused with the line that is wrong.
private let refusedFiles = [
    ("a: b: c", "line 1: mapping values are not allowed in this context"),
    ("targets: [1]", "line 1: targets is not a map"),
    ("targets:\n  tpg: {}", "line 2: parse WWPN 'tpg': begins with none of naa., fc. and iqn."),
    ("targets:\n  \(name): {01: {}, 1: {}}", "line 2: \(name)/tpgt_1 is there twice"),
    ("targets:\n  \(name): {300: {}}", "line 2: parse tpgt '300': is above 255"),
    (
        "targets:\n  \(name): {1: {luns: {0x10: ramdisk:1M}}}",
        "line 2: parse LUN '0x10': is not a decimal number"
    ),
    ("targets:\n  \(name): {1: {luns: {16384: ramdisk:1M}}}", "line 2: parse LUN '16384': is above 16383"),
    (
        "targets:\n  \(name): {1: {luns: {0: disk}}}",
        "line 2: parse backstore 'disk': 'disk' is no kind of backstore"
    ),
    ("targets:\n  \(name): {1: {fabric_prot_type: 2}}", "line 2: fabric_prot_type is '2', not 0, 1 or 3"),
    (
        "targets:\n  \(name): {1: {nexus: fc.2100000000000001}}",
        "line 2: the nexus fc.2100000000000001 is of another"
    ),
    (
        "backstores:\n  d: {source: ramdisk:1M, attributes: {block_size: 513}}",
        "line 2: block_size is 513, not 512, 1024"
    ),
    (
        "backstores:\n  d: {source: ramdisk:1M, attributes: {queue_depth: 0}}",
        "line 2: queue_depth is 0, not from 1 to"
    ),
    (
        "backstores:\n  d: {source: ramdisk:1M, attributes: {emulate_tpu: 1}}",
        "line 2: emulate_tpu is 1, but a ramdisk"
    ),
    (
        "backstores:\n  d: {source: ramdisk:1M, attributes: {pi_prot_type: 2}}",
        "line 2: pi_prot_type is 2, not 0, 1 or 3"
    ),
    (
        "backstores:\n  d: {source: ramdisk:1M, alua_groups: {a: 0}}",
        "line 2: the ALUA group 'a' is '0', not a number"
    ),
]

// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import TestVM
import Testing

/// What a real kernel, or libkmod before it, has against real files.
@Suite(.needsModuleFixtures) struct ModuleRefusalTests {
    /// What follows `ringside module load /modules/`, and how the error goes on behind `ringside: `.
    private static let refusals = [
        (
            "t_alone.ko",
            "load t_lone: ENOENT: unknown symbol vhost_has_none\nno module of this kernel exports it\n"
        ),
        ("t_version.ko", "load t_hello: EINVAL: it was built against another version of "),
        ("t_twin.ko", "load t_twin: ENOEXEC: it exports t_prov_fn, which t_prov exports already\n"),
        ("t_arm.ko", "load t_hello: ENOEXEC: it was built for other processors: ELF machine 183 (arm64)\n"),
        ("t_type.ko", "load t_hello: ENOEXEC: the file is damaged: Invalid ELF header type: 3 != 1\n"),
        ("t_fail.ko word=12345678", "load t_fail: ENOSPC: '12345678' is too large for parameter word\n"),
        ("t_signed.ko", "load crc7: EKEYREJECTED: its signature is missing, broken, or of a key"),
        ("t_huge.ko", "load t_huge: ENOMEM: not enough memory\n"),
        ("t_hello.ko n=99999999999", "load t_hello: ERANGE: '99999999999' is invalid for parameter n\n"),
        (
            "t_hello.ko text=\(String(repeating: "a", count: 1100))",
            "load t_hello: ENOSPC: the value of parameter text is too long\n"
        ),
        ("t_packed.ko.gz", "read /modules/t_packed.ko.gz: ENOEXEC: compressed with gzip, which this libkmod"),
        ("t_empty.ko", "read /modules/t_empty.ko: EINVAL: not a kernel module: the file is empty\n"),
        ("t_text.ko", "read /modules/t_text.ko: EINVAL: not a kernel module: not an ELF file\n"),
        (
            "t_short.ko",
            "read /modules/t_short.ko: EINVAL: not a kernel module: an ELF file that is cut short"
        ),
    ]

    @Test func everyRefusalIsExplained() async throws {
        let setpriv = try #require(FilePath.locate(program: "setpriv")).string
        let log = try await VirtualHost.boot(programs: [setpriv], files: ModuleFixtures.files()) { host in
            #expect(try await host.module("load /modules/t_prov.ko").status == 0)
            let before = try await host.run("cut -d' ' -f1 /proc/modules")
            for (arguments, message) in Self.refusals {
                let load = try await host.module("load /modules/\(arguments)")
                #expect(load.status == 1)
                #expect(load.error.hasPrefix("ringside: \(message)"), "\(load.output)\(load.error)")
            }
            let line = "setpriv --bounding-set -sys_module ringside module load /modules/t_hello.ko"
            let incapable = try await host.run(line).error
            let words = "ringside: load t_hello: EPERM: not allowed to load modules (CAP_SYS_MODULE), as in a"
            #expect(incapable.hasPrefix(words), "\(incapable)")
            #expect(try await host.run("cut -d' ' -f1 /proc/modules") == before)
        }
        #expect(log.trouble.isEmpty)
    }
}

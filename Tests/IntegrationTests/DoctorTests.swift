// SPDX-License-Identifier: MIT
import LinuxSystem
import Testing

@Suite(.needsTestVM, .serialized) struct DoctorTests {
    @Test func aHostThatCanBootMachinesIsReady() async throws {
        let outcome = try await Host.run("doctor", "--json")
        #expect(outcome.status == 0)
        #expect(outcome.output.contains("\"ready\" : true"))
        #expect(outcome.output.contains("QEMU emulator version"))
        let names = [
            "kernel image", "guest modules", "acceleration", "configfs mount", "/dev/vhost-scsi",
            "kernel headers",
        ]
        for name in names { #expect(outcome.output.contains("\"name\" : \"\(name)\""), "\(name)") }
    }

    @Test func aRealHostIsTakenAsItIs() async throws {
        try await VirtualHost.boot(modules: ["vhost_scsi"]) { host in
            // No QEMU and no kernel image in there, but everything that vhost-scsi takes.
            let before = try await host.run("ringside doctor")
            #expect(before.status == 1)
            #expect(before.output.contains("missing  qemu-system-x86_64: not installed\n"))
            #expect(before.output.contains("fix: apt-get install qemu-system-x86\n"))
            #expect(before.output.contains("warn     vhost_scsi: installed, not loaded\n"))
            #expect(before.output.contains("fix: ringside module load vhost_scsi\n"))
            #expect(before.output.contains("missing  /dev/vhost-scsi: ENOENT"))
            _ = try await host.module("load vhost_scsi")
            let after = try await host.run("ringside doctor")
            #expect(after.output.contains("ok       vhost_scsi: in the kernel\n"))
            #expect(after.output.contains("ok       /dev/vhost-scsi: opens\n"))
            #expect(after.output.contains("ok       configfs mount: /sys/kernel/config\n"))
        }
    }
}

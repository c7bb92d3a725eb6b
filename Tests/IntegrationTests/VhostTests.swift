// SPDX-License-Identifier: MIT
import LinuxSystem
import TestVM
import Testing

private let wwpn = "naa.5001405c0ffee001"
private let options = "id=vhost-scsi0,wwpn=\(wwpn),tpgt=1"

/// The vhost-scsi device against the kernel's own driver and target.
@Suite(.needsTestVM, .serialized) struct VhostTests {
    /// Boots a machine with a target of LUN 0 (16 MiB) and LUN 300 (4 MiB that keep nothing), and takes it down.
    private func withTarget(_ body: @Sendable @escaping (VirtualHost) async throws -> Void) async throws {
        let log = try await VirtualHost.boot(modules: ["vhost_scsi"]) { host in
            let luns = "--lun 0=ramdisk:16M --lun 300=ramdisk:4M,nullio"
            let setUp = try await host.run(
                """
                set -e
                ringside module load vhost_scsi
                grep -q /sys/kernel/config /proc/mounts || mount -t configfs none /sys/kernel/config
                ringside target create \(wwpn) --tpgt 1 \(luns)
                """
            )
            try #require(setUp.status == 0, "\(setUp.error)")
            try await body(host)
            // Whatever happened, nothing may hold the target or the module.
            let takeDown = try await host.run(
                "set -e; ringside target delete \(wwpn); ringside module unload vhost_scsi"
            )
            #expect(takeDown.status == 0, "\(takeDown.error)")
        }
        #expect(log.trouble.map(\.text) == [])
    }

    @Test func opensAndStops() async throws {
        try await withTarget { host in
            let open = try await host.run("ringside vhost open --seconds 0 \(options)")
            #expect(open.status == 0, "\(open.error)")
            #expect(open.output.contains("ABI version  1 "))
            #expect(open.output.contains("in use       ANY_LAYOUT INDIRECT_DESC EVENT_IDX VERSION_1\n"))
            let again = try await host.run("ringside vhost open --seconds 0 \(options)")
            #expect(again.status == 0, "\(again.error)")
        }
    }

    @Test func aStartedDeviceHoldsItsTPGUntilASignal() async throws {
        try await withTarget { host in
            for signal in ["INT", "TERM", "KILL"] {
                let outcome = try await host.run(
                    """
                    rm -f /tmp/open; ringside vhost open \(options) > /tmp/open & pid=$!
                    while ! [ -s /tmp/open ]; do sleep 0.05; done
                    ringside vhost probe id=b,wwpn=\(wwpn),tpgt=1; echo "probe $?"
                    ringside target delete \(wwpn); echo "delete $?"
                    kill -\(signal) $pid; wait $pid; echo "open $?"
                    """
                )
                let status = signal == "KILL" ? 137 : 0
                #expect(outcome.output == "probe 1\ndelete 1\nopen \(status)\n")
                #expect(outcome.error.contains("ENODEV: there is no TPG of \(wwpn), or none with a nexus"))
                let probe = try await host.run("ringside vhost probe \(options)")
                #expect(probe.status == 0, "after SIG\(signal): \(probe.error)")
            }
        }
    }

    @Test func aSecondDeviceThatFailsStopsTheFirst() async throws {
        try await withTarget { host in
            let both = try await host.run("ringside vhost open \(options) id=b,wwpn=\(wwpn),tpgt=1")
            #expect(both.status == 1)
            #expect(both.output.isEmpty)
            #expect(both.error.contains("VHOST_SCSI_SET_ENDPOINT /dev/vhost-scsi"))
        }
    }

    @Test func probesEveryLUN() async throws {
        try await withTarget { host in
            let probe = try await host.run("ringside vhost probe \(options)")
            #expect(
                probe.output == """
                    lun  type  vendor   product      rev  blocks  block size  ready
                      0  disk  LIO-ORG  RAMDISK-MCP  4.0   32768         512  yes
                    300  disk  LIO-ORG  RAMDISK-MCP  4.0    8192         512  yes

                    """
            )
            let absent = try await host.run("ringside vhost probe id=a,wwpn=\(wwpn),tpgt=2")
            #expect(absent.status == 1)
            #expect(absent.error.contains("LUN 0 of \(wwpn) target 2: BAD_TARGET: "))
        }
    }

    @Test func aPassedDescriptorServesItsOwnerOnly() async throws {
        try await withTarget { host in
            let outcome = try await host.run(
                """
                exec 3<>/dev/vhost-scsi
                ringside vhost probe \(options),vhostfd=3 > /dev/null; echo $?
                ringside vhost probe \(options),vhostfd=3; echo $?
                exec 3>&-
                ringside vhost probe \(options),vhostfd=3 2> /dev/null; echo $?
                """
            )
            #expect(outcome.output == "0\n1\n2\n")
            #expect(outcome.error.contains("EPERM: another process is the device's owner"))
        }
    }

    @Test func verifiesWhatTheDiskKeepsAndWhatItDoesNot() async throws {
        try await withTarget { host in
            let kept = try await host.run("ringside vhost verify --write \(options)")
            #expect(kept.status == 0, "\(kept.error)")
            #expect(kept.output.contains("LUN 0: 16777216 bytes written, read back and equal (seed 1)\n"))
            let large = try await host.run("ringside vhost verify --write --bs 4M --iodepth 1 \(options)")
            #expect(large.status == 0, "\(large.error)")
            let lost = try await host.run("ringside vhost verify --write --lun 300 --bs 1M \(options)")
            #expect(lost.status == 1)
            #expect(
                lost.error
                    == "ringside: compare LUN 300: block 0 differs from what was written, at byte 0 of the block\n"
            )
            let absent = try await host.run("ringside vhost verify --write --lun 7 \(options)")
            #expect(absent.status == 1)
            #expect(absent.error.contains("ILLEGAL REQUEST, logical unit not supported (5h/25h/00h)"))
        }
    }

    @Test func aDryBenchWritesNothing() async throws {
        try await withTarget { host in
            let dry = try await host.run("ringside vhost bench --dry-run --rw write \(options)")
            #expect(dry.output == "would overwrite any of the 16777216 bytes of LUN 0 of \(wwpn)\n")
            #expect(dry.status == 0, "\(dry.error)")
            let unsaid = try await host.run("ringside vhost bench --rw write \(options)")
            #expect(unsaid.status == 2)
        }
    }

    @Test func measuresAtEachDepth() async throws {
        try await withTarget { host in
            for rw in ["randread", "read", "randwrite --write", "write --write"] {
                let bench = try await host.run(
                    "ringside vhost bench --json --count 2000 --iodepth 1,32 --rw \(rw) \(options)"
                )
                #expect(bench.status == 0, "\(bench.error)")
                #expect(bench.output.contains("\"iodepth\" : 1,"))
                #expect(bench.output.contains("\"iodepth\" : 32,"))
                #expect(bench.output.ranges(of: "\"requests\" : 2000,").count == 2)
            }
            let deepest = try await host.run("ringside vhost bench --count 3000 --iodepth 1024 \(options)")
            #expect(deepest.status == 0, "\(deepest.error)")
            let bound = try await host.run(
                "ringside vhost bench --cpus 0 --iodepth 32 --count 9 --histogram /tmp/h \(options); cat /tmp/h"
            )
            #expect(bound.output.contains("\n#[1 queue, depth 32: LUN 0: randread, 4K a request, "))
            let nowhere = try await host.run("ringside vhost bench --cpus 9 --count 1 \(options)")
            #expect(nowhere.status == 1, "\(nowhere)")
            #expect(nowhere.error.contains("bind to processors 9 worker"), "\(nowhere)")
        }
    }
}

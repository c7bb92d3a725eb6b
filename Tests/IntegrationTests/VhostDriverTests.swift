// SPDX-License-Identifier: MIT
import LinuxSystem
import TestVM
import Testing

private let wwpn = "naa.5001405c0ffee001"
private let options = "id=vhost-scsi0,wwpn=\(wwpn),tpgt=1"
private let group = "/sys/kernel/config/target/vhost/\(wwpn)/tpgt_1"

/// The driver side's queues against the kernel's own vhost-scsi.
@Suite(.needsTestVM, .serialized) struct VhostDriverTests {
    /// Boots a machine with a target of one ramdisk of 4 MiB, and takes it down.
    private func withTarget(
        parameters: String = "",
        deadline: Duration = .seconds(300),
        _ body: @Sendable @escaping (VirtualHost) async throws -> Void
    ) async throws {
        let log = try await VirtualHost.boot(modules: ["vhost_scsi"], processors: 2, deadline: deadline) {
            host in
            try await host.expectSuccess("ringside module load vhost_scsi \(parameters)")
            try await host.expectSuccess("ringside target create \(wwpn) --lun 0=ramdisk:4M")
            try await body(host)
            try await host.expectSuccess("ringside target delete \(wwpn)")
            try await host.expectSuccess("ringside module unload vhost_scsi")
        }
        #expect(log.trouble.map(\.text) == [])
    }

    @Test func everyOptionReachesTheKernel() async throws {
        try await withTarget(parameters: "max_io_vqs=2") { host in
            let all =
                "num_queues=2,virtqueue_size=64,max_sectors=128,cmd_per_lun=64,t10_pi=on,hotplug=on,"
                + "worker_per_virtqueue=on,boot_tpgt=1"
            let open = try await host.expectSuccess("ringside vhost open --seconds 0 \(options),\(all)")
            #expect(
                open.contains("in use       HOTPLUG T10_PI ANY_LAYOUT INDIRECT_DESC EVENT_IDX VERSION_1\n")
            )
            // Linux 6.1 has one worker for all rings, and says so by ENOTTY.
            #expect(open.contains("workers      1\n"))
            #expect(open.contains("   3  request 1           64 "))
            let many = try await host.run("ringside vhost open --seconds 0 \(options),num_queues=3")
            #expect(many.status == 1)
            #expect(many.error.contains("ENOBUFS: the device has no ring of that number"))
            let deep = try await host.run("ringside vhost bench --iodepth 65 \(options),cmd_per_lun=64")
            #expect(
                deep.status == 1 && deep.error.contains("65 requests in flight are more than cmd_per_lun=64")
            )
            for extra in ["num_queues=2", "num_queues=2,t10_pi=on,hotplug=on"] {
                try await host.expectSuccess("ringside vhost verify --write \(options),\(extra)")
            }
        }
    }

    @Test func severalDevicesServeSeveralTargetsAtOnce() async throws {
        try await withTarget { host in
            let other = "naa.5001405c0ffee002"
            try await host.expectSuccess("ringside target create \(other) --lun 0=ramdisk:4M")
            let both = try await host.expectSuccess(
                "ringside vhost open --seconds 0 \(options) id=b,wwpn=\(other),tpgt=1"
            )
            #expect(both.contains("vhost-scsi0: endpoint set to \(wwpn)"))
            #expect(both.contains("b: endpoint set to \(other)"))
            try await host.expectSuccess("ringside target delete \(other)")
        }
    }

    @Test func aDeviceIsHandedOverToAnotherProcess() async throws {
        try await withTarget { host in
            let outcome = try await host.run(
                """
                ringside vhost open \(options) -- ringside vhost probe id=b,wwpn=\(wwpn),tpgt=1,vhostfd=vhost-scsi0
                ringside vhost open \(options) -- sh -c 'readlink /proc/self/fd/3; echo $LISTEN_FDNAMES'
                ringside vhost open \(options) -- /none; echo $?
                ringside vhost probe id=b,wwpn=\(wwpn),tpgt=1,vhostfd=vhost-scsi0; echo $?
                """
            )
            #expect(outcome.output.contains("  0  disk  LIO-ORG  RAMDISK-MCP"))
            #expect(outcome.output.hasSuffix("/dev/vhost-scsi\nvhost-scsi0\n1\n2\n"), "\(outcome.output)")
            #expect(outcome.error.contains("start /none: ENOENT"))
            #expect(outcome.error.contains("no descriptor of the name \"vhost-scsi0\" was passed in"))
        }
    }

    @Test func theControlQueueIsAnsweredAsTheKernelDoes() async throws {
        try await withTarget { host in
            let outcome = try await host.run(
                """
                for what in lun-reset abort-task query-task query subscribe; do
                    ringside vhost manage $what \(options); echo $?
                done
                ringside vhost manage lun-reset --lun 7 \(options); echo $?
                ringside vhost manage lun-reset id=a,wwpn=\(wwpn),tpgt=2; echo $?
                """
            )
            #expect(
                outcome.output == """
                    lun-reset of LUN 0: done (10)
                    0
                    abort-task of LUN 0: rejected (11)
                    1
                    query-task of LUN 0: rejected (11)
                    1
                    query of LUN 0: done (0), events 0
                    0
                    subscribe of LUN 0: done (0), events 0
                    0
                    lun-reset of LUN 7: rejected (11)
                    1
                    lun-reset of LUN 0: no such target (3)
                    1

                    """,
                "\(outcome.error)"
            )
        }
    }

    @Test func unitsThatComeAndGoAreReported() async throws {
        try await withTarget { host in
            try await host.expectSuccess("ringside backstore create more ramdisk:1M")
            let outcome = try await host.run(
                """
                store=$(ls -d /sys/kernel/config/target/core/rd_mcp_*/more)
                plug() { mkdir \(group)/lun/lun_$1; ln -s $store \(group)/lun/lun_$1/disk; }
                unplug() { rm \(group)/lun/lun_$1/disk; rmdir \(group)/lun/lun_$1; }
                wait_for() { until [ -s /tmp/$1 ]; do sleep 0.05; done; }
                ringside vhost watch --count 3 \(options),hotplug=on 2>/tmp/ready & wait_for ready
                plug 5; sleep 0.3; unplug 5; sleep 0.3; plug 300; wait $!; unplug 300
                echo missed
                # The device gets eight buffers, and six plugs and unplugs are twelve events.
                rm /tmp/ready
                ringside vhost watch --hold --seconds 60 --count 9 \(options),hotplug=on 2>/tmp/ready & pid=$!
                wait_for ready
                for n in 1 2 3 4 5 6; do plug $n; sleep 0.05; unplug $n; sleep 0.05; done
                kill -USR1 $pid; wait $pid
                """
            )
            let parts = outcome.output.split(separator: "missed\n", maxSplits: 1)
            try #require(parts.count == 2, "\(outcome.output) \(outcome.error)")
            #expect(parts[0] == "added target 1 LUN 5\nremoved target 1 LUN 5\nadded target 1 LUN 300\n")
            let lines = parts[1].split(separator: "\n")
            #expect(lines.count == 9 && lines.last == "nothing, after events that were missed", "\(parts[1])")
            try await host.expectSuccess("ringside backstore delete more")
        }
    }

    @Test func protectionInformationIsCheckedByTheTarget() async throws {
        try await withTarget { host in
            try await host.expectSuccess(
                """
                set -e
                ringside backstore create protected ramdisk:4M
                echo 1 > $(ls -d /sys/kernel/config/target/core/rd_mcp_*/protected)/attrib/pi_prot_type
                ringside target create naa.5001405c0ffee002 --lun 0=name:protected
                """
            )
            let other = "id=b,wwpn=naa.5001405c0ffee002,tpgt=1,t10_pi=on"
            let verify = try await host.expectSuccess(
                "ringside vhost verify --protection --write \(other)"
            )
            #expect(
                verify == """
                    LUN 0: 8192 blocks written with protection information, read back and equal
                    wrong guard          CHECK CONDITION: ABORTED COMMAND, block guard check failed (bh/10h/01h)
                    wrong reference tag  CHECK CONDITION: ABORTED COMMAND, block reference tag check failed (bh/10h/03h)

                    """
            )
            let plain = try await host.run("ringside vhost verify --protection --write \(options)")
            #expect(plain.status == 2)
            try await host.expectSuccess(
                "ringside target delete naa.5001405c0ffee002 && ringside backstore delete protected"
            )
        }
    }

    @Test func theDirtyLogHasTheUsedRing() async throws {
        try await withTarget { host in
            // Linux 6.1's vhost-scsi logs the used rings alone.
            let log = try await host.expectSuccess("ringside vhost probe --dirty-log \(options)")
            #expect(
                log == """
                    used ring  marked
                    response   not marked
                    data       not marked
                    elsewhere  0 pages
                    afterwards 0 pages

                    """
            )
        }
    }

    @Test func aKilledDriverLeavesNothing() async throws {
        // How often, 200 times in Scripts/check.
        let rounds = SystemCalls.environmentValue("RINGSIDE_KILLS").flatMap { Int($0) } ?? 5
        try await withTarget(deadline: .seconds(240 + 5 * rounds)) { host in
            let outcome = try await host.run(
                """
                ringside target delete \(wwpn) >/dev/null
                core=/sys/kernel/config/target store=$core/core/rd_mcp_0/store
                make() {
                    mkdir -p $store && echo rd_pages=1024,rd_nullio=1 >$store/control && echo 1 >$store/enable &&
                    mkdir -p \(group) && echo naa.5001405c0ffee0ab >\(group)/nexus &&
                    mkdir \(group)/lun/lun_0 && ln -s $store \(group)/lun/lun_0/disk
                }
                unmake() {
                    rm \(group)/lun/lun_0/disk && rmdir \(group)/lun/lun_0 \(group) $core/vhost/\(wwpn) $core/vhost \
                        $store $core/core/rd_mcp_0
                }
                for round in $(seq \(rounds)); do
                    make || exit 1
                    ringside vhost bench --queues 2 --iodepth 32 --runtime 60 \(options) >/dev/null 2>&1 & pid=$!
                    # A group that is claimed is busy; one that is not is not empty.
                    for try in $(seq 300); do rmdir \(group) 2>&1 | grep -q busy && break; sleep 0.02; done
                    [ $try -lt 300 ] || exit 5
                    sleep 0.$((round % 4))
                    kill -9 $pid; wait $pid
                    unmake || exit 2
                    rmmod vhost_scsi || exit 3
                    modprobe vhost_scsi || exit 4
                done
                ringside target create \(wwpn) --lun 0=ramdisk:4M
                """
            )
            #expect(outcome.status == 0, "\(outcome.output)\(outcome.error)")
        }
    }
}

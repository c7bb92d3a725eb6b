// SPDX-License-Identifier: MIT
import Glibc
import LinuxSystem
import SystemPackage
import Testing

/// A stock guest, with its own kernel's virtio_scsi and sd, on the disks of `ringside serve`.
@Suite(.needsTestVM, .serialized) struct ServeTests {
    /// An emulator that adds PCI and the device to the machine that it is asked for.
    private static let emulator = """
        #!/bin/sh
        # The machine as it is, with PCI, and the back-end's disks.
        count=$#
        while [ "$count" -gt 0 ]; do
            word=$1
            shift
            case $word in
            microvm,*) word=$word,pcie=on ;;
            *pci=off*) word=$(echo "$word" | sed s/pci=off//) ;;
            esac
            set -- "$@" "$word"
            count=$((count - 1))
        done
        exec qemu-system-x86_64 "$@" -chardev "socket,id=scsi,path=${0%/*}/socket" \\
            -device vhost-user-scsi-pci,chardev=scsi,num_queues=1

        """

    /// What the guest does: a file system, its content before and after the cache is dropped, and a reset in between.
    private static let script = """
        set -e
        for module in virtio_pci virtio_scsi sd_mod sg ext4; do modprobe $module; done
        for tries in $(seq 50); do [ -b /dev/sdb ] && break; sleep 0.1; done
        unit=/sys/class/scsi_device/0:0:0:0/device
        disk=/dev/$(ls $unit/block)
        generic=/dev/$(ls $unit/scsi_generic)
        spare=/dev/$(ls /sys/class/scsi_device/0:0:0:3/device/scsi_generic)
        mkfs.ext4 -q $disk
        mkdir /mnt
        mount -t ext4 $disk /mnt
        dd if=/dev/urandom of=/mnt/file bs=1M count=16 2>/dev/null
        sync
        sg_reset -d $generic
        before=$(sha256sum < /mnt/file)
        umount /mnt
        echo 3 > /proc/sys/vm/drop_caches
        mount -t ext4 $disk /mnt
        [ "$before" = "$(sha256sum < /mnt/file)" ]
        umount /mnt
        echo "content $before"
        cat /proc/partitions
        iscsi-test-cu -d -v -g -t SCSI $spare > /tmp/conformance 2>&1 || true
        grep -E '^ +tests' /tmp/conformance
        grep -c SKIPPED /tmp/conformance
        """

    @Test func aGuestMountsADiskAndItsContentIsInTheFile() async throws {
        let directory = try FilePath.makeTemporaryDirectory(prefix: "serve")
        defer { #expect(throws: Never.self) { try directory.removeTree() } }
        let emulator = directory.appending("qemu")
        try emulator.write(Self.emulator.utf8, permissions: [.ownerReadWriteExecute])
        let disk = directory.appending("disk.img")
        _ = try await Host.shell("truncate -s 96M \(disk)")
        let server = try ChildProcess.spawn(
            arguments: [
                Host.ringside.string, "serve", "--socket", directory.appending("socket").string,
                "--lun", "0=file:\(disk)", "--lun", "3=ramdisk:96M",
            ],
            environment: []
        )
        let outcome = try await Host.run(
            [
                "vm", "run", "--timeout", "300", "--qemu", emulator.string, "--memory-file",
                directory.appending("memory").string,
            ] + ["virtio_pci", "virtio_scsi", "sd_mod", "sg", "ext4"].flatMap { ["--module", $0] }
                + ["mkfs.ext4", "sg_reset", "iscsi-test-cu"].flatMap { name in
                    ["--include", FilePath.locate(program: name)?.string ?? name]
                } + ["--", "sh", "-c", Self.script]
        )
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.output.contains("sdb"))
        try checkConformance(outcome.output)
        // It ends at SIGTERM, cleanly, and takes its socket along.
        #expect(kill(server.processID, SIGTERM) == 0)
        #expect(try await ended(server) == 0)
        #expect(!directory.appending("socket").exists)
        try await checkFile(disk, outcome.output)
    }

    /// The file system's own tools find the same content in the file that the guest found on its disk.
    private func checkFile(_ disk: FilePath, _ output: String) async throws {
        let digest = try #require(output.split(separator: "\n").first { $0.hasPrefix("content ") })
        let check = try await Host.shell("e2fsck -fn \(disk)")
        #expect(check.status == 0, "\(check)")
        let file = try await Host.shell("debugfs -R 'cat /file' \(disk) 2>/dev/null | sha256sum")
        #expect(file.output == "\(digest.dropFirst("content ".count))\n")
    }

    /// libiscsi's suite: as many tests pass that were not skipped as with the kernel's own target, and no more fail.
    private func checkConformance(_ output: String) throws {
        let lines = output.split(separator: "\n")
        let totals = try #require(lines.first { $0.contains(" tests ") }?.split(separator: " "))
        let numbers = totals.compactMap { Int($0) }
        // Total, ran, passed, failed, inactive.
        try #require(numbers.count == 5)
        let skipped = try #require(lines.last.flatMap { Int($0) })
        #expect(numbers[2] - skipped >= 100, "\(totals) skipped \(skipped)")
        #expect(numbers[3] <= 10, "\(totals)")
    }

    /// Waits for a process to end; gives what `waitpid` says of it, 0 for a clean exit.
    private func ended(_ process: ChildProcess) async throws -> Int32 {
        for _ in 0..<100 {
            var status: CInt = 0
            // `status` outlives the call.
            if unsafe waitpid(process.processID, &status, WNOHANG) == process.processID { return status }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw OperationError("wait for", "the server", errno: .timedOut)
    }
}

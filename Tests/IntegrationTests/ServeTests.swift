// SPDX-License-Identifier: MIT
import Glibc
import LinuxSystem
import SystemPackage
import Testing

/// A stock guest, with its own kernel's virtio_scsi and sd, on the disks of `ringside serve`.
@Suite(.needsTestVM, .serialized) struct ServeTests {
    /// An emulator that adds PCI and the device to the machine that it is asked for.
    ///
    /// - Parameter options: more of them for the device, each behind a comma.
    static func emulator(_ options: String = "") -> String {
        """
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
            -device vhost-user-scsi-pci,chardev=scsi,num_queues=1\(options)

        """
    }

    /// What the guest does: a file system, its content before and after the cache is dropped, and a reset in between.
    ///
    /// `RINGSIDE_FIO_LOOPS` makes it write and verify more often.
    private static let script = """
        set -e
        for module in virtio_pci virtio_scsi sd_mod sg ext4; do modprobe $module; done
        for tries in $(seq 300); do [ -b /dev/sdb ] && break; sleep 0.1; done
        unit=/sys/class/scsi_device/0:0:0:0/device
        disk=/dev/$(ls $unit/block)
        generic=/dev/$(ls $unit/scsi_generic)
        spare=/dev/$(ls /sys/class/scsi_device/0:0:0:3/device/scsi_generic)
        printf 'label: gpt\nstart=2048, size=32768\nstart=34816\n' | sfdisk -q $disk
        for tries in $(seq 300); do [ -b ${disk}2 ] && break; sleep 0.1; done
        mkfs.ext4 -q ${disk}2
        mkdir /mnt
        mount -t ext4 ${disk}2 /mnt
        dd if=/dev/urandom of=/mnt/file bs=1M count=16 2>/dev/null
        sync
        sg_reset -d $generic
        before=$(sha256sum < /mnt/file)
        if [ -x "$(command -v fio)" ]; then
            fio --name=verify --filename=/mnt/verify --size=24M --rw=randwrite --bsrange=512-64k --ioengine=libaio \\
                --direct=1 --iodepth=32 --verify=crc32c --verify_fatal=1 --minimal \\
                --loops=\(SystemCalls.environmentValue("RINGSIDE_FIO_LOOPS") ?? "4") > /tmp/fio
            rm /mnt/verify
        fi
        umount /mnt
        echo 3 > /proc/sys/vm/drop_caches
        mount -t ext4 ${disk}2 /mnt
        [ "$before" = "$(sha256sum < /mnt/file)" ]
        umount /mnt
        sg() { tool=$1; shift; sg_$tool "$@" $spare > /tmp/sg 2>&1 || echo "sg_$tool $* failed: $(cat /tmp/sg)"; }
        sg inq; sg inq -p 0x80; sg inq -p 0x83; sg inq -p 0x86; sg vpd -p bl; sg vpd -p bdc; sg vpd -p lbpv
        sg readcap; sg readcap --16; sg luns; sg modes -a; sg opcodes; sg requests; sg turs -n 100; sg start --start
        sg verify --lba=8 --count=8; sg sync; sg get_lba_status --lba=0; sg unmap --lba=0 --num=8 --force
        sg write_same --16 --lba=0 --num=64 --in=/dev/zero --xferlen=512; sg persist -k; sg persist -c; sg rtpg
        echo "content $before"
        cat /proc/partitions
        iscsi-test-cu -d -v -g -t SCSI $spare > /tmp/conformance 2>&1 || true
        grep -E '^ +tests' /tmp/conformance
        grep -c SKIPPED /tmp/conformance
        """

    /// What the guest has beside busybox; fio where it is installed, which only the long checks see to.
    private static var programs: [String] {
        let tools = "inq vpd readcap luns modes opcodes requests turs start verify sync get_lba_status unmap"
        let others = " write_same persist rtpg reset"
        let fio = FilePath.locate(program: "fio") == nil ? [] : ["fio"]
        return ["mkfs.ext4", "sfdisk", "iscsi-test-cu"] + fio
            + (tools + others).split(separator: " ").map { "sg_\($0)" }
    }

    @Test func aGuestMountsADiskAndItsContentIsInTheFile() async throws {
        try await withServer(["3=ramdisk:96M"]) { server in
            let outcome = try await server.boot(Self.programs, Self.script)
            #expect(outcome.status == 0, "\(outcome)")
            #expect(["sda2", "sdb2"].contains { outcome.output.contains($0) })
            #expect(!outcome.output.contains("failed"), "\(outcome.output)")
            try checkConformance(outcome.output)
            try await server.stop()
            try await checkFile(server.disk, outcome.output)
        }
    }

    /// What the guest does while the host plugs and unplugs a unit; it tells the host through the disk how far it is.
    private static let plugScript = """
        set -e
        for module in virtio_pci virtio_scsi sd_mod; do modprobe $module; done
        for tries in $(seq 300); do [ -b /dev/sda ] && break; sleep 0.1; done
        tell() { echo "$1" | dd of=/dev/sda conv=fsync 2>/dev/null; }
        tell waiting
        unit=/sys/class/scsi_device/0:0:0:7
        for tries in $(seq 300); do [ -e $unit/device/block ] && break; sleep 0.1; done
        cat /sys/block/$(ls $unit/device/block)/size
        tell present
        for tries in $(seq 300); do [ -e $unit ] || break; sleep 0.1; done
        [ ! -e $unit ]
        echo gone
        tell growing
        before=$(cat /sys/block/sda/size)
        for tries in $(seq 300); do [ $(cat /sys/block/sda/size) = $before ] || break; sleep 0.1; done
        echo $(( $(cat /sys/block/sda/size) - before ))
        """

    @Test func unitsComeAndGoWhileTheGuestRuns() async throws {
        try await withServer([]) { server in
            async let outcome = server.boot([], Self.plugScript)
            try await server.waitForDisk(toSay: "waiting")
            let added = try await server.control("add", "7=ramdisk:2M")
            #expect(added == Outcome(status: 0, output: "added 0:7=ramdisk:2M\n", error: ""))
            let again = try await server.control("add", "7=ramdisk:2M")
            #expect(again.status == 1 && again.error.contains("0:7 is there already"))
            try await server.waitForDisk(toSay: "present")
            #expect(try await server.control("remove", "7").output == "removed 0:7\n")
            try await server.waitForDisk(toSay: "growing")
            #expect(try await Host.shell("truncate -s +1M \(server.disk)").status == 0)
            #expect(try await server.control("resize", "0").output.hasSuffix(" bytes now\n"))
            #expect(try await outcome.output == "4096\ngone\n2048\n")
            try await server.stop()
        }
    }

    private func withServer(_ units: [String], _ body: (ServeProcess) async throws -> Void) async throws {
        let directory = try FilePath.makeTemporaryDirectory(prefix: "serve")
        defer { #expect(throws: Never.self) { try directory.removeTree() } }
        let emulator = directory.appending("qemu")
        try emulator.write(Self.emulator().utf8, permissions: [.ownerReadWriteExecute])
        try await body(try await ServeProcess(directory, units))
    }

    /// The file system's own tools, told where the second partition begins, find the same content in the file that the
    /// guest found on its disk.
    private func checkFile(_ disk: FilePath, _ output: String) async throws {
        let digest = try #require(output.split(separator: "\n").first { $0.hasPrefix("content ") })
        let place = "'\(disk)?offset=17825792'"
        let check = try await Host.shell("e2fsck -fn \(place)")
        #expect(check.status == 0, "\(check)")
        let file = try await Host.shell("debugfs -R 'cat /file' \(place) 2>/dev/null | sha256sum")
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
}

/// A server of its own process, with a file of 96 MiB as LUN 0.
private struct ServeProcess {
    let disk: FilePath
    private let directory: FilePath
    private let process: ChildProcess

    init(_ directory: FilePath, _ units: [String]) async throws {
        self.directory = directory
        disk = directory.appending("disk.img")
        _ = try await Host.shell("truncate -s 96M \(disk)")
        process = try ChildProcess.spawn(
            arguments: [
                Host.ringside.string, "serve", "--socket", directory.appending("socket").string, "--control",
                directory.appending("control").string, "--lun", "0=file:\(disk)",
            ] + units.flatMap { ["--lun", $0] },
            environment: []
        )
    }

    /// Boots a guest on it that runs a script.
    func boot(_ programs: [String], _ script: String) async throws -> Outcome {
        let memory = directory.appending("memory").string
        let machine = [
            "--timeout", "300", "--qemu", directory.appending("qemu").string, "--memory-file", memory,
        ]
        let modules = ["virtio_pci", "virtio_scsi", "sd_mod", "sg", "ext4"].flatMap { ["--module", $0] }
        let tools = programs.flatMap { ["--include", FilePath.locate(program: $0)?.string ?? $0] }
        return try await Host.run(["vm", "run"] + machine + modules + tools + ["--", "sh", "-c", script])
    }

    func control(_ words: String...) async throws -> Outcome {
        let control = ["--control", directory.appending("control").string]
        return try await Host.run(["serve", "ctl"] + words.prefix(1) + control + words.dropFirst())
    }

    /// Waits until the file begins with a word that the guest has written.
    func waitForDisk(toSay word: String) async throws {
        for _ in 0..<600 {
            if try disk.firstBytes(word.utf8.count).elementsEqual(word.utf8) { return }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw OperationError("wait for", "\"\(word)\" on the disk", errno: .timedOut)
    }

    /// Ends it by SIGTERM, which must be clean and take the sockets along.
    func stop() async throws {
        #expect(kill(process.processID, SIGTERM) == 0)
        for _ in 0..<100 {
            var status: CInt = 0
            // `status` outlives the call.
            if unsafe waitpid(process.processID, &status, WNOHANG) == process.processID {
                #expect(status == 0)
                #expect(!directory.appending("socket").exists && !directory.appending("control").exists)
                return
            }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw OperationError("wait for", "the server", errno: .timedOut)
    }
}

extension FilePath {
    fileprivate func firstBytes(_ count: Int) throws -> [UInt8] {
        let file = try FileDescriptor.open(self, .readOnly, options: .closeOnExec)
        return try file.closeAfter { try file.readBytes(upTo: count) }
    }
}

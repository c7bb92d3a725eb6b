// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing

/// A stock guest that sends and checks T10 protection information (DIX and DIF) on the disks of `ringside serve`.
@Suite(.needsTestVM, .serialized) struct ServeProtectionTests {
    /// The types that the kernel finds, each disk written and compared, and a block whose information the host damages.
    private static let script = """
        set -e
        for module in virtio_pci virtio_scsi sd_mod sg; do modprobe $module; done
        found() { for lun in 0 1 2 3 4; do [ -e /sys/class/scsi_device/0:0:0:$lun/device/block ] || return; done; }
        for tries in $(seq 300); do found && break; sleep 0.1; done
        sleep 0.5
        name() { ls /sys/class/scsi_device/0:0:0:$1/device/block; }
        if [ -x "$(command -v fio)" ]; then
            fio --name=verify --filename=/dev/$(name 0) --size=8M --rw=randwrite --bsrange=512-64k --ioengine=libaio \\
                --direct=1 --iodepth=16 --verify=crc32c --verify_fatal=1 --minimal > /tmp/fio
        fi
        dd if=/dev/urandom of=/tmp/data bs=64k count=16 2>/dev/null
        for lun in 0 2 3 4; do
            unit=/sys/class/scsi_disk/0:0:0:$lun
            disk=$(name $lun)
            echo "lun $lun type $(cat $unit/protection_type) $(cat $unit/protection_mode) own $(cat $unit/app_tag_own)" \\
                "$(cat /sys/block/$disk/integrity/format) tag $(cat /sys/block/$disk/integrity/tag_size)" \\
                "interval $(cat /sys/block/$disk/integrity/protection_interval_bytes)"
            dd if=/tmp/data of=/dev/$disk oflag=direct bs=64k 2>/dev/null
            dd if=/dev/$disk iflag=direct bs=64k count=16 2>/dev/null | cmp - /tmp/data
            echo 0 > /sys/block/$disk/integrity/write_generate
            echo 0 > /sys/block/$disk/integrity/read_verify
            dd if=/dev/$disk iflag=direct bs=64k count=16 2>/dev/null | cmp - /tmp/data
            dd if=/tmp/data of=/dev/$disk oflag=direct bs=16k 2>/dev/null
            echo 1 > /sys/block/$disk/integrity/write_generate
            echo 1 > /sys/block/$disk/integrity/read_verify
            dd if=/dev/$disk iflag=direct bs=64k count=16 2>/dev/null | cmp - /tmp/data
        done
        generic=/dev/$(ls /sys/class/scsi_device/0:0:0:0/device/scsi_generic)
        sg_readcap -l $generic | grep prot_en
        sg_vpd -p ei $generic | grep GRD_CHK
        sg_verify --lba=8 --count=8 --vrprotect=1 $generic
        echo waiting | dd of=/dev/$(name 1) conv=fsync 2>/dev/null
        for tries in $(seq 300); do
            [ "$(dd if=/dev/$(name 1) iflag=direct bs=512 count=1 2>/dev/null | head -c 7)" = damaged ] && break
            sleep 0.1
        done
        dd if=/dev/$(name 0) iflag=direct bs=512 skip=999 count=1 2>/dev/null | cmp -n 512 - /tmp/data 0 511488
        dd if=/dev/$(name 0) iflag=direct bs=512 skip=1000 count=1 > /dev/null && echo "read it all the same"
        sg_verify --lba=996 --count=8 --vrprotect=1 $generic 2>&1 || true
        dmesg | grep -E 'block guard check failed' | head -1
        """

    @Test func aGuestProtectsItsBlocks() async throws {
        let directory = try FilePath.makeTemporaryDirectory(prefix: "protect")
        defer { #expect(throws: Never.self) { try directory.removeTree() } }
        let emulator = directory.appending("qemu")
        try emulator.write(ServeTests.emulator(",t10_pi=on").utf8, permissions: [.ownerReadWriteExecute])
        _ = try await Host.shell("cd \(directory) && truncate -s 8M disk && truncate -s 1M mail")
        let units = "--lun 0=file:disk,pi=1 --lun 1=file:mail --lun 2=ramdisk:8M,pi=2 --lun 3=ramdisk:8M,pi=3"
        let server = try ServedProcess(
            in: directory,
            "--socket socket \(units) --lun 4=ramdisk:8M,bs=4096,pi=1"
        )
        async let guest = boot(directory)
        try await damage(directory)
        let outcome = try await guest
        #expect(outcome.status == 0, "\(outcome)")
        for line in [
            "lun 0 type 1", "lun 2 type 2", "lun 3 type 3", "lun 4 type 1", "T10-DIF-TYPE1-CRC",
            "T10-DIF-TYPE3-CRC", "prot_en=1, p_type=0, p_i_exponent=0 [type 1 protection]",
            "SPT=0 GRD_CHK=1 APP_CHK=0 REF_CHK=1", "Add. Sense: Logical block guard check failed",
        ] { #expect(outcome.output.contains(line), "\(outcome)") }
        #expect(!outcome.output.contains("all the same"), "\(outcome)")
        #expect(try server.end() == 0)
    }

    /// A file with protection information, written and read by the kernel's target and by ours in turn; the kernel's sd
    /// reads what its own target exports.
    private static let exchange = """
        set -e
        cd /tmp
        cat > t.yaml <<X
        backstores:
          disk: {source: "file:/tmp/disk,size=4M", attributes: {pi_prot_type: 1}}
        targets:
          naa.5001405c0ffee001: {1: {luns: {0: name:disk}}}
        X
        kernel=id=a,wwpn=naa.5001405c0ffee001,tpgt=1,t10_pi=on
        ours="--socket naa.5001405c0ffee001.sock --target 1"
        port=/sys/kernel/config/target/loopback/naa.5001405c0ffee002
        serve() {
            ringside serve --targets t.yaml --directory /tmp > log 2>&1 &
            server=$!
            for tries in $(seq 300); do [ -S naa.5001405c0ffee001.sock ] && break; sleep 0.1; done
        }
        end() { kill $server; wait $server; }
        look() { ringside vhost bench $ours --rw read --bs 64K --runtime 1 > out 2>&1 && echo good || tail -1 out; }
        offer() {
            ringside target apply t.yaml > /dev/null
            mkdir -p $port/tpgt_1
            echo naa.5001405c0ffee003 > $port/tpgt_1/nexus
            mkdir $port/tpgt_1/lun/lun_0
            ln -s /sys/kernel/config/target/core/fileio_0/disk $port/tpgt_1/lun/lun_0/disk
            for tries in $(seq 300); do [ -e /sys/block/sda/integrity ] && break; sleep 0.1; done
        }
        withdraw() {
            echo 1 > /sys/block/sda/device/delete
            rm $port/tpgt_1/lun/lun_0/disk
            rmdir $port/tpgt_1/lun/lun_0 $port/tpgt_1 $port
            ringside target clear > /dev/null
        }
        sd() { dd if=/dev/sda iflag=direct of=/dev/null bs=64k 2> out && echo good || tail -1 out; }
        ringside module load vhost_scsi target_core_file tcm_loop sd_mod > /dev/null
        offer
        ringside vhost verify --write --protection $kernel
        withdraw
        serve
        echo "we read: $(look)"
        ringside vhost verify --write --protection --seed 9 $ours
        end
        offer
        echo "sd reads: $(sd)"
        withdraw
        printf x | dd of=disk bs=1 seek=51207 conv=notrunc 2> /dev/null
        serve
        echo "we read then: $(look)"
        end
        offer
        echo "sd reads then: $(sd)"
        withdraw
        """

    @Test func theKernelsFilesAreOurs() async throws {
        let modules = ["vhost_scsi", "target_core_file", "tcm_loop", "sd_mod"]
        try await VirtualHost.boot(modules: modules) { host in
            let outcome = try await host.run(Self.exchange)
            #expect(outcome.status == 0, "\(outcome)")
            for line in ["we read: good", "sd reads: good"] {
                #expect(outcome.output.contains(line), "\(outcome)")
            }
            #expect(outcome.output.contains("we read then: ringside: "), "\(outcome)")
            #expect(outcome.output.contains("block guard check failed"), "\(outcome)")
            #expect(!outcome.output.contains("sd reads then: good"), "\(outcome)")
        }
    }

    /// Waits until the guest has written its blocks, turns a bit of one block's guard over, and says so.
    private func damage(_ directory: FilePath) async throws {
        let outcome = try await Host.shell(
            """
            cd \(directory)
            for tries in $(seq 1200); do [ "$(head -c 7 mail)" = waiting ] && break; sleep 0.1; done
            byte=$(dd if=disk.protection bs=1 skip=8000 count=1 2>/dev/null | od -An -tu1)
            printf "$(printf '\\\\%03o' $((byte ^ 1)))" | dd of=disk.protection bs=1 seek=8000 conv=notrunc 2>/dev/null
            printf damaged | dd of=mail conv=notrunc 2>/dev/null
            """
        )
        #expect(outcome.status == 0, "\(outcome)")
    }

    private func boot(_ directory: FilePath) async throws -> Outcome {
        let machine = [
            "--timeout", "300", "--qemu", directory.appending("qemu").string, "--memory-file",
            directory.appending("memory").string,
        ]
        let modules = ["virtio_pci", "virtio_scsi", "sd_mod", "sg"].flatMap { ["--module", $0] }
        // fio where it is installed, which only the long checks see to.
        let fio = FilePath.locate(program: "fio") == nil ? [] : ["fio"]
        let tools = (["sg_readcap", "sg_vpd", "sg_verify"] + fio).flatMap {
            ["--include", FilePath.locate(program: $0)?.string ?? $0]
        }
        return try await Host.run(
            ["vm", "run"] + machine + modules + tools + ["--", "sh", "-c", Self.script]
        )
    }
}

// SPDX-License-Identifier: MIT
import Glibc
import KernelModule
import LinuxSystem
import Subprocess
import SystemPackage
import TestVM

/// What booting a test VM takes.
enum TestVMChecks {
    static func run() async -> [HostCheck] {
        let kernel = Result { () throws in try KernelImage.find() }
        return [
            await emulator(), kernelImage(kernel), modules(kernel), agent(), acceleration(),
            tool("depmod", package: "kmod", purpose: "indexes the guest's modules"),
            tool("cpio", package: "cpio", purpose: "packs the guest's initramfs"),
            tool("xz", package: "xz-utils", purpose: "unpacks the kernel image of Debian 12"),
            .program(
                "zstd",
                package: "zstd",
                scope: .testVM,
                purpose: "unpacks the kernel image of other distributions",
                ifAbsent: .warn
            ),
            .program(
                "busybox",
                package: "busybox",
                scope: .testVM,
                purpose: "gives the guest a shell and small tools",
                ifAbsent: .warn
            ),
        ]
    }

    private static func tool(_ name: String, package: String, purpose: String) -> HostCheck {
        .program(name, package: package, scope: .testVM, purpose: purpose)
    }

    private static func emulator() async -> HostCheck {
        let name = "qemu-system-x86_64"
        var check = tool(name, package: "qemu-system-x86", purpose: "runs the guest")
        guard let path = FilePath.locate(program: name) else { return check }
        do {
            let result = try await Subprocess.run(
                .path(path),
                arguments: ["--version"],
                output: .string(limit: 4096),
                error: .discarded
            )
            let line = result.standardOutput.split(separator: "\n").first.map(String.init)
            check.finding = line ?? "\(path) ended with \(result.terminationStatus)"
            if line == nil { check.status = .missing }
        } catch {
            check.status = .missing
            check.finding = "\(path) does not start: \(error)"
        }
        return check
    }

    private static func kernelImage(_ kernel: Result<KernelImage, any Error>) -> HostCheck {
        var check = HostCheck(
            name: "kernel image",
            scope: .testVM,
            status: .ok,
            finding: "",
            purpose: "is what the guest boots"
        )
        do {
            let kernel = try kernel.get()
            check.finding = kernel.image.string
            try FileDescriptor.open(kernel.image, .readOnly, options: .closeOnExec).close()
        } catch let error as Errno {
            check.status = .missing
            check.finding += ": \(error.symbol): not readable for this user"
            check.fix = "chmod a+r /boot/vmlinuz-*"
        } catch {
            check.status = .missing
            check.finding = (error as? OperationError)?.cause ?? "\(error)"
            check.fix = "apt-get install linux-image-amd64"
        }
        return check
    }

    private static func modules(_ kernel: Result<KernelImage, any Error>) -> HostCheck {
        var check = HostCheck(
            name: "guest modules",
            scope: .testVM,
            status: .missing,
            finding: "no kernel to look into",
            purpose: "are what the guest loads: vhost_scsi and its backstores",
            fix: "apt-get install linux-image-amd64"
        )
        guard case .success(let kernel) = kernel else { return check }
        do throws(OperationError) {
            let files = try ModuleContext(directory: kernel.modules).closure(of: [
                "vhost_scsi", "target_core_mod",
            ])
            check.status = .ok
            check.finding =
                "vhost_scsi and what it needs: \(files.count) files in \(kernel.modules), read with libkmod"
            check.fix = nil
        } catch {
            check.finding = "\(error.object): \(error.cause)"
        }
        return check
    }

    private static func agent() -> HostCheck {
        var check = HostCheck(
            name: "guest agent",
            scope: .testVM,
            status: .missing,
            finding: "not built",
            purpose: "is the guest's first process",
            fix: "swift build -c release --static-swift-stdlib"
        )
        do throws(Errno) {
            let path = try FilePath("/proc/self/exe").resolved().removingLastComponent().appending(
                "GuestAgent"
            )
            if path.exists {
                check.status = .ok
                check.finding = path.string
                check.fix = nil
            }
        } catch {
            check.finding = "this program's own file cannot be found: \(error)"
        }
        return check
    }

    private static func acceleration() -> HostCheck {
        var check = HostCheck(
            name: "acceleration",
            scope: .testVM,
            status: .ok,
            finding: "",
            purpose: "makes the guest fast; without it QEMU translates, which takes longer but works"
        )
        switch Acceleration.probe() {
        case .kvm(let time):
            check.finding = "KVM works: its probe took \(time.milliseconds) ms"
        case .tcg(let reason):
            check.status = .warn
            check.finding = "no KVM: \(reason)"
            let device = FilePath("/dev/kvm")
            if device.exists && !isAccessible(device) { check.fix = "usermod --append --groups kvm $USER" }
        }
        return check
    }

    private static func isAccessible(_ path: FilePath) -> Bool {
        do {
            try FileDescriptor.open(path, .readWrite, options: .closeOnExec).close()
            return true
        } catch {
            return false
        }
    }
}

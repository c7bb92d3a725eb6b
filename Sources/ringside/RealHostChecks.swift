// SPDX-License-Identifier: MIT
import Glibc
import KernelModule
import LinuxSystem
import SystemPackage
import TestVM

/// What vhost-scsi targets on this host itself take.
enum RealHostChecks {
    static func run() async -> [HostCheck] {
        let configuration = await KernelConfiguration.ofRunningKernel()
        return [root(), options(configuration)]
            + ["configfs", "target_core_mod", "vhost_scsi"].map(module)
            + [configfs(), device()]
    }

    /// What building a module for a test VM's kernel takes.
    static func building() -> [HostCheck] {
        [
            headers(),
            .program("make", package: "make", scope: .building, purpose: "builds modules", ifAbsent: .warn),
            .program("gcc", package: "gcc", scope: .building, purpose: "compiles modules", ifAbsent: .warn),
        ]
    }

    private static func check(_ name: String, _ purpose: String) -> HostCheck {
        HostCheck(name: name, scope: .realHost, status: .ok, finding: "", purpose: purpose)
    }

    private static func root() -> HostCheck {
        var check = check("root", "loading modules and writing to configfs")
        check.finding = geteuid() == 0 ? "yes" : "user \(geteuid())"
        if geteuid() != 0 {
            check.status = .missing
            check.fix = "sudo ringside …"
        }
        return check
    }

    private static func options(_ configuration: KernelConfiguration?) -> HostCheck {
        var check = check("kernel options", "the kernel's part of vhost-scsi")
        guard let configuration else {
            check.status = .warn
            check.finding = "unknown: neither /proc/config.gz nor /boot/config-$(uname -r)"
            return check
        }
        let wanted = ["CONFIG_MODULES", "CONFIG_CONFIGFS_FS", "CONFIG_TARGET_CORE", "CONFIG_VHOST_SCSI"]
        let absent = wanted.filter { configuration.value(of: $0) == nil }
        check.finding =
            absent.isEmpty
            ? "all set in \(configuration.source)" : "not set in \(configuration.source): \(absent.list)"
        if !absent.isEmpty {
            check.status = .missing
            check.fix =
                "apt-get install linux-image-amd64, and boot it; or use a test VM: ringside quickstart"
        }
        return check
    }

    private static func module(_ name: String) -> HostCheck {
        var check = check(
            name,
            name == "configfs" ? "where targets are set up" : "the kernel's part of vhost-scsi"
        )
        if FilePath("/sys/module/\(name)").exists {
            check.finding = "in the kernel"
            return check
        }
        do throws(OperationError) {
            let isBuiltin = try ModuleContext().closure(of: [name]).isEmpty
            check.finding = isBuiltin ? "built in" : "installed, not loaded"
            if !isBuiltin {
                check.status = .warn
                check.fix = "ringside module load \(name)"
            }
        } catch {
            check.status = .missing
            check.finding = "\(error.object): \(error.cause)"
            check.fix =
                "apt-get install linux-image-amd64, and boot it; or use a test VM: ringside quickstart"
        }
        return check
    }

    private static func configfs() -> HostCheck {
        var check = check("configfs mount", "where targets are set up")
        do {
            let mounts = try FilePath("/proc/mounts").readText().split(separator: "\n").map {
                $0.split(separator: " ")
            }
            if let mount = mounts.first(where: { $0.count > 2 && $0[2] == "configfs" }) {
                check.finding = String(mount[1])
                return check
            }
            check.finding = "not mounted"
        } catch {
            check.finding = "/proc/mounts: \(error)"
        }
        check.status = .missing
        check.fix = "mount -t configfs none /sys/kernel/config"
        return check
    }

    private static func device() -> HostCheck {
        let path = FilePath("/dev/vhost-scsi")
        var check = check(path.string, "the host device that guests' queues are handed to")
        do {
            try FileDescriptor.open(path, .readWrite, options: .closeOnExec).close()
            check.finding = "opens"
        } catch {
            let errno = error as? Errno
            check.status = .missing
            check.finding = errno.map { "\($0.symbol): \($0)" } ?? "\(error)"
            check.fix = errno == .permissionDenied ? "run as root" : "ringside module load vhost_scsi"
        }
        return check
    }

    private static func headers() -> HostCheck {
        var check = HostCheck(
            name: "kernel headers",
            scope: .building,
            status: .warn,
            finding: "no kernel that a test VM could boot",
            purpose: "builds modules for the test VM's kernel",
            fix: "apt-get install linux-headers-amd64"
        )
        do throws(OperationError) {
            let kernel = try KernelImage.find()
            let build = kernel.modules.appending("build")
            check.finding = build.exists ? build.string : "no \(build)"
            check.fix = build.exists ? nil : "apt-get install linux-headers-\(kernel.release)"
            check.status = build.exists ? .ok : .warn
        } catch {
            check.finding = error.cause
        }
        return check
    }
}

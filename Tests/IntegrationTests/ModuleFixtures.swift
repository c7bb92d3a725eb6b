// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import TestVM
import Testing

/// The modules under `Modules`, built for the kernel that the test VMs boot, and damaged variants of them.
enum ModuleFixtures {
    private static let source = FilePath(#filePath).removingLastComponent().appending("Modules")
    private static let directory = Host.ringside.removingLastComponent().appending("test-modules")

    /// Why they cannot be built here; `nil` where they can.
    static var obstacle: String? {
        if let obstacle = Host.obstacle { return obstacle }
        do {
            let kernel = try KernelImage.find()
            return kernel.modules.appending("build").exists
                ? nil : "no kernel headers: install linux-headers-amd64"
        } catch {
            return "\(error)"
        }
    }

    /// Where the guest has them.
    static let guestDirectory = FilePath("/modules")

    /// Builds them once per run.
    ///
    /// - Returns: every file, with its place in the guest.
    static func files() async throws -> [(host: FilePath, guest: FilePath)] {
        try await build.value
        return try directory.entryNames().filter { $0.contains(".ko") }.map {
            (directory.appending($0), guestDirectory.appending($0))
        }
    }

    /// Options for `vm run` that pack some of them.
    static func options(_ names: String...) async throws -> String {
        try await build.value
        return names.map { "--module \(directory.appending("\($0).ko"))" }.joined(separator: " ")
    }

    private static let build = Task {
        let modules = try KernelImage.find().modules
        let headers = modules.appending("build")
        let outcome = try await Host.shell(
            """
            set -e
            mkdir -p '\(directory)'
            cd '\(directory)'
            cp -u '\(source)'/* .
            make -s -C '\(headers)' M="$PWD" modules >make.log 2>&1 || { cat make.log >&2; exit 1; }
            # What the kernel or the loader must refuse, or must take all the same.
            LC_ALL=C sed 's/depends=vhost\\x00/depends=\\x00\\x00\\x00\\x00\\x00\\x00/' t_lone.ko >t_bare.ko
            LC_ALL=C sed 's/\\(vermagic=[^ ]*\\) SMP/\\1 XMP/' t_hello.ko >t_magic.ko
            LC_ALL=C sed 's/vhost_has_work/vhost_has_none/g' t_bare.ko >t_alone.ko
            LC_ALL=C sed 's/t_prov\\x00/t_twin\\x00/g' t_prov.ko >t_twin.ko
            LC_ALL=C sed 's/CRC7 calc/CRX7 calc/' '\(modules)/kernel/lib/crc7.ko' >t_signed.ko
            versions=$(readelf -SW t_hello.ko | sed -n 's/.* __versions *PROGBITS *[0-9a-f]* \\([0-9a-f]*\\) .*/\\1/p')
            cp t_hello.ko t_version.ko
            printf '\\1\\2\\3\\4' | dd of=t_version.ko bs=1 seek=$((0x$versions)) conv=notrunc status=none
            cp t_hello.ko t_arm.ko
            printf '\\267' | dd of=t_arm.ko bs=1 seek=18 conv=notrunc status=none
            cp t_hello.ko t_type.ko
            printf '\\3' | dd of=t_type.ko bs=1 seek=16 conv=notrunc status=none
            gzip -c t_hello.ko >t_packed.ko.gz
            : >t_empty.ko
            echo text >t_text.ko
            head -c 5000 t_hello.ko >t_short.ko
            cp t_hello.ko t_renamed.ko
            xz -kf --check=crc32 t_hold.ko
            zstd -qf t_noexit.ko -o t_noexit.ko.zst
            rm t_hold.ko t_noexit.ko
            """
        )
        guard outcome.status == 0 else {
            throw OperationError("build", "\(source)", cause: outcome.error)
        }
    }
}

extension Trait where Self == ConditionTrait {
    /// Skips, with the reason, where test modules cannot be built or run.
    static var needsModuleFixtures: ConditionTrait {
        .enabled(if: ModuleFixtures.obstacle == nil, Comment(rawValue: ModuleFixtures.obstacle ?? ""))
    }
}

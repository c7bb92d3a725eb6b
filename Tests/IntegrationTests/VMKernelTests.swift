// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import TestVM
import Testing

/// Kernels that are not installed.
@Suite(.needsTestVM, .serialized) struct VMKernelTests {
    @Test func aPackagesKernelBootsAndIsNotInstalled() async throws {
        let release = try KernelImage.find().release
        let outcome = try await Host.shell(
            """
            \(Self.makePackages(release))
            ls -l --time-style=full-iso /var/lib/dpkg/status >before
            $R vm run --kernel kernel.deb --module vhost_iotlb -- sh -c 'uname -r; modprobe vhost_iotlb && echo loaded'
            ls -l --time-style=full-iso /var/lib/dpkg/status | cmp - before && echo same
            ls $D/ringside | grep -c ^kernel-
            for package in empty arm text; do $R vm run --kernel $package.deb -- true; done
            $R vm run --arch aarch64 -- true
            cd /; rm -rf $D
            """
        )
        #expect(outcome.output == "\(release)\nloaded\nsame\n1\n", "\(outcome.error)")
        let errors = outcome.error.split(separator: "\n").filter { $0.hasPrefix("ringside: ") }
        let messages = [
            "ringside: find kernel empty.deb: the package does not hold a kernel with its modules",
            "ringside: start kernel arm.deb: it is for arm64: ",
            "ringside: run dpkg-deb: ", "ringside: start a machine: it is for aarch64: ",
        ]
        #expect(errors.count == messages.count, "\(outcome.error)")
        for (error, message) in zip(errors, messages) { #expect(error.hasPrefix(message), "\(error)") }
    }

    /// Shell that makes, in a directory `$D`, a package of the host's kernel with few modules, and three that are of no use.
    private static func makePackages(_ release: String) -> String {
        """
        set -e; R=\(Host.ringside) D=$(mktemp -d); cd $D; export XDG_CACHE_HOME=$D
        mkdir -p kernel/boot kernel/lib/modules/\(release) kernel/DEBIAN empty/DEBIAN arm/DEBIAN
        cp /boot/vmlinuz-\(release) /boot/config-\(release) kernel/boot
        (cd /lib/modules/\(release) && find . -name 'virtio*.ko' -o -name vhost_iotlb.ko -o -name 'modules.[bo]*[nor]' |
            cpio -pdmL --quiet $D/kernel/lib/modules/\(release))
        for package in kernel empty arm; do
            architecture=amd64; [ $package != arm ] || architecture=arm64
            printf 'Package: %s\\nVersion: 1\\nMaintainer: nobody\\nDescription: x\\nArchitecture: %s\\n' \\
                $package $architecture >$package/DEBIAN/control
            dpkg-deb -Znone --build $package >/dev/null
        done
        echo text >text.deb; set +e
        """
    }
}

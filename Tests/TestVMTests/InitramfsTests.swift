// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing

@testable import TestVM

@Suite final class InitramfsTests {
    let directory: FilePath

    init() throws { directory = try FilePath.makeTemporaryDirectory(prefix: "ringside-test") }

    deinit {
        do { try directory.removeTree() } catch { Issue.record("\(directory) is left behind: \(error)") }
    }

    @Test func aScriptBringsItsInterpreterAndItsLibraries() async throws {
        let script = directory.appending("script")
        try script.write("#!/usr/bin/env bash\necho\n".utf8)
        let files = try await ProgramClosure.files(of: script)
        #expect(files.first == script)
        #expect(files.contains { $0.lastComponent == "bash" })
        #expect(files.contains { $0.lastComponent == "libc.so.6" })
        #expect(files.contains { $0.lastComponent == "ld-linux-x86-64.so.2" })
    }

    @Test func whatIsMissingIsNamed() async throws {
        let script = directory.appending("script")
        try script.write("#!/no/interpreter\n".utf8)
        await #expect { try await ProgramClosure.files(of: script) } throws: {
            "\($0)" == "pack \(script): its interpreter /no/interpreter is not on this host"
        }
        await #expect { try await ProgramClosure.files(of: "/no/program") } throws: {
            "\($0)" == "pack /no/program: ENOENT: No such file or directory"
        }
    }

    @Test func dataFilesStandAlone() async throws {
        #expect(try await ProgramClosure.files(of: "/etc/debian_version") == ["/etc/debian_version"])
    }

    @Test(.enabled(if: FilePath("/lib/modules").exists, "no kernel with modules is installed"))
    func theArchiveHoldsEverythingAndIsMadeOnce() async throws {
        let kernel = try KernelImage.find()
        let programs = [
            Initramfs.Program(path: "/bin/ls"),
            Initramfs.Program(path: "/etc/debian_version", guestPath: "renamed"),
        ]
        let cache = Cache(directory: directory.appending("cache"))
        func archive(_ modules: [String]) async throws -> (FilePath, isNew: Bool) {
            try await Initramfs(
                kernel: kernel,
                modules: modules,
                programs: programs,
                channel: ["virtio_console"],
                agent: "/bin/true"
            ).archive(cache: cache)
        }
        let (path, isNew) = try await archive(["vhost_scsi"])
        #expect(isNew)
        #expect(try await archive(["vhost_scsi"]) == (path, false))
        #expect(try await archive([]).isNew)
        #expect(try cache.directory.entryNames().count == 2)

        // cpio, which did not write the names, is the judge.
        try await HostTool.cpio.run(
            ["--extract", "--quiet", "--make-directories", "--file", path.string],
            in: directory
        )
        let root = directory.appending("usr")
        #expect(try root.appending("bin/ls").readAll() == FilePath("/bin/ls").readAll())
        #expect(try directory.appending("renamed").readAll() == FilePath("/etc/debian_version").readAll())
        #expect(try directory.appending("init").readAll() == FilePath("/bin/true").readAll())
        let dependencies = try root.appending("lib/modules/\(kernel.release)/modules.dep").readText()
        for module in ["vhost_scsi", "vhost", "vhost_iotlb", "target_core_mod", "configfs", "virtio_console"]
        {
            #expect(dependencies.contains("/\(module).ko:"), "\(module)")
        }
        let channel = try directory.appending("ringside/modules").readText().split(separator: "\n").map(
            String.init
        )
        #expect(channel.last?.hasSuffix("/virtio_console.ko") == true)
        for module in channel { #expect(FilePath(directory.string + module).exists, "\(module)") }
    }
}

@Suite struct AccelerationTests {
    @Test func aDeviceThatIsNotKVMIsNotUsed() {
        #expect(
            Acceleration.probe(device: "/dev/null")
                == .tcg(reason: "probe /dev/null: ENOTTY: Inappropriate ioctl for device")
        )
        #expect(
            Acceleration.probe(device: "/dev/none")
                == .tcg(reason: "open /dev/none: ENOENT: No such file or directory")
        )
    }

    @Test(.enabled(if: FilePath("/dev/kvm").exists, "no /dev/kvm"))
    func theProbeDecidesFast() {
        let start = ContinuousClock.now
        let acceleration = Acceleration.probe()
        #expect(start.duration(to: .now) < .seconds(2))
        if case .kvm(let time) = acceleration { #expect(time <= Acceleration.limit) }
    }
}

// SPDX-License-Identifier: MIT
import KernelModule
import LinuxSystem
import Subprocess
public import SystemPackage

/// What a test VM is to be made of.
public struct MachineOptions: Sendable {
    /// A release, or the path of an image; the newest installed kernel when `nil`.
    public var kernel: String?
    /// Modules that the guest can load, by name, alias or `.ko` file; what they depend on comes with them.
    public var modules: [String] = []
    /// Host programs that the guest gets under their own paths, with their libraries.
    public var programs: [FilePath] = []
    /// Programs under another path in the guest.
    public var renamedPrograms: [(host: FilePath, guest: FilePath)] = []
    /// Virtual processors.
    public var processors = 1
    /// Guest memory in MiB.
    public var memory = 512
    /// The file that is the guest's memory, address for address up to 3 GiB, and stays when the machine is gone.
    public var memoryFile: FilePath?
    /// Where the pipes of a `Monitor` are; a machine with one is ended through it.
    public var monitor: FilePath?
    /// Further words for the kernel's command line.
    public var append: [String] = []
    /// How the guest's instructions are run; probed when `nil`.
    public var acceleration: Acceleration?
    /// The emulator.
    public var emulator = "qemu-system-x86_64"
    /// The agent's executable.
    public var agent: FilePath

    public init(agent: FilePath) { self.agent = agent }
}

/// A test VM that is ready to boot: everything found, unpacked and packed.
public struct Machine: Sendable {
    public let kernel: KernelImage
    public let acceleration: Acceleration
    /// The emulator and its arguments, without those that name this run's files.
    public let commandLine: [String]
    /// The files that were not in the cache and had to be made, such as `initramfs`.
    public let packed: [String]
    let memory: Int
    let memoryFile: FilePath?

    /// Finds the kernel, resolves modules and programs, and makes what the cache does not hold yet.
    public init(_ options: MachineOptions, cache: Cache = Cache()) async throws {
        guard let emulator = FilePath.locate(program: options.emulator) else {
            throw OperationError(
                "start",
                options.emulator,
                errno: .noSuchFileOrDirectory,
                cause: "QEMU is not installed",
                hint: "install it, as root: apt-get install qemu-system-x86"
            )
        }
        kernel = try KernelImage.find(options.kernel)
        if let chosen = options.acceleration {
            acceleration = chosen
        } else {
            acceleration = try await Acceleration.probe(cache: cache)
        }
        memory = options.memory
        memoryFile = options.memoryFile
        let programs =
            options.programs.map { Initramfs.Program(path: $0) }
            + options.renamedPrograms.map {
                Initramfs.Program(path: $0.host, guestPath: String($0.guest.string.dropFirst()))
            }
        let initramfs = try await Initramfs(
            kernel: kernel,
            modules: options.modules,
            programs: programs,
            agent: options.agent
        )
        let (archive, isNewArchive) = try await initramfs.archive(cache: cache)
        let (image, isNewImage) =
            try kernel.hasPVHEntry
            ? await KernelPayload.uncompressed(kernel, cache: cache) : (kernel.image, false)
        packed = (isNewArchive ? ["initramfs"] : []) + (isNewImage ? ["vmlinux"] : [])
        commandLine =
            [emulator.string] + Self.arguments(options, acceleration, image: image, initramfs: archive)
    }

    private static func arguments(
        _ options: MachineOptions,
        _ acceleration: Acceleration,
        image: FilePath,
        initramfs: FilePath
    ) -> [String] {
        var words = ["console=ttyS0", "quiet", "panic=-1", "cryptomgr.notests", "mitigations=off", "pci=off"]
        let accelerator: [String]
        switch acceleration {
        case .kvm: accelerator = ["-accel", "kvm", "-cpu", "host"]
        case .tcg:
            accelerator = ["-accel", "tcg,thread=multi", "-cpu", "max"]
            // The guest reads the host's counter, so it has nothing to calibrate or to check it against; without a
            // trusted counter it would fall back to the tick, with clocks and wake-ups of 4 ms.
            words += ["no_timer_check", "tsc=reliable", "tsc_early_khz=\(TimeStampCounter.kilohertz)"]
        }
        let backend = options.memoryFile.map { file in
            ["-object", "memory-backend-file,id=ram,size=\(options.memory)M,mem-path=\(file),share=on"]
        }
        let extras = (backend ?? []) + (options.monitor.map(Monitor.arguments) ?? [])
        return accelerator + extras + [
            "-M", "microvm,acpi=on" + (backend == nil ? "" : ",memory-backend=ram"), "-bios", "qboot.rom",
            "-no-user-config", "-nodefaults", "-display",
            "none", "-no-reboot",
            "-m", "\(options.memory)M", "-smp", "\(options.processors),sockets=1,cores=\(options.processors)",
            "-kernel", image.string, "-initrd", initramfs.string,
            "-append", (words + options.append).joined(separator: " "),
            "-serial", "chardev:console",
            "-chardev", "stdio,id=agent,signal=off",
            "-device", "virtio-serial-device", "-device", "virtserialport,chardev=agent,name=ringside.agent",
        ]
    }
}

// SPDX-License-Identifier: MIT
public import GuestProtocol
import KernelModule
import LinuxSystem
import Subprocess
public import SystemPackage

/// What a test VM is to be made of.
public struct MachineOptions: Sendable {
    /// A release, the path of an image or of a Debian package; the newest installed kernel when `nil`.
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
    /// Directories of the host that the guest mounts under their own paths.
    public var shares: [Share] = []
    /// Files of the host that the guest has as disks.
    public var disks: [Disk] = []
    /// The guest's root is the host's, and what it writes there stays in its memory.
    public var usesHostRoot = false
    /// A core of it that `crash` and drgn open can be written, because the kernel tells where its tables are.
    public var describesItsMemory = false
    /// What kind of machine it is.
    public var profile = MachineProfile.fast
    /// Start from the saved state of such a machine that has booted already, which is made if it is not there.
    public var startsWarm = false
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
    /// What the guest mounts once it is up.
    public internal(set) var mounts: [GuestMount]
    let memory: Int
    let memoryFile: FilePath?
    var startsWarm: Bool
    /// What it goes on from.
    var saved: SavedState?
    let cache: Cache
    /// The emulator's further arguments in this run.
    var extraArguments: [String] = []

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
        if let package = options.kernel, KernelPackage.isOne(package) {
            kernel = try await KernelPackage.unpacked(FilePath(package), cache: cache)
        } else {
            kernel = try KernelImage.find(options.kernel)
        }
        if let chosen = options.acceleration {
            acceleration = chosen
        } else {
            acceleration = try await Acceleration.probe(cache: cache)
        }
        memory = options.memory
        memoryFile = options.memoryFile
        startsWarm = options.startsWarm
        self.cache = cache
        mounts = options.mounts
        let preparation = try Preparation(options, kernel: kernel, cache: cache)
        let files: Preparation.Files
        if let remembered = preparation.remembered() {
            (files, packed) = (remembered, [])
        } else {
            (files, packed) = try await Self.make(options, kernel, preparation, cache)
        }
        let counter = try await TimeStampCounter.kilohertz(cache: cache)
        commandLine =
            try [emulator.string] + Self.arguments(options, acceleration, files, counter: counter)
            + options.deviceArguments
    }

    /// Packs and unpacks what the cache does not hold.
    private static func make(
        _ options: MachineOptions,
        _ kernel: KernelImage,
        _ preparation: Preparation,
        _ cache: Cache
    ) async throws -> (Preparation.Files, packed: [String]) {
        let programs =
            options.programs.map { Initramfs.Program(path: $0) }
            + options.renamedPrograms.map {
                Initramfs.Program(path: $0.host, guestPath: String($0.guest.string.dropFirst()))
            }
        let initramfs = try await Initramfs(
            kernel: kernel,
            modules: options.modules,
            programs: programs,
            channel: options.channelModules,
            disk: options.diskModules,
            agent: options.agent
        )
        let (archive, isNewArchive) = try await initramfs.archive(cache: cache)
        let (image, isNewImage) =
            try kernel.hasPVHEntry
            ? await KernelPayload.uncompressed(kernel, cache: cache) : (kernel.image, false)
        let files = Preparation.Files(image: image, initramfs: archive)
        try await preparation.remember(files, madeFrom: initramfs.sources + Preparation.indexes(of: kernel))
        return (files, (isNewArchive ? ["initramfs"] : []) + (isNewImage ? ["vmlinux"] : []))
    }

    /// Memory that is a file, or starts as one and leaves it as it is.
    static func memory(_ size: Int, in file: FilePath, isShared: Bool) -> [String] {
        let share = isShared ? "on" : "off"
        return [
            "-object", "memory-backend-file,id=ram,size=\(size)M,mem-path=\(file.escaped),share=\(share)",
            "-machine", "memory-backend=ram",
        ]
    }

    private static func arguments(
        _ options: MachineOptions,
        _ acceleration: Acceleration,
        _ files: Preparation.Files,
        counter: UInt64
    ) -> [String] {
        // A task that is blocked for longer is reported while such a machine may still run, and not after two minutes.
        let hung = ["timeout_secs=60", "check_interval_secs=10"].map { "sysctl.kernel.hung_task_\($0)" }
        var words =
            ["console=ttyS0", "quiet", "panic=-1", "cryptomgr.notests", "mitigations=off"] + hung
            + options.profile.kernelWords
        let accelerator: [String]
        switch acceleration {
        case .kvm: accelerator = ["-accel", "kvm", "-cpu", "host"]
        case .tcg:
            // With ERMS, kernels and C libraries copy byte by byte, which is fast on real processors only.
            accelerator = ["-accel", "tcg,thread=multi", "-cpu", "max,-erms"]
            // The guest reads the host's counter, so it has nothing to calibrate or to check it against; without a
            // trusted counter it would fall back to the tick, with clocks and wake-ups of 4 ms.
            // At other addresses each time, a program's code would be translated anew each time.
            words += ["no_timer_check", "tsc=reliable", "tsc_early_khz=\(counter)", "norandmaps"]
        }
        let backend = options.memoryFile.map { Self.memory(options.memory, in: $0, isShared: true) } ?? []
        let extras = backend + (options.monitor.map(Monitor.arguments) ?? []) + options.profile.devices
        return accelerator + ["-M", options.profile.board] + options.profile.firmware + extras + [
            "-no-user-config", "-nodefaults", "-display", "none", "-no-reboot",
            "-m", "\(options.memory)M", "-smp", "\(options.processors),sockets=1,cores=\(options.processors)",
            "-kernel", files.image.string, "-initrd", files.initramfs.string,
            "-append", (words + options.append).joined(separator: " "),
            "-serial", "chardev:console",
            "-chardev", "stdio,id=agent,signal=off",
            "-device", "virtio-serial-\(options.profile.bus)", "-device",
            "virtserialport,chardev=agent,name=ringside.agent",
        ]
    }
}

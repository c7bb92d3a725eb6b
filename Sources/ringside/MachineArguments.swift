// SPDX-License-Identifier: MIT
import ArgumentParser
import LinuxSystem
import SystemPackage
import TestVM

/// The options that say what a test VM is made of.
struct MachineArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The kernel: a release, or the path of its image or of its Debian package.",
            valueName: "release|path|deb"
        ),
        completion: .file()
    )
    var kernel: String?

    @Option(help: ArgumentHelp("The processors; there is an agent for x86_64 only.", valueName: "name"))
    var arch = "x86_64"

    @Option(help: "Virtual processors, 1 to 64.")
    var cpus: Int?

    @Option(help: ArgumentHelp("Guest memory.", valueName: "size"), transform: { try ByteSize($0) })
    var memory = ByteSize(bytes: 512 << 20)

    @Option(help: ArgumentHelp("Kill the machine after so many seconds.", valueName: "seconds"))
    var timeout = 120

    @Option(help: "How to run the guest's instructions.")
    var accel = Accelerator.auto

    @Option(help: ArgumentHelp("The emulator.", valueName: "program"), completion: .file())
    var qemu = "qemu-system-x86_64"

    @Option(
        help: ArgumentHelp("Add a word to the kernel's command line; may be repeated.", valueName: "word")
    )
    var append: [String] = []

    @Option(
        help: ArgumentHelp(
            "Keep the guest's memory in this file; it stays, also after a panic.",
            valueName: "file"
        ),
        completion: .file()
    )
    var memoryFile: String?

    func validate() throws {
        if let cpus, !(1...64).contains(cpus) {
            throw ValidationError("--cpus \(cpus): not between 1 and 64")
        }
        guard (1...86400).contains(timeout) else {
            throw ValidationError("--timeout \(timeout): not between 1 second and a day")
        }
        guard memory.bytes >= 128 << 20 else {
            throw ValidationError("--memory \(memory): a machine needs at least 128M")
        }
    }

    /// Refuses `--memory-file` beside `--warm`.
    func requireNoMemoryFile() throws {
        if memoryFile == nil { return }
        throw ValidationError("--warm and --memory-file: a saved machine has its memory elsewhere")
    }

    /// The machine's options with this program as `/usr/bin/ringside` and its agent.
    func options(modules: [String] = []) throws -> MachineOptions {
        guard Architecture.available.contains(arch) else {
            throw Architecture.unavailable(arch, for: "a machine")
        }
        let program = try ownExecutable()
        let agent = program.removingLastComponent().appending("GuestAgent")
        guard agent.exists else {
            throw OperationError(
                "find",
                "the guest's agent \(agent)",
                errno: .noSuchFileOrDirectory,
                hint: "build it beside this program: swift build -c release --static-swift-stdlib"
            )
        }
        var options = MachineOptions(agent: agent)
        options.kernel = kernel
        options.modules = modules
        options.processors = cpus ?? 1
        options.memory = Int(memory.bytes >> 20)
        options.append = append
        options.emulator = qemu
        options.memoryFile = memoryFile.map { FilePath($0) }
        options.renamedPrograms = [(host: program, guest: "/usr/bin/ringside")]
        options.acceleration = accel.acceleration
        return options
    }

    private func ownExecutable() throws -> FilePath {
        do throws(Errno) {
            return try FilePath("/proc/self/exe").resolved()
        } catch {
            throw OperationError("find", "this program's own file", errno: error)
        }
    }
}

/// `--accel`.
enum Accelerator: String, ExpressibleByArgument, CaseIterable {
    case auto, kvm, tcg

    var acceleration: Acceleration? {
        switch self {
        case .auto: nil
        case .kvm: .kvm(probe: .zero)
        case .tcg: .tcg(reason: "asked for")
        }
    }
}

// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import TestVM

/// The modules under `kmod`, built for the kernel that the test VMs boot, and a machine to load them into.
enum MinidumpModules {
    private static let source = FilePath(#filePath).removingLastComponent().removingLastComponent()
        .removingLastComponent()
        .appending("kmod")

    /// Where the simulation has shared memory, and the word that keeps the kernel out of there.
    static let reservation = "memmap=1M$0x7000000"

    /// The global table in it.
    static let tableAddress = 0x700_0040

    private static let build = Task {
        let headers = try KernelImage.find().modules.appending("build")
        let outcome = try await Host.shell("make -s -C '\(source)' KDIR='\(headers)' >&2")
        guard outcome.status == 0 else {
            throw OperationError("build", "\(source)", cause: outcome.error)
        }
    }

    /// Builds them once per run.
    ///
    /// - Returns: in the order in which they load.
    static func files() async throws -> [String] {
        try await build.value
        return ["smem_sim/smem_sim.ko", "minidump/qcom_minidump.ko", "minidump_client/minidump_client.ko"]
            .map { source.appending($0).string }
    }

    /// Boots a machine with a reserved range and the modules in it.
    @discardableResult
    static func boot(
        append: [String] = [],
        processors: Int = 1,
        deadline: Duration = .seconds(300),
        _ body: @Sendable @escaping (VirtualHost) async throws -> Void
    ) async throws -> KernelLog {
        try await VirtualHost.boot(
            modules: files(),
            append: [reservation] + append,
            processors: processors,
            deadline: deadline,
            body
        )
    }
}

extension VirtualHost {
    /// Loads modules by name, in order, with what insmod says of the first that cannot be loaded.
    func insert(_ modules: String...) async throws -> Outcome {
        let lines = modules.map { module in
            let words = module.split(separator: " ", maxSplits: 1)
            return "insmod /lib/modules/*/updates/\(words[0]).ko \(words.dropFirst().joined())"
        }
        return try await run(lines.joined(separator: " && "))
    }

    /// Lines of the driver's list of regions, each split into name, virtual address, physical address, bytes.
    func minidumpRegions() async throws -> [[String]] {
        try await run("cat /sys/kernel/debug/qcom_minidump/regions").output.split(separator: "\n")
            .map { $0.split(separator: " ").map(String.init) }
    }

    /// 32-bit words of shared memory, as a reader of physical memory sees them.
    func sharedMemory(at address: Int, words: Int) async throws -> [UInt32] {
        let dump = "dd if=/dev/mem bs=4 skip=\(address / 4) count=\(words) 2>/dev/null | od -An -v -tx4"
        return try await run(dump).output.split { $0 == " " || $0 == "\n" }.compactMap {
            UInt32($0, radix: 16)
        }
    }
}

// SPDX-License-Identifier: MIT
import ArgumentParser
import LinuxSystem
import Minidump
import Subprocess
import SystemPackage
import TestVM

struct MinidumpDemo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Crash a test VM, collect its minidump, and prove every byte of it.",
        discussion: """
            Builds the kernel modules, boots a VM with them, registers regions of every kind of memory and panics. \
            Then it collects the regions from the VM's memory file, assembles them, and compares each, byte for byte, \
            with a dump that QEMU wrote itself of the same memory, and its place with the driver's own list.

            EXAMPLES
              ringside minidump demo
              ringside minidump demo --keep /tmp/demo
            """
    )

    @Option(
        help: ArgumentHelp("Keep memory, collection and core in this new directory.", valueName: "directory"),
        completion: .directory
    )
    var keep: String?

    @Option(
        help: ArgumentHelp("Where the kernel modules' sources are.", valueName: "directory"),
        completion: .directory
    )
    var modules: String?

    @OptionGroup var machine: MachineArguments
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let directory = try workDirectory()
        let result: Result<DemoReport, any Error>
        do { result = .success(try await demonstrate(in: directory)) } catch { result = .failure(error) }
        if keep == nil { try directory.removeTree() }
        let report = try result.get()
        try output.print(report) { $0.description }
        if report.regions.contains(where: { $0.verdict != "equal" }) { throw ExitCode(1) }
    }

    private func workDirectory() throws -> FilePath {
        guard let keep else { return try FilePath.makeTemporaryDirectory(prefix: "ringside-minidump") }
        do throws(Errno) {
            try FilePath(keep).makeDirectory()
            return try FilePath(keep).resolved()
        } catch {
            throw OperationError("make", keep, errno: error)
        }
    }

    private func demonstrate(in directory: FilePath) async throws -> DemoReport {
        let sources = try moduleSources()
        var options = try machine.options()
        let release = try KernelImage.find(options.kernel).release
        try await build(sources, release: release)
        options.modules = DemoCrash.modules.map {
            sources.appending($0.directory).appending("\($0.name).ko").string
        }
        options.append += ["memmap=1M$0x7000000", "panic=0"]
        let crash = DemoCrash(directory: directory)
        (options.memoryFile, options.monitor) = (crash.memory, crash.monitor)
        let (_, listing) = try await Machine(options).withFallback(options) {
            try await crash.run($0, deadline: .seconds(machine.timeout))
        }
        return try DemoProof(directory: directory, crash: crash, listing: listing).report()
    }

    /// `kmod` beside the build directory that this program is in, unless told otherwise.
    private func moduleSources() throws -> FilePath {
        if let modules { return try FilePath(modules).resolved() }
        var directory = try FilePath("/proc/self/exe").resolved()
        while !directory.appending("kmod/Makefile").exists {
            guard directory.removeLastComponent() else {
                throw OperationError(
                    "find",
                    "kmod/Makefile",
                    errno: .noSuchFileOrDirectory,
                    hint: "say where it is: --modules DIRECTORY"
                )
            }
        }
        return directory.appending("kmod")
    }

    private func build(_ sources: FilePath, release: String) async throws {
        guard let make = FilePath.locate(program: "make") else {
            throw OperationError(
                "run",
                "make",
                errno: .noSuchFileOrDirectory,
                hint: "install it, as root: apt-get install make"
            )
        }
        let result = try await Subprocess.run(
            .path(make),
            arguments: ["-s", "-C", sources.string, "KDIR=/lib/modules/\(release)/build", "modules"],
            output: .string(limit: 1 << 20),
            error: .string(limit: 1 << 20)
        )
        guard result.terminationStatus == .exited(0) else {
            throw OperationError(
                "build",
                sources.string,
                cause: result.standardError,
                hint: "it needs the package linux-headers-\(release)"
            )
        }
    }
}

/// The crash, and the two readings of memory after it: QEMU's file and QEMU's own dump.
private struct DemoCrash: Sendable {
    /// In the order in which they are loaded.
    static let modules = [
        (directory: "smem_sim", name: "smem_sim"), (directory: "minidump", name: "qcom_minidump"),
        (directory: "minidump_client", name: "minidump_client"),
    ]

    var directory: FilePath
    var memory: FilePath { directory.appending("guest.ram") }
    var monitor: FilePath { directory.appending("monitor") }
    var oracle: FilePath { directory.appending("oracle.core") }

    /// Boots, registers, panics; gives the driver's own list of regions from before.
    func run(_ machine: Machine, deadline: Duration) async throws -> String {
        let monitor = try Monitor(at: monitor)
        let report = try await machine.run(deadline: deadline, isEndedByBody: true) { guest in
            let listing = try await output(
                of: """
                    ringside module load \(Self.modules.map(\.name).joined(separator: " ")) >/dev/null && \
                    cat /sys/kernel/debug/qcom_minidump/regions
                    """,
                in: guest
            )
            // It never ends: the machine stops below it.
            let crash = Task {
                try await guest.execute(["sh", "-c", "echo 1 >/sys/module/minidump_client/parameters/crash"])
            }
            try await guest.waitForPanic()
            try await monitor.stop()
            try await monitor.dumpMemory(to: oracle)
            try await monitor.quit()
            _ = await crash.result
            return listing
        }
        return report.value
    }

    private func output(of line: String, in guest: Guest) async throws -> String {
        var (text, errors): ([UInt8], [UInt8]) = ([], [])
        let status = try await guest.execute(["sh", "-c", line]) { stream, bytes in
            if stream == .output { text += bytes } else { errors += bytes }
        }
        guard status == 0 else {
            throw OperationError(
                "load",
                "the minidump modules in the VM",
                cause: String(decoding: errors, as: UTF8.self)
            )
        }
        return String(decoding: text, as: UTF8.self)
    }
}

/// Collects, assembles and compares.
private struct DemoProof {
    var directory: FilePath
    var crash: DemoCrash
    /// The driver's list: name, virtual address, physical address, size.
    var listing: String

    func report() throws -> DemoReport {
        let collected = directory.appending("collected")
        let core = directory.appending("minidump.elf")
        let image = try Dump(opening: [crash.memory])
        _ = try image.write(image.regionsOutsideOfHeader, header: image.headerRegion, to: collected)
        _ = try Dump(opening: [collected]).assemble(to: core)
        let dump = try Dump(opening: [core])
        guard let oracle = try Dump(opening: [crash.oracle]).memory else {
            throw OperationError("read", crash.oracle.string, cause: "QEMU's dump holds no tables")
        }
        let expected = Set(listing.split(separator: "\n").map(normalised))
        var rows: [DemoReport.Row] = []
        for region in dump.regions { rows.append(try row(region, oracle, expected)) }
        let found = Set(dump.regions.map(\.name))
        for line in expected
        where !line.name.isEmpty && !found.contains(line.name) && line.name != "KELF_HEADER" {
            rows.append(
                DemoReport.Row(
                    name: line.name,
                    virtual: line.virtual,
                    physical: line.physical,
                    size: 0,
                    verdict: "lost"
                )
            )
        }
        let log = try dump.kernelLog()
        return DemoReport(
            kernel: dump.vmcoreInfo?["OSRELEASE"] ?? "unknown",
            regions: rows,
            logRecords: log.records.count,
            lastWords: log.records.last { $0.text.contains("Kernel panic") }?.text ?? ""
        )
    }

    private struct Line: Hashable {
        var name, virtual, physical, size: String
    }

    private func normalised(_ line: Substring) -> Line {
        let words = line.split(separator: " ").map(String.init)
        guard words.count == 4, let virtual = PhysicalAddress(argument: words[1]),
            let physical = PhysicalAddress(argument: words[2])
        else {
            return Line(name: "", virtual: "", physical: "", size: "")
        }
        return Line(
            name: words[0],
            virtual: hexadecimal(virtual.value),
            physical: hexadecimal(physical.value),
            size: words[3]
        )
    }

    private func row(_ region: DumpRegion, _ oracle: PhysicalMemory, _ expected: Set<Line>) throws
        -> DemoReport.Row
    {
        let line = Line(
            name: region.name,
            virtual: hexadecimal(region.virtualAddress ?? 0),
            physical: hexadecimal(region.physicalAddress ?? 0),
            size: "\(region.size)"
        )
        let isListed = expected.contains(line) || region.name == "linux_banner"
        let difference = try region.firstDifference(from: oracle)
        let verdict =
            difference.map { "differs at \(hexadecimal($0))" }
            ?? (isListed ? "equal" : "not in the driver's list")
        return DemoReport.Row(
            name: line.name,
            virtual: line.virtual,
            physical: line.physical,
            size: region.size,
            verdict: verdict
        )
    }
}

private struct DemoReport: Encodable, CustomStringConvertible {
    var kernel: String
    var regions: [Row]
    var logRecords: Int
    var lastWords: String

    struct Row: Encodable {
        var name, virtual, physical: String
        var size: UInt64
        var verdict: String
    }

    var description: String {
        let table = Table(
            columns: ["region", "virtual", "physical", "size", "against QEMU's dump"],
            rows: regions.map { [$0.name, $0.virtual, $0.physical, "\($0.size)", $0.verdict] }
        )
        let equal = regions.count { $0.verdict == "equal" }
        return """
            \(table)
            \(equal) of \(regions.count) regions equal, \(regions.reduce(0) { $0 + $1.size }) bytes; Linux \(kernel)
            kernel log: \(logRecords) records; \(lastWords)
            """
    }
}

// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

/// A machine as it was when its agent was ready, in files that any number of machines start from.
///
/// Its memory is a file that the emulator maps privately: what a machine writes is its own, and only the pages that it
/// touches are read.
struct SavedState {
    let directory: FilePath

    private var memory: FilePath { directory.appending("memory") }
    private var devices: FilePath { directory.appending("devices") }
    private var log: FilePath { directory.appending("log") }

    /// How many are kept; each takes what its guest has touched, about 170 MB.
    private static let limit = 4

    /// The state of a machine like this one, made by booting it where there is none yet.
    static func find(for machine: Machine) async throws -> SavedState {
        let digest = StableHash.hexadecimal(try identity(of: machine))
        let (directory, _) = try await machine.cache.file("state", digest: digest, limit: limit) { path in
            try path.makeDirectory(mode: 0o700)
            try await SavedState(directory: path).fill(from: machine)
        }
        return SavedState(directory: directory)
    }

    /// All that a saved machine and one that starts from it must have in common.
    private static func identity(of machine: Machine) throws -> String {
        let emulator = try FilePath(machine.commandLine[0]).resolved()
        let boot = try Cache.bootIdentifier ?? ""
        return (machine.commandLine + ["\(emulator) \(try emulator.modificationTime())", boot]).joined(
            separator: "\n"
        )
    }

    private func fill(from machine: Machine) async throws {
        try machine.requireSpace(for: directory)
        let pipes = directory.appending("monitor")
        let monitor = try Monitor(at: pipes)
        var machine = machine
        // A mounted share cannot be saved; it is mounted after the start.
        machine.mounts = []
        machine.extraArguments =
            Machine.memory(machine.memory, in: memory, isShared: true) + Monitor.channel(at: pipes)
        let devices = devices
        let report = try await machine.runOnce(deadline: .seconds(120), isEndedByBody: true) { _ in
            try await monitor.saveDevices(to: devices)
            try await monitor.quit()
        }
        for pipe in [FilePath("\(pipes).in"), FilePath("\(pipes).out")] { try pipe.removeTree() }
        try log.write(report.kernelLog.records.map { $0.line + "\n" }.joined().utf8)
    }

    /// What the kernel had logged by then; its agent goes on behind that.
    var kernelLog: KernelLog {
        get throws {
            KernelLog(
                try log.readText().split(separator: "\n").map(String.init).compactMap(KernelLogRecord.init)
            )
        }
    }

    /// The emulator's further arguments for a machine that goes on from here, with a monitor of ``monitor(at:)``.
    func arguments(memory size: Int, monitor pipes: FilePath) -> [String] {
        Machine.memory(size, in: memory, isShared: false) + Monitor.channel(at: pipes) + [
            "-incoming", "defer",
        ]
    }

    /// Where the pipes of its monitor are in a machine's directory.
    static func pipes(in directory: FilePath) -> FilePath { directory.appending("monitor") }

    /// A monitor that has the machine go on once the emulator is there; it is to be kept for as long as that runs.
    func monitor(at pipes: FilePath) throws -> Monitor {
        let monitor = try Monitor(at: pipes)
        try monitor.restoreDevices(from: devices)
        return monitor
    }
}

extension Machine {
    /// The machine that goes on from a saved state, where that was asked for; makes the state where there is none yet.
    public func warmed() async throws -> Machine {
        guard startsWarm else { return self }
        var machine = self
        machine.saved = try await SavedState.find(for: self)
        return machine
    }

    /// The machine that boots, after its saved state turned out to be of no use; removes that.
    public func cooled() throws -> Machine {
        try saved?.directory.removeTree()
        var machine = self
        (machine.saved, machine.startsWarm) = (nil, false)
        return machine
    }

    /// Whether it goes on from a saved state.
    public var isWarm: Bool { saved != nil }

    /// Refuses where the guest's memory has no room in the file system that is to hold it.
    func requireSpace(for file: FilePath) throws(OperationError) {
        let free: Int
        do throws(Errno) { free = try file.freeBytes() } catch {
            throw OperationError("look at", file.string, errno: error)
        }
        if free >= memory << 20 { return }
        throw OperationError(
            "keep the guest's memory in",
            file.string,
            errno: Errno(rawValue: 28),
            cause: "it takes \(memory) MiB, and \(free >> 20) MiB are free"
        )
    }
}

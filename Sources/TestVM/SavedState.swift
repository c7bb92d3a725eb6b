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

    /// How many are kept; each takes what its guest has touched, about 170 MB.
    private static let limit = 4

    /// The state of a machine like this one, made by booting it where there is none yet.
    static func find(for machine: Machine, cache: Cache) async throws -> SavedState {
        let digest = try await Cache.digest(of: identity(of: machine))
        let (directory, _) = try await cache.file("state", digest: digest, limit: limit) { path in
            try path.makeDirectory(mode: 0o700)
            try await SavedState(directory: path).fill(from: machine)
        }
        return SavedState(directory: directory)
    }

    /// All that a saved machine and one that starts from it must have in common.
    private static func identity(of machine: Machine) throws -> String {
        // The time stamp counter's rate is measured anew each time; it is the host's until that boots again.
        let words = machine.commandLine.map { word in
            word.split(separator: " ").filter { !$0.hasPrefix("tsc_early_khz=") }.joined(separator: " ")
        }
        let emulator = try FilePath(words[0]).resolved()
        let boot = try FilePath("/proc/sys/kernel/random/boot_id").readText()
        return (words + ["\(emulator) \(try emulator.modificationTime())", boot]).joined(separator: "\n")
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
        _ = try await machine.runOnce(deadline: .seconds(120), isEndedByBody: true) { _ in
            try await monitor.saveDevices(to: devices)
            try await monitor.quit()
        }
        for pipe in [FilePath("\(pipes).in"), FilePath("\(pipes).out")] { try pipe.removeTree() }
    }

    /// The machine that goes on from here, and the monitor that has been told so.
    func resumed(_ machine: Machine, monitor pipes: FilePath) throws -> (Machine, Monitor) {
        let monitor = try Monitor(at: pipes)
        try monitor.restoreDevices(from: devices)
        var machine = machine
        machine.isResumed = true
        machine.extraArguments =
            Machine.memory(machine.memory, in: memory, isShared: false) + Monitor.channel(at: pipes)
            + ["-incoming", "defer"]
        return (machine, monitor)
    }
}

extension Machine {
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

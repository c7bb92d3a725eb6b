// SPDX-License-Identifier: MIT
import ArgumentParser
import FoundationEssentials
import Glibc
import KernelModule
import LinuxSystem
import SystemPackage

struct ModuleWatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Show modules as they come and go, and as their users do.",
        discussion: """
            Prints a line for each change of a module's state, use count or holders, until interrupted, until the \
            named modules are as --until says, or until the time is over, which is then a failure.

            EXAMPLES
              ringside module watch
              ringside module watch vhost_scsi --until unused --for 30
              ringside module watch driver --until absent --json
            """
    )

    /// What to wait for.
    enum Goal: String, ExpressibleByArgument, CaseIterable {
        case live, unused, absent
    }

    @Argument(help: "Only these modules.")
    var names: [String] = []

    @Option(help: "End when all of them are live, without users, or gone.")
    var until: Goal?

    @Option(name: .customLong("for"), help: ArgumentHelp("End after so long.", valueName: "seconds"))
    var limit: Double?

    @Option(help: ArgumentHelp("Look so often.", valueName: "milliseconds"))
    var interval = 50

    @OptionGroup var output: OutputOptions

    func validate() throws {
        if until != nil && names.isEmpty { throw ValidationError("--until: name the modules to wait for") }
        guard (1...60_000).contains(interval) else {
            throw ValidationError("--interval \(interval): not between 1 and 60000 milliseconds")
        }
        if let limit, !(limit > 0 && limit <= 86_400) {
            throw ValidationError("--for \(limit): not between 0 and 86400 seconds")
        }
    }

    func run() throws {
        let wanted = names.map { $0.replacing("-", with: "_") }
        let start = MonotonicClock.nanoseconds
        var before = try RunningModules().all()
        while !isReached(before, wanted) {
            let passed = Double(MonotonicClock.nanoseconds - start) / 1e9
            if let limit, passed > limit {
                guard let until else { return }
                let cause = "not \(until.rawValue) after \(limit) s"
                throw OperationError("watch", wanted.list, errno: .timedOut, cause: cause)
            }
            usleep(UInt32(interval) * 1000)
            let now = try RunningModules().all()
            for change in ModuleChange.between(before, now, names: wanted) { try show(change, since: start) }
            before = now
        }
    }

    private func isReached(_ modules: [LoadedModule], _ wanted: [String]) -> Bool {
        guard let until else { return false }
        return wanted.allSatisfy { name in
            let module = modules.first { $0.name == name }
            return switch until {
            case .live: module?.state == .live
            case .unused: module.map { $0.referenceCount == 0 } ?? true
            case .absent: module == nil
            }
        }
    }

    private func show(_ change: ModuleChange, since start: UInt64) throws {
        if output.json {
            // One object for each line, because there is no end to wait for.
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return try Terminal.print(String(decoding: try encoder.encode(change), as: UTF8.self))
        }
        let tenths = (MonotonicClock.nanoseconds - start) / 10_000_000
        let time = "\(tenths / 100).\(String(tenths % 100 + 100).dropFirst())"
        let users = change.holders.isEmpty ? "" : " by \(change.holders.list)"
        let uses = change.state == "absent" ? "" : ", used \(change.referenceCount)\(users)"
        try Terminal.print("\(time) s  \(change.module)  \(change.state)\(uses)")
    }
}

// SPDX-License-Identifier: MIT
import FoundationEssentials
import LinuxSystem
import SystemPackage
import TestVM

/// One command of the quickstart, as a user would type it.
struct QuickstartStep: Sendable {
    var name: String
    var words: [String]
    /// Whether it takes `--json`.
    var hasJSON: Bool

    /// - Parameters:
    ///   - line: words with blanks between.
    ///   - last: one more word, which may hold blanks itself.
    init(_ name: String, _ line: String, _ last: String? = nil, hasJSON: Bool = true) {
        self.name = name
        words = line.split(separator: " ").map(String.init) + (last.map { [$0] } ?? [])
        self.hasJSON = hasJSON
    }

    var line: String { words.map(shellQuoted).joined(separator: " ") }

    func arguments(asJSON: Bool) -> [String] {
        words + (asJSON && hasJSON ? ["--json"] : [])
    }
}

/// How one stage of the quickstart went.
struct QuickstartStage: Encodable, Sendable {
    var name: String
    var milliseconds: Int64
    var command: String?
    /// What the command printed with `--json`.
    var result: JSONValue?
    var note: String?

    init(_ name: String, _ time: Duration, _ note: String) {
        self.name = name
        milliseconds = time.milliseconds
        self.note = note
    }

    init(_ step: QuickstartStep, _ time: Duration, result: JSONValue?) {
        name = step.name
        command = step.line
        milliseconds = time.milliseconds
        self.result = result
    }
}

/// What the quickstart ends with.
struct QuickstartSummary: Encodable {
    var kernel: String
    var acceleration: String
    var packed: [String]
    var stages: [QuickstartStage]
    var totalMilliseconds: Int64

    init(_ machine: Machine, _ stages: [QuickstartStage], _ total: Duration) {
        kernel = machine.kernel.release
        acceleration = machine.acceleration.description
        packed = machine.packed
        self.stages = stages
        totalMilliseconds = total.milliseconds
    }

    var description: String {
        let rows = stages.map { [seconds($0.milliseconds), $0.name, $0.note ?? ""] }
        let total = [[seconds(totalMilliseconds), "total", ""]]
        return "\n" + Table(columns: ["SECONDS", "STAGE", "WHAT"], rows: rows + total).description
    }

    private func seconds(_ milliseconds: Int64) -> String {
        "\(milliseconds / 1000).\(String(milliseconds % 1000 + 1000).dropFirst())"
    }
}

/// Runs the quickstart's commands in a machine and holds it to its promises.
struct QuickstartRun: Sendable {
    let guest: Guest
    let asJSON: Bool

    func run(_ steps: [QuickstartStep]) async throws -> [QuickstartStage] {
        let before = try await loadedModules()
        var stages: [QuickstartStage] = []
        for step in steps { stages.append(try await run(step)) }
        let left = try await loadedModules().subtracting(before)
        if !left.isEmpty {
            throw OperationError(
                "take down",
                "the target",
                cause: "still loaded: \(left.sorted().joined(separator: ", "))"
            )
        }
        let warnings = guest.kernelLogSinceBoot.warnings
        if !warnings.isEmpty {
            throw OperationError(
                "run",
                "quickstart",
                cause: "the kernel warned: " + warnings.map(\.text).joined(separator: "\n")
            )
        }
        return stages
    }

    private func run(_ step: QuickstartStep) async throws -> QuickstartStage {
        if asJSON { Terminal.showProgress(step.name) } else { try Terminal.print("\n$ \(step.line)") }
        let output = CommandOutput(passesOn: !asJSON)
        let clock = ContinuousClock()
        let start = clock.now
        let status = try await guest.execute(step.arguments(asJSON: asJSON), receive: output.receive)
        guard status == 0 else {
            // What is passed on has been read already.
            let words = asJSON ? ": \(output.text(.error))" : ""
            var error = OperationError("run", step.line, cause: "exit status \(status)\(words)")
            error.exitStatus = status
            throw error
        }
        let result = try asJSON && step.hasJSON ? JSONValue(parsing: output.bytes(.output)) : nil
        return QuickstartStage(step, start.duration(to: clock.now), result: result)
    }

    /// The names of the modules that are loaded in the machine.
    private func loadedModules() async throws -> Set<String> {
        let output = CommandOutput(passesOn: false)
        let status = try await guest.execute(
            ["ringside", "module", "list", "--json"],
            receive: output.receive
        )
        guard status == 0 else {
            throw OperationError("list", "the machine's modules", cause: output.text(.error))
        }
        let list = try JSONDecoder().decode(ModuleNames.self, from: Data(output.bytes(.output)))
        return Set(list.modules.map(\.name))
    }

    /// What is of use here in the output of `module list --json`.
    private struct ModuleNames: Decodable {
        struct Module: Decodable { var name: String }
        var modules: [Module]
    }
}

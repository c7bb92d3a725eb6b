// SPDX-License-Identifier: MIT
import ArgumentParser

struct RingCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ring",
        abstract: "Measure the ring engine.",
        discussion: """
            EXAMPLES
              ringside ring bench
              ringside ring bench --workload poll --batch 1,32 --json
            """,
        subcommands: [RingBenchCommand.self]
    )
}
